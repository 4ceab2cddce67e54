// Package addresses answers with the address of the client's end of the connection.
package addresses

import (
	"fmt"
	"net"
	"net/http"
)

// Handler answers with the host of the client.
var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	fmt.Fprint(w, host, err)
})
