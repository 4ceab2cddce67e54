package packager

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// foreseen is what is said of a handler in a file of its own.
func foreseen(t *testing.T, fn manifest.Function, shim string, files ...string) string {
	t.Helper()
	fn.Name, fn.Source = "api", "."
	p := &Packager{Root: packagertest.Project(t, files...)}
	warnings, err := p.Foresee(fn, Platform{Shim: shim, Runtime: fn.Runtime})
	if err != nil {
		e := packagertest.OfUser(t, err)
		if filepath.IsAbs(e.File) || e.Function != "api" {
			t.Errorf("it is not of a file of the function: %+v", e)
		}
		return e.Message + "; " + e.Hint
	}
	var said []string
	for _, w := range warnings {
		said = append(said, w.Message)
	}
	return strings.Join(said, "\n")
}

func TestAHandlerOfAnotherStyleIsForeseenByItsFileAlone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		style   manifest.Style
		handler string
		code    string
		want    string // "" where nothing is sure
	}{
		{"fetch", "app.js", "exports.handler = async (event) => ({ statusCode: 200 });", "add `style: lambda`"},
		{"fetch", "app.mjs", "export const handler = async (event, context) => {};", "add `style: lambda`"},
		{"fetch", "app.mjs", "export async function handler(event, context, callback) {}", "add `style: lambda`"},
		{"fetch", "app.ts:run", "export const run = async (event: APIGatewayProxyEventV2) => {};", "add `style: lambda`"},
		{"fetch", "app.js:run", "module.exports.run = function (evt, ctx, cb) {};", "add `style: lambda`"},
		{"fetch", "app.js", "const express = require('express');\nconst app = express();\napp.get('/', (req, res) => res.send());\nmodule.exports = app;", "add `style: node`"},
		{"lambda", "app.js", "import Fastify from 'fastify';\nconst app = Fastify({});\nexport default app;", "add `style: node`"},
		{"fetch", "app.js", "module.exports = (req, res) => res.end();", "add `style: node`"},
		{"fetch", "app.js", "export default function (req, res) {}", "add `style: node`"},
		{"node", "app.js", "export default function handler(req, res) {\n  res.status(200).json({});\n}", "add `style: gcf-http`"},
		{"node", "app.ts", "export default async function handler(req: Request, res: Response) {\n  res.send('x');\n}", "add `style: gcf-http`"},
		{"node", "app.js", "const app = require('./app');\nmodule.exports = (req, res) => {\n  app(req, res);\n  res.status(200);\n}", ""},
		{"node", "app.js", "module.exports = (req, res) => {\n  res.json = (v) => res.end(JSON.stringify(v));\n  res.json({});\n}", ""},
		{"node", "app.js", "import { Hono } from 'hono';\nconst app = new Hono();\nexport default app;", "add `style: fetch`"},
		{"fetch", "app.js", "const { app } = require('@azure/functions');\napp.http('hello', {});", "add `style: azure`"},
		{"fetch", "app.js", "const functions = require('@google-cloud/functions-framework');\nfunctions.http('hello', (req, res) => res.send());", "add `style: gcf-http`"},
		{"fetch", "app.js", "import { cloudEvent } from '@google-cloud/functions-framework';\ncloudEvent('hello', (e) => {});", "add `style: gcf-event`"},
		{"fetch", "app.js", "export default { fetch: () => new Response() };", ""},
		{"fetch", "app.js", "export const fetch = () => new Response();\nexport const handler = (event) => {};", ""},
		{"fetch", "app.js", "// exports.handler = (event, context) => {}\nexport default make();", ""},
		{"fetch", "app.js", "export default (request) => new Response();", ""},
		{"gcf-http", "app.js:hello", "exports.hello = (req, res) => res.send();", ""},
		{"lambda", "app.js", "exports.handler = async (event) => {};", ""},
		{"fetch", "absent.js", "", ""},
		{"wsgi", "app:app", "from fastapi import FastAPI\napp = FastAPI()\n", "add `style: asgi`"},
		{"wsgi", "app:app", "import os\nfrom django.core.asgi import get_asgi_application\napp = get_asgi_application()\n", "add `style: asgi`"},
		{"asgi", "app:app", "from flask import Flask\napp = Flask(__name__)\n", "add `style: wsgi`"},
		{"wsgi", "app:app", "async def app(scope, receive, send):\n    pass\n", "add `style: asgi`"},
		{"wsgi", "app:handler", "def handler(event, context):\n    pass\n", "add `style: lambda`"},
		{"wsgi", "app:main", "def main(request):\n    pass\n", "add `style: gcf-http`"},
		{"wsgi", "app:main", "import functions_framework\n@functions_framework.cloud_event\ndef main(e):\n    pass\n", "add `style: gcf-event`"},
		{"wsgi", "app:app", "import azure.functions as func\napp = func.FunctionApp()\n", "add `style: azure`"},
		{"gcf-event", "app:work", "def work(event, context):\n    pass\n", ""},
		{"gcf-event", "app:lambda_handler", "def lambda_handler(event, context):\n    pass\n", "add `style: lambda`"},
		{"wsgi", "app:app", "from aiohttp import web\napp = web.Application()\n", "it is made with what serves it by itself"},
		{"asgi", "app:app", "import tornado\napp = tornado.web.Application([])\n", "with `style: server`"},
		{"wsgi", "app:app", "import web\napp = web.application(urls)\n", ""},
		{"wsgi", "app:app", "def app(environ, start_response):\n    pass\n", ""},
		{"wsgi", "app:app", "@wrapped\ndef app(event, context):\n    pass\n", ""},
		{"wsgi", "app:app", "from shop import app\n", ""},
		{"go", ".", "package main\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n\nfunc main() { lambda.Start(nil) }\n", "add `style: lambda`"},
		{"go", ".", "package app\n\nimport \"github.com/GoogleCloudPlatform/functions-framework-go/functions\"\n\nfunc init() { functions.HTTP(\"Hello\", nil) }\n", "add `style: gcf`"},
		{"gcf", ".", "package app\n\nimport \"net/http\"\n\nvar Handler http.Handler\n", "add `style: go`"},
		{"go", ".", "package app\n\nimport \"net/http\"\n\nvar Handler http.Handler\n", ""},
	} {
		fn := manifest.Function{Handler: c.handler, Style: c.style, Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}}}
		files := []string{strings.SplitN(c.handler, ":", 2)[0], c.code}
		switch {
		case c.style == "go" || c.style == "gcf":
			fn.Runtime, files = "go", []string{"app.go", c.code, "go.mod", "module example.com/app\n"}
		case strings.HasPrefix(c.handler, "app:"):
			fn.Runtime, files[0] = "python3.13", "app.py"
		default:
			fn.Runtime = "nodejs22"
		}
		if c.code == "" {
			files = []string{"README", ""}
		}
		if said := foreseen(t, fn, "local", files...); c.want == "" && said != "" || !strings.Contains(said, c.want) {
			t.Errorf("%s %s: %q: it says %q, want %q", c.style, c.handler, c.code, said, c.want)
		}
	}
}

