//go:build unix

package packager

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ferryfn/ferry/internal/loopback"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// npmInstall installs what package.json asks for.
func npmInstall(t *testing.T, dir string) {
	t.Helper()
	packagertest.Output(t, dir, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	packagertest.Age(t, dir)
}

var ports = loopback.Range{First: 6100, Count: 2800}

// answer unpacks a package, starts it as the local platform does, in a clean environment, and returns what it says to
// one request.
func answer(t *testing.T, a Artifact, method, path, body string) string {
	t.Helper()
	dir := unpack(t, a)
	address := ports.Free(t)
	var program *exec.Cmd
	switch filepath.Ext(a.Entry) {
	case ".py":
		program = exec.Command("python3", a.Entry)
	case "":
		program = exec.Command(filepath.Join(dir, a.Entry))
	default:
		program = exec.Command("node", a.Entry)
	}
	var said bytes.Buffer
	_, port, _ := net.SplitHostPort(address)
	program.Dir, program.Stdout, program.Stderr = dir, &said, &said
	program.Env = []string{"PORT=" + port, "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "PYTHONDONTWRITEBYTECODE=1"}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	defer func() { _ = program.Process.Kill(); <-ended }()
	for deadline := time.Now().Add(60 * time.Second); ; {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			data, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("%d %v\n%s\n%s", res.StatusCode, err, data, &said)
			}
			return string(data)
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("it ended: %v\n%s", err, &said)
		case <-time.After(50 * time.Millisecond):
			if time.Now().After(deadline) {
				t.Fatalf("no answer: %v\n%s", err, &said)
			}
		}
	}
}

// forArm builds for Linux on arm64 and checks that all programs in the package are for that machine. It returns
// how many there are.
func forArm(t *testing.T, p *Packager, fn manifest.Function) int {
	t.Helper()
	pl := Platform{Shim: "local", OS: "linux", Arch: "arm64", Libc: "glibc", Runtime: fn.Runtime}
	if runtime.GOARCH == "arm64" {
		pl.Arch = "amd64"
	}
	want := map[string]elf.Machine{"arm64": elf.EM_AARCH64, "amd64": elf.EM_X86_64}[pl.Arch]
	a, err := p.Build(context.Background(), fn, pl)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, text := range contents(t, a) {
		if !strings.HasPrefix(text, "\x7fELF") {
			if strings.HasPrefix(text, "MZ") && strings.HasSuffix(name, ".node") || strings.HasPrefix(text, "\xcf\xfa\xed\xfe") {
				t.Errorf("%s is for another system", name)
			}
			continue
		}
		f, err := elf.NewFile(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n++; f.Machine != want {
			t.Errorf("%s is for %s", name, f.Machine)
		}
	}
	return n
}

// served is a function that answers HTTP requests.
func served(fn manifest.Function) manifest.Function {
	fn.Events = []manifest.Event{{HTTP: &manifest.HTTPEvent{}}}
	return fn
}

func bothWays(t *testing.T, fn manifest.Function, test func(t *testing.T, fn manifest.Function)) {
	t.Helper()
	for _, bundle := range []bool{true, false} {
		t.Run(fmt.Sprintf("bundle %v", bundle), func(t *testing.T) {
			one := fn
			one.Build.Bundle = &bundle
			test(t, one)
		})
	}
}

const expressApp = `import express from "express";
import { z } from "zod";
import { formatISO, addDays } from "date-fns";
const app = express();
const Query = z.object({ days: z.coerce.number().int() });
app.get("/date", (req, res) => res.json({ date: formatISO(addDays(new Date(2024, 1, 28), Query.parse(req.query).days), { representation: "date" }) }));
export default app;
`

func TestExpressWithZodAndDateFns(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "npm", "node")
	root := packagertest.Project(t, "package.json", `{"type":"module","dependencies":{"express":"5.1.0","zod":"4.1.12","date-fns":"4.1.0"}}`, "src/app.js", expressApp)
	npmInstall(t, root)
	fn := served(packagertest.Node("src/app.js"))
	fn.Style = manifest.StyleNode
	bothWays(t, fn, func(t *testing.T, fn manifest.Function) {
		a := build(t, newPackager(t, root), fn)
		if got := answer(t, a, "GET", "/date?days=2", ""); got != `{"date":"2024-03-01"}` {
			t.Errorf("got %s", got)
		}
	})
}

