// Package nodeworker is the worker of Azure Functions that runs apps of Node, for tests: a stand-in, or the real one where a folder
// with it is given. The real @azure/functions, which lies in each package, does its part with both.
package nodeworker

import (
	_ "embed"
	"os"
)

// Variable names the folder of the real worker: a checkout of Azure/azure-functions-nodejs-worker in which
// `npm install --ignore-scripts && npm run build` was run.
const Variable = "FERRY_AZURE_WORKER"

var (
	//go:embed standin.cjs
	standIn []byte
	//go:embed real.cjs
	realOne []byte
)

// Program is a program of Node that runs an app, and what it is given after the port to listen on and the folder of the app.
//
// It answers `GET /` with {functions, httpUri, error} as soon as the app is loaded, and `POST /invoke/NAME` with {returnValue,
// outputs, error}.
func Program() (source []byte, arguments []string) {
	if home := os.Getenv(Variable); home != "" {
		return realOne, []string{home}
	}
	return standIn, nil
}
