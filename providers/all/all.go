// Package all lists the places that ferry can deploy to.
package all

import (
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/aws"
	"github.com/ferryfn/ferry/providers/azure"
	"github.com/ferryfn/ferry/providers/gcp"
	"github.com/ferryfn/ferry/providers/knative"
	"github.com/ferryfn/ferry/providers/local"
)

// Providers are all of them, in the order in which they are shown.
func Providers() []providers.Provider {
	return []providers.Provider{
		local.Provider(),
		aws.Provider(),
		gcp.Provider(),
		azure.Provider(),
		knative.Provider(),
	}
}
