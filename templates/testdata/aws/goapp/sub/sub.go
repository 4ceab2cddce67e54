// Package sub reads the environment before the handler's package does.
package sub

import "os"

// Token is read when the package is initialized.
var Token = os.Getenv("TOKEN")
