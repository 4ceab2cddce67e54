// Package gcf is the echo handler as a function of Google's functions-framework.
package gcf

import (
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"example.com/goecho"
)

func init() { functions.HTTP("Echo", goecho.Handler.ServeHTTP) }
