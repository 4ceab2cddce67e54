package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// serveReverse is the reverse proxy of Go's own library before an address, with connections for the load that cases are.
func serveReverse(address, port string) error {
	to, err := url.Parse(address)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to); r.SetXForwarded() },
		Transport: &http.Transport{MaxIdleConnsPerHost: loadConnections},
	}
	server := &http.Server{Addr: net.JoinHostPort("127.0.0.1", port), Handler: proxy, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}