func TestSharpAndBcrypt(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "npm", "node")
	root := packagertest.Project(t, "package.json", `{"type":"module","dependencies":{"sharp":"0.34.4","bcrypt":"6.0.0"}}`, "app.js", `import sharp from "sharp";
import bcrypt from "bcrypt";
export default { async fetch() {
  const png = await sharp({ create: { width: 3, height: 2, channels: 3, background: "red" } }).png().toBuffer();
  const { width } = await sharp(png).metadata();
  return Response.json({ width, ok: await bcrypt.compare("x", await bcrypt.hash("x", 4)) });
} };`)
	npmInstall(t, root)
	bothWays(t, served(packagertest.Node("app.js")), func(t *testing.T, fn manifest.Function) {
		p := newPackager(t, root)
		if got := answer(t, build(t, p, fn), "GET", "/", ""); got != `{"width":3,"ok":true}` {
			t.Errorf("got %s", got)
		}
		if n := forArm(t, p, fn); n < 3 { // sharp, libvips and bcrypt
			t.Errorf("only %d programs in the package", n)
		}
	})
}

// Each of these is bundled without a word by a bundler that does not look closer, and fails when it is called.
func TestPackagesThatLookFromWhereTheyLie(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "npm", "node")
	root := packagertest.Project(t, "package.json", `{"type":"module","dependencies":{"express":"5.1.0","ejs":"3.1.10","knex":"3.1.0","pdfkit":"0.17.2","sequelize":"6.37.7","pg":"8.16.3","tiktoken":"1.0.22"}}`,
		"views/index.ejs", "hello <%= name %>", "app.js", `import express from "express";
import knex from "knex";
import PDFDocument from "pdfkit";
import { Sequelize } from "sequelize";
import { get_encoding } from "tiktoken";
const database = new Sequelize("postgres://127.0.0.1:1/x", { logging: false });
const app = express();
app.set("view engine", "ejs");
app.set("views", import.meta.dirname + "/views");
app.get("/view", (req, res) => res.render("index", { name: "you" }));
app.get("/", async (req, res) => {
  const pdf = new PDFDocument();
  pdf.text("hi").end();
  res.json([database.getDialect(), knex({ client: "pg" })("t").toString(), get_encoding("cl100k_base").encode("hello world").length, Buffer.concat(await pdf.toArray()).toString("latin1", 0, 4)]);
});
export default app;
`)
	npmInstall(t, root)
	fn := served(packagertest.Node("app.js"))
	fn.Style, fn.Build.Include = manifest.StyleNode, []string{"views/**"}
	a := build(t, newPackager(t, root), fn)
	if got := answer(t, a, "GET", "/", ""); got != `["postgres","select * from \"t\"",2,"%PDF"]` {
		t.Errorf("got %s", got)
	}
	if got := answer(t, a, "GET", "/view", ""); got != "hello you" {
		t.Errorf("got %s", got)
	}
	if _, out := contents(t, a)["node_modules/express/package.json"]; out {
		t.Error("express is not bundled")
	}
}

func TestAPnpmWorkspace(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "npm", "node", "pnpm")
	root := packagertest.Project(t, "package.json", `{"private":true}`, "pnpm-workspace.yaml", "packages: [apps/*, libs/*]\n",
		"apps/api/package.json", `{"name":"api","type":"module","dependencies":{"@acme/lib":"workspace:*","express":"5.1.0","bcrypt":"6.0.0"}}`,
		"apps/api/app.js", `import express from "express";
import { hello } from "@acme/lib";
import bcrypt from "bcrypt";
const app = express();
app.get("/", async (req, res) => res.json({ hello: hello("you"), ok: await bcrypt.compare("x", await bcrypt.hash("x", 4)) }));
export default app;`,
		"libs/lib/package.json", `{"name":"@acme/lib","type":"module","exports":"./index.js","dependencies":{"uuid":"11.1.0"}}`,
		"libs/lib/index.js", `import { NIL } from "uuid"; export const hello = (n) => n + NIL[0];`)
	packagertest.Output(t, root, "pnpm", "install", "--prefer-offline", "--reporter=silent", "--store-dir", filepath.Join(t.TempDir(), "store"))
	packagertest.Age(t, root)
	fn := served(packagertest.Node("app.js"))
	fn.Source, fn.Style = "apps/api", manifest.StyleNode
	bothWays(t, fn, func(t *testing.T, fn manifest.Function) {
		p := newPackager(t, root)
		if got := answer(t, build(t, p, fn), "GET", "/", ""); got != `{"hello":"you0","ok":true}` {
			t.Errorf("got %s", got)
		}
		if !build(t, p, fn).Cached {
			t.Error("it was built again")
		}
	})
}

