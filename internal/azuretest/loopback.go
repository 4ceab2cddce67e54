package azuretest

import (
	"net/http"
	"net/http/httptest"
	"strings"
)

// OnLoopback gives apps that are made from now on an address of 127.0.0.1 of their own in place of a name of Azure's, for callers that
// know of no proxy: functions elsewhere. They trust the file of SSL_CERT_FILE.
func (c *Cloud) OnLoopback() { c.set(func(k *control) { k.onLoopback = 1 }) }

func onLoopback(k *control) int { return k.onLoopback }

// loopback is the address of an app there, the same also after the app was deleted and made anew.
func (c *Cloud) loopback(app string) string {
	listens := c.addresses[lower(app)]
	if listens == nil {
		listens = httptest.NewUnstartedServer(http.HandlerFunc(c.serveApp))
		listens.TLS = c.ca.config()
		listens.StartTLS()
		c.addresses[lower(app)] = listens
	}
	return strings.TrimPrefix(listens.URL, "https://")
}
