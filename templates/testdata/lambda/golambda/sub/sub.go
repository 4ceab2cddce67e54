// Package sub reads the environment before the program does.
package sub

import "os"

// Token is read when the package is initialized.
var Token = os.Getenv("TOKEN")