func TestATypeScriptProjectInTheStyleOfNext(t *testing.T) {
	packagertest.Registries(t, "npm", "node")
	root := packagertest.Project(t, "package.json", `{"dependencies":{"react":"19.2.0","react-dom":"19.2.0"}}`,
		"tsconfig.base.json", `{"compilerOptions":{"jsx":"react-jsx","strict":true,"target":"ES2022","module":"esnext","moduleResolution":"bundler"}}`,
		"tsconfig.json", "{\n  // as create-next-app writes it\n  \"extends\": \"./tsconfig.base.json\",\n  \"compilerOptions\": {\"paths\": {\"@/*\": [\"./src/*\"], \"~data\": [\"./data/index.ts\"]}},\n}\n",
		"src/components/Page.tsx", `import type { ReactNode } from "react"; export function Page({ children }: { children: ReactNode }) { return <main>{children}</main>; }`,
		"src/lib/title.ts", `export const enum Kind { A = "a" } export const title = (k: Kind): string => "title " + k;`,
		"data/index.ts", `export default ["one", "two"] as const satisfies readonly string[];`,
		"src/app/page.tsx", `import { renderToString } from "react-dom/server";
import { Page } from "@/components/Page";
import { title, Kind } from "@/lib/title";
import data from "~data";
export default { async fetch(): Promise<Response> { return new Response(renderToString(<Page>{title(Kind.A)}{data.map((d) => <b key={d}>{d}</b>)}</Page>)); } };`)
	npmInstall(t, root)
	if got := answer(t, build(t, newPackager(t, root), served(packagertest.Node("src/app/page.tsx"))), "GET", "/", ""); got != "<main>title a<b>one</b><b>two</b></main>" {
		t.Errorf("got %s", got)
	}
}

func TestNumpyPandasAndPillow(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "python3")
	root := packagertest.Project(t, "requirements.txt", "numpy\npandas\nPillow\n", "app.py", `
import io, numpy, pandas
from PIL import Image
def app(environ, start_response):
    frame = pandas.DataFrame({"a": numpy.arange(4)})
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, "PNG")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{frame.a.sum()} {Image.open(io.BytesIO(out.getvalue())).size[0]}".encode()]
`)
	fn := served(packagertest.Python("app:app"))
	fn.Runtime = packagertest.ThisPython(t)
	p := newPackager(t, root)
	if got := answer(t, build(t, p, fn), "GET", "/", ""); got != "6 2" {
		t.Errorf("got %s", got)
	}
	if n := forArm(t, p, fn); n < 20 {
		t.Errorf("only %d programs in the package", n)
	}
}

func TestCryptography(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "python3")
	root := packagertest.Project(t, "requirements.txt", "cryptography\n", "app.py", `
from cryptography.fernet import Fernet
def app(environ, start_response):
    f = Fernet(Fernet.generate_key())
    start_response("200 OK", [])
    return [f.decrypt(f.encrypt(b"secret"))]
`)
	fn := served(packagertest.Python("app:app"))
	fn.Runtime = packagertest.ThisPython(t)
	p := newPackager(t, root)
	if got := answer(t, build(t, p, fn), "GET", "/", ""); got != "secret" {
		t.Errorf("got %s", got)
	}
	if n := forArm(t, p, fn); n < 1 {
		t.Error("no program in the package")
	}
}

