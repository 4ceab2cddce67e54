package packager

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// registry serves versions of packages of the SDK, each of which exports its name and version.
func registry(t *testing.T, versions map[string][]string) (npmrc string) {
	t.Helper()
	packagertest.Needs(t, "node", "npm")
	answers := map[string][]byte{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers[r.URL.Path] == nil {
			http.NotFound(w, r)
		}
		_, _ = w.Write(answers[r.URL.Path])
	}))
	url := "http://" + server.Listener.Addr().String()
	for name, all := range versions {
		described, times := map[string]any{}, map[string]string{}
		for _, version := range all {
			packed := tarball(t, map[string]string{
				"package/package.json": `{"name":"` + name + `","version":"` + version + `","main":"index.js"}`,
				"package/index.js":     `exports.is = "` + name + "@" + version + `";`,
			})
			sum := sha512.Sum512(packed)
			file := "/files/" + name + "/" + version + ".tgz"
			answers[file] = packed
			described[version] = map[string]any{"name": name, "version": version, "main": "index.js", "dist": map[string]string{
				"tarball": url + file, "integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
			}}
			times[version] = "2024-01-01T00:00:00.000Z"
		}
		document, err := json.Marshal(map[string]any{"name": name, "versions": described, "time": times, "dist-tags": map[string]string{"latest": all[len(all)-1]}})
		if err != nil {
			t.Fatal(err)
		}
		answers["/"+name] = document
	}
	server.Start()
	t.Cleanup(server.Close)
	return "registry=" + url + "/\ncache=" + t.TempDir() + "\nfetch-retries=0\n"
}

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// ofLambda is a function that is written for Lambda.
func ofLambda(handler string) manifest.Function {
	fn := packagertest.Node(handler)
	fn.Style = manifest.StyleLambda
	return fn
}

// onLambda is the package of a function for Lambda.
func onLambda(t *testing.T, p *Packager, fn manifest.Function) (Artifact, error) {
	t.Helper()
	pl := packagertest.Local(fn.Runtime)
	pl.Shim = "aws"
	return anew(p).Build(context.Background(), fn, pl)
}

// handlersOfSDK import the SDK in each way that there is.
func handlersOfSDK() map[string]string {
	return map[string]string{
		"static.mjs":  "import { is } from '@aws-sdk/client-s3';\nimport * as smithy from '@smithy/signature';\nexport const all = [is, smithy.is];\nexport const handler = async () => all;\n",
		"static.cjs":  "const { is } = require('@aws-sdk/client-s3');\nexports.all = [is, require('@smithy/signature').is];\nexports.handler = async () => exports.all;\n",
		"typed.ts":    "import { is } from '@aws-sdk/client-s3';\nimport { is as smithy } from '@smithy/signature';\nexport const all: string[] = [is, smithy];\nexport const handler = async () => all;\n",
		"dynamic.mjs": "export const all = await Promise.all([import('@aws-sdk/client-s3'), import('@smithy/signature')]).then((m) => m.map(({ is }) => is));\nexport const handler = async () => all;\n",
	}
}