func TestAFunctionThatAnswersByWhatOnlyExpressAddsIsNotPackagedToFailLive(t *testing.T) {
	t.Parallel()
	for code, refused := range map[string]bool{
		"module.exports = (req, res) => res.status(200).json({});": true,
		"module.exports = (req, res) => res.end();":                false,
	} {
		fn := manifest.Function{Name: "api", Source: ".", Handler: "app.js", Style: manifest.StyleNode, Runtime: "nodejs22", Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}}}
		p := &Packager{Root: packagertest.Project(t, "app.js", code), Cache: t.TempDir()}
		if _, err := p.Build(t.Context(), fn, packagertest.Local(fn.Runtime)); (err != nil) != refused || refused && !strings.Contains(err.Error(), "what Express adds") {
			t.Errorf("%s: %+v", code, err)
		}
	}
}

func TestCodeThatReadsTheOtherFormOfLambdasRequestsIsRefused(t *testing.T) {
	t.Parallel()
	const program = "package main\n\nimport (\n\t\"github.com/aws/aws-lambda-go/events\"\n\t\"github.com/aws/aws-lambda-go/lambda\"\n)\n\nfunc main() { lambda.Start(handle) }\n\nfunc handle(r events."
	for code, refused := range map[string]bool{
		"exports.handler = async (event) => ({ statusCode: event.httpMethod === 'GET' ? 200 : 405 });":                                 true,
		"export const handler = async ({ ...event }) => { const { httpMethod, path } = event; };":                                      true,
		"import type { APIGatewayProxyEvent } from 'aws-lambda';\nexport const handler = async (event: APIGatewayProxyEvent) => ({});": true,
		"exports.handler = async (event) => event.httpMethod ?? event.requestContext.http.method;":                                     false,
		"exports.handler = async (event) => event.rawPath;":                                                                            false,
		"exports.handler = async (request) => request.httpMethod;":                                                                     true,
		"export const handler: Handler = async ({ path, httpMethod }) => path":                                                         true,
		"async function handler(e, context) { return e?.['httpMethod']; }\nmodule.exports = { handler };":                              true,
		"def handler(request: dict, context):\n    return request.get('httpMethod')\n":                                                 true,
		"exports.handler = async (request) => { const options = {}; return options.httpMethod; };":                                     false,
		"const handler = { httpMethod: 'GET' };":                                                                                       false,
		"exports.handler = async () => call({ httpMethod: 'POST' });":                                                                  false,
		"def handler(event, context):\n    return event[\"httpMethod\"]\n":                                                             true,
		"def handler(event, context):\n    return event.get('httpMethod')\n":                                                           true,
		"from aws_lambda_powertools.event_handler import APIGatewayRestResolver\n\ndef handler(event, context):\n    pass\n":           true,
		"def handler(event, context):\n    return event.get(\"httpMethod\") or event[\"requestContext\"][\"http\"][\"method\"]\n":      false,
		program + "APIGatewayProxyRequest) {}\n":                                                                                       true,
		program + "ALBTargetGroupRequest) {}\n":                                                                                        true,
		program + "APIGatewayV2HTTPRequest) {}\n":                                                                                      false,
	} {
		fn := manifest.Function{Handler: "app.ts:handler", Style: manifest.StyleLambda, Runtime: "nodejs22", Events: []manifest.Event{{HTTP: &manifest.HTTPEvent{}}}}
		files := []string{"app.ts", code}
		switch {
		case strings.HasPrefix(code, "package"):
			fn.Runtime, fn.Handler, files = "go", ".", []string{"main.go", code, "go.mod", "module example.com/app\n"}
		case strings.Contains(code, "def "):
			fn.Runtime, fn.Handler, files = "python3.13", "app:handler", []string{"app.py", code}
		}
		want := ""
		if refused {
			want = "add `payload: \"1.0\"`"
		}
		if said := foreseen(t, fn, "local", files...); !strings.Contains(said, want) || want == "" && said != "" {
			t.Errorf("%s: it says %q", code, said)
		}
		fn.Payload = "1.0"
		if said := foreseen(t, fn, "local", files...); said != "" {
			t.Errorf("with payload 1.0, %s: it says %q", code, said)
		}
		fn.Name, fn.Source, fn.Payload = "api", ".", "2.0"
		if _, err := newJob(&Packager{Root: packagertest.Project(t, files...)}, fn, packagertest.Local(fn.Runtime)); (err != nil) != refused {
			t.Errorf("packaging %s: %v", code, err)
		}
	}
}

func TestATakenConnectionIsForeseenInAPackageThatTheHandlerImports(t *testing.T) {
	t.Parallel()
	fn := manifest.Function{Handler: "cmd/api", Style: manifest.StyleGo, Runtime: "go"}
	files := []string{
		"go.mod", "module example.com/app\n\nrequire example.com/absent v1.0.0\n",
		"cmd/api/app.go", "package api\n\nimport (\n\t\"example.com/absent\"\n\t\"example.com/app/chat\"\n)\n\nvar Handler = chat.Handler\n",
		"chat/chat.go", "package chat\n\nimport \"github.com/gorilla/websocket\"\n\nvar up = websocket.Upgrader{}\n",
		"other/other.go", "package other\n\nimport \"net/http\"\n\nvar _ http.Hijacker\n",
	}
	for shim, want := range map[string]string{"aws": "chat/chat.go:5 takes over a connection (websocket.Upgrader), and aws has none", "local": "", "run": ""} {
		if said := foreseen(t, fn, shim, files...); want == "" && said != "" || !strings.Contains(said, want) || strings.Contains(said, "other") {
			t.Errorf("%s: it says %q", shim, said)
		}
	}
}
