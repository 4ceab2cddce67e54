//go:build !unix

package platformtest

import "net/http"

func children(http.ResponseWriter, *http.Request) {}