func TestFastAPIWithPydantic(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "python3")
	files := []string{"app.py", `
from fastapi import FastAPI
from pydantic import BaseModel
app = FastAPI()
class Item(BaseModel):
    n: int
@app.post("/double")
def double(i: Item):
    return {"n": i.n * 2}
`}
	for name, lists := range map[string][]string{
		"requirements.txt": {"requirements.txt", "fastapi\n"},
		"pyproject.toml":   {"pyproject.toml", "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.9'\ndependencies = ['fastapi']\n"},
		"uv.lock":          {"pyproject.toml", "[project]\nname = 'x'\nversion = '1'\nrequires-python = '>=3.9'\ndependencies = ['fastapi']\n"},
	} {
		t.Run(name, func(t *testing.T) {
			root := packagertest.Project(t, append(lists, files...)...)
			if name == "uv.lock" {
				packagertest.Needs(t, "uv")
				packagertest.Output(t, root, "uv", "lock", "-q")
				packagertest.Age(t, root)
			}
			fn := served(packagertest.Python("app:app"))
			fn.Runtime, fn.Style = packagertest.ThisPython(t), manifest.StyleASGI
			p := newPackager(t, root)
			if got := answer(t, build(t, p, fn), "POST", "/double", `{"n": 4}`); got != `{"n":8}` {
				t.Errorf("got %s", got)
			}
			if name == "uv.lock" && forArm(t, p, fn) < 1 {
				t.Error("no program in the package")
			}
		})
	}
}

func TestAGoModuleWithPrivateReplacements(t *testing.T) {
	packagertest.Needs(t, "go")
	t.Parallel()
	root := packagertest.Project(t, "api/go.mod", "module example.com/private/api\n\ngo 1.24\n\nrequire example.com/private/lib v0.0.0\n\nreplace example.com/private/lib => ../lib\n",
		"api/api.go", `package api

import (
	"net/http"

	"example.com/private/lib"
)

var Handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(lib.Hello)) })
`, "lib/go.mod", "module example.com/private/lib\n\ngo 1.24\n", "lib/lib.go", "package lib\n\nconst Hello = \"hello\"\n")
	fn := served(packagertest.Go("."))
	fn.Source = "api"
	p := newPackager(t, root)
	if got := answer(t, build(t, p, fn), "GET", "/", ""); got != "hello" {
		t.Errorf("got %s", got)
	}
	if n := forArm(t, p, fn); n != 1 {
		t.Errorf("%d programs in the package", n)
	}
	packagertest.Fill(t, root, "lib/lib.go", "package lib\n\nconst Hello = \"changed\"\n")
	if got := answer(t, build(t, p, fn), "GET", "/", ""); got != "changed" {
		t.Errorf("got %s", got)
	}
}

func TestFastifyLoadsTheFoldersOfItsPlugins(t *testing.T) {
	if !sample.Of(t, 4).Takes() {
		return
	}
	packagertest.Registries(t, "npm", "node")
	root := packagertest.Project(t, "package.json", `{"type":"module","dependencies":{"fastify":"5.2.1","@fastify/autoload":"6.1.0","fastify-plugin":"5.0.1"}}`,
		"src/app.js", `import path from "node:path";
import { fileURLToPath } from "node:url";
import AutoLoad from "@fastify/autoload";
import Fastify from "fastify";

const here = path.dirname(fileURLToPath(import.meta.url));
const app = Fastify();
app.register(AutoLoad, { dir: path.join(here, "plugins") });
app.register(AutoLoad, { dir: path.join(here, "routes"), options: { prefix: "/v1" } });
export default app;
`,
		"src/plugins/words.js", `import fp from "fastify-plugin"; export default fp(async (app) => { app.decorate("word", () => "loaded"); });`,
		"src/routes/words/index.js", `export default async (app) => { app.get("/", async () => app.word()); };`)
	npmInstall(t, root)
	fn := served(packagertest.Node("src/app.js"))
	fn.Style = manifest.StyleNode
	a := build(t, newPackager(t, root), fn)
	if got := answer(t, a, "GET", "/v1/words", ""); got != "loaded" {
		t.Errorf("got %s", got)
	}
	if len(a.Warnings) > 0 {
		t.Errorf("it warns: %+v", a.Warnings)
	}
}