func TestOnLambdaTheSDKThatNobodyInstalledIsTheRuntimes(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node")
	runtime := packagertest.Project(t,
		"@aws-sdk/client-s3/package.json", `{"name":"@aws-sdk/client-s3"}`, "@aws-sdk/client-s3/index.js", `exports.is = "the runtime's client";`,
		"@smithy/signature/package.json", `{"name":"@smithy/signature"}`, "@smithy/signature/index.js", `exports.is = "the runtime's smithy";`)
	for name, code := range handlersOfSDK() {
		a, err := onLambda(t, newPackager(t, packagertest.Project(t, name, code)), ofLambda(name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		dir := unpack(t, a)
		file := bundleIn(t, dir, name)
		got := packagertest.Output(t, dir, "env", "NODE_PATH="+runtime, "node", "-e", "import('file://"+file+"').then((m) => console.log(m.all.join()))")
		if strings.TrimSpace(got) != "the runtime's client,the runtime's smithy" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// bundleIn is the bundle of a handler.
func bundleIn(t *testing.T, dir, handler string) string {
	t.Helper()
	stem := filepath.Join(dir, strings.TrimSuffix(handler, filepath.Ext(handler)))
	for _, ext := range []string{".mjs", ".cjs"} {
		if _, err := os.Stat(stem + ext); err == nil {
			return stem + ext
		}
	}
	t.Fatalf("there is no bundle of %s", handler)
	return ""
}

func TestElsewhereTheSDKThatNobodyInstalledIsBrought(t *testing.T) {
	t.Parallel()
	npmrc := registry(t, map[string][]string{"@aws-sdk/client-s3": {"3.400.0", "3.900.0"}, "@smithy/signature": {"2.0.0"}})
	for name, code := range handlersOfSDK() {
		root := packagertest.Project(t, name, code, ".npmrc", npmrc)
		dir := unpack(t, build(t, newPackager(t, root), ofLambda(name)))
		got := packagertest.Output(t, dir, "node", "-e", "import('file://"+bundleIn(t, dir, name)+"').then((m) => console.log(m.all.join()))")
		if strings.TrimSpace(got) != "@aws-sdk/client-s3@3.900.0,@smithy/signature@2.0.0" {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestTheSDKIsBroughtInTheVersionOfWhatTheProjectHasOfIt(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, ".npmrc", registry(t, map[string][]string{"@aws-sdk/lib-dynamodb": {"3.400.0", "3.500.0", "3.900.0"}}),
		"package.json", `{"dependencies":{"@aws-sdk/client-dynamodb":"3.600.0"}}`,
		"node_modules/@aws-sdk/client-dynamodb/package.json", `{"name":"@aws-sdk/client-dynamodb","version":"3.600.0"}`,
		"node_modules/@aws-sdk/client-dynamodb/index.js", `exports.is = "installed";`,
		"app.js", "exports.all = [require('@aws-sdk/client-dynamodb').is, require('@aws-sdk/lib-dynamodb').is];\nexports.handler = async () => exports.all;\n")
	a := build(t, newPackager(t, root), ofLambda("app.js"))
	if got := load(t, a, "app.cjs", "m.all.join()"); got != "installed,@aws-sdk/lib-dynamodb@3.500.0" {
		t.Errorf("got %s", got)
	}
}

func TestWhatTheManifestLeavesToLambdasRuntimeIsBroughtElsewhere(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, ".npmrc", registry(t, map[string][]string{"@aws-sdk/client-s3": {"3.900.0"}}),
		"app.mjs", "import { is } from '@aws-sdk/client-s3';\nexport const handler = async () => is;\nexport const all = [is];\n")
	for _, external := range []string{"@aws-sdk/*", "@aws-sdk/client-s3"} {
		fn := ofLambda("app.mjs")
		fn.Build.External = []string{external}
		if _, err := onLambda(t, newPackager(t, root), fn); err != nil {
			t.Errorf("on Lambda: %v", err)
		}
		if got := load(t, build(t, newPackager(t, root), fn), "app.mjs", "m.all.join()"); got != "@aws-sdk/client-s3@3.900.0" {
			t.Errorf("got %s", got)
		}
	}
}

func TestAPackageThatIsNotBundledHoldsTheSDKWhereNobodyElseHasIt(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, ".npmrc", registry(t, map[string][]string{"@aws-sdk/client-s3": {"3.900.0"}}),
		"package.json", `{"devDependencies":{"@aws-sdk/client-sns":"3.950.0"}}`,
		"node_modules/@aws-sdk/client-sns/package.json", `{"name":"@aws-sdk/client-sns","version":"3.950.0"}`,
		"node_modules/@aws-sdk/client-sns/index.js", `exports.is = "for tests";`,
		"lib/store.mjs", "export { is } from '@aws-sdk/client-s3';\n",
		"app.test.js", "require('@aws-sdk/client-nowhere');\n",
		"app.js", "exports.all = async () => [(await import('./lib/store.mjs')).is, require('@aws-sdk/client-sns').is];\nexports.handler = async () => exports.all();\n")
	fn := ofLambda("app.js")
	whole := false
	fn.Build.Bundle = &whole
	if got := load(t, build(t, newPackager(t, root), fn), "app.js", "(await m.default.all()).join()"); got != "@aws-sdk/client-s3@3.900.0,for tests" {
		t.Errorf("got %s", got)
	}
	a, err := onLambda(t, newPackager(t, root), fn)
	if err != nil {
		t.Fatal(err)
	}
	for name := range contents(t, a) {
		if strings.HasPrefix(name, "node_modules/") {
			t.Errorf("Lambda's runtime has %s", name)
		}
	}
}

func TestAPackageOfTheWorkspaceThatIsNotBundledGetsTheSDKToo(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, ".npmrc", registry(t, map[string][]string{"@aws-sdk/client-s3": {"3.900.0"}}),
		"shop/package.json", `{"dependencies":{"lib":"1.0.0"}}`,
		"lib/package.json", `{"name":"lib","version":"1.0.0","main":"index.js"}`,
		"lib/index.js", "exports.is = require('@aws-sdk/client-s3').is;\n",
		"shop/app.js", "exports.all = [require('lib').is];\nexports.handler = async () => exports.all;\n")
	if err := os.Mkdir(filepath.Join(root, "node_modules"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../lib", filepath.Join(root, "node_modules", "lib")); err != nil {
		t.Fatal(err)
	}
	fn := ofLambda("app.js")
	fn.Source = "shop"
	whole := false
	fn.Build.Bundle = &whole
	if got := load(t, build(t, newPackager(t, root), fn), "app.js", "m.default.all.join()"); got != "@aws-sdk/client-s3@3.900.0" {
		t.Errorf("got %s", got)
	}
}

func TestTheSDKThatTheProjectListsIsForTheProjectToInstall(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "package.json", `{"dependencies":{"@aws-sdk/client-s3":"3.600.0"}}`,
		"app.js", "require('@aws-sdk/client-s3');\nexports.handler = async () => 1;\n")
	_, err := onLambda(t, newPackager(t, root), ofLambda("app.js"))
	packagertest.Contains(t, packagertest.Problem(t, err).Hint, "npm install")
}

func TestAnSDKThatCannotBeBroughtIsNamedWithTheStep(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "npm")
	root := packagertest.Project(t, ".npmrc", "registry=http://127.0.0.1:1/\nfetch-retries=0\n",
		"app.js", "require('@aws-sdk/client-s3');\nexports.handler = async () => 1;\n")
	e := failure(t, newPackager(t, root), ofLambda("app.js"))
	packagertest.Contains(t, e.Message, "imports @aws-sdk/client-s3", "only AWS Lambda's runtime has")
	packagertest.Contains(t, e.Hint, "npm install @aws-sdk/client-s3")
}

func TestTheFormerSDKIsNamedAsWhatNoRuntimeHas(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "app.js", "const AWS = require('aws-sdk');\nexports.handler = async () => AWS;\n")
	fn := ofLambda("app.js")
	_, err := onLambda(t, newPackager(t, root), fn)
	packagertest.Contains(t, packagertest.Problem(t, err).Hint, "npm install aws-sdk", "@aws-sdk/client-*", "version 2")
	whole := false
	fn.Build.Bundle = &whole
	a, err := onLambda(t, newPackager(t, root), fn)
	if err != nil || len(a.Warnings) != 1 || a.Warnings[0].Line != 1 {
		t.Fatalf("%v, %v", a.Warnings, err)
	}
	packagertest.Contains(t, a.Warnings[0].Hint, "npm install aws-sdk")
}
