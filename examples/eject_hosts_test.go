package examples_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/internal/lambdatest"
	"github.com/ferryfn/ferry/internal/loopback"
	"github.com/ferryfn/ferry/internal/nodeworker"
	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/internal/standin"
)

var ports = loopback.Range{First: 4400, Count: 800}

// Google and Azure start what ferry ejected by commands that stand in its files, or by libraries that lie in its packages.
func TestAnEjectedExampleAnswersOnGoogleAndAzureAsItDoesHere(t *testing.T) {
	s := sample.Of(t, 3)
	for _, e := range examples() {
		if !slices.Contains([]string{"go-api", "lambda-app", "polyglot"}, e.name) || !s.Takes() { // which have all languages
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			e.needs(t)
			here := deploy(t, e.name, e.prepare...)
			for _, c := range []struct {
				target, block string
				start         func(*deployed, string, string) string
			}{
				{"images", "{provider: gcp, project: my-project, region: europe-west1, via: run}", (*deployed).startsImage},
				{"built", "{provider: gcp, project: my-project, region: europe-west1, via: functions}", (*deployed).startsFramework},
				{"apps", "{provider: azure, resource_group: shop, location: westeurope}", (*deployed).startsApp},
			} {
				here.add(cloud{target: c.target, block: c.block})
				here.command(binary, "eject", "-t", c.target, "-o", c.target)
				for _, function := range slices.Sorted(maps.Keys(here.urls)) {
					there := c.start(here, filepath.Join(here.dir, c.target), function)
					if diff := cmp.Diff(here.healthOf(here.urls[function]), here.healthOf(there)); diff != "" {
						t.Errorf("%s, %s, answers otherwise than here: %s", function, c.target, diff)
					}
				}
			}
		})
	}
}

// healthOf is what a function answers to the request by which the example is known to be well, without what tells of the way there.
func (d *deployed) healthOf(url string) (answer [2]any) {
	d.Helper()
	const path = "/healthz?a=1&a=%2B"
	client := &http.Client{Timeout: time.Minute}
	res, err := client.Get(url + path)
	for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); <-time.After(20 * time.Millisecond) { // until it listens
		res, err = client.Get(url + path)
	}
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	var echoed map[string]any
	if json.Unmarshal(body, &echoed) == nil && echoed["headers"] != nil {
		delete(echoed, "headers")
		return [2]any{res.StatusCode, echoed}
	}
	return [2]any{res.StatusCode, string(body)}
}

// hosted starts a command in a folder that is to listen at the address that it gives.
func (d *deployed) hosted(dir, address string, env []string, command ...string) string {
	d.Helper()
	switch command[0] {
	case "node", "python3":
		program, err := lambdatest.Interpreter(d.Context(), strings.TrimSuffix(command[0], "3"))
		if err != nil {
			d.Skip(err)
		}
		command[0] = program
	}
	_, port, _ := net.SplitHostPort(address)
	c := exec.CommandContext(d.Context(), command[0], command[1:]...)
	c.Cancel, c.WaitDelay = func() error { return c.Process.Signal(os.Interrupt) }, 5*time.Second // it ends its workers
	var out bytes.Buffer
	c.Dir, c.Stdout, c.Stderr = dir, &out, &out
	c.Env = slices.Concat(os.Environ(), []string{"PORT=" + port, "FERRY_HOST=127.0.0.1", "FUNCTIONS_CUSTOMHANDLER_PORT=" + port, "PYTHONPATH=" + dir}, env)
	if err := c.Start(); err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { // when the context is over
		_ = c.Wait() // that it was ended is no news
		if d.Failed() {
			d.Logf("%s: %s", dir, &out)
		}
	})
	return "http://" + address
}

var (
	entrypoint = regexp.MustCompile(`(?m)^ENTRYPOINT (\[.*\])$`)
	ofService  = regexp.MustCompile(`name = "([A-Z][A-Z0-9_]*)"\n\s+value = "(.*)"`)
	ofFunction = regexp.MustCompile(`"([A-Z][A-Z0-9_]*)" = "(.*)"`)
)

// variables are those of a resource of Terraform that are texts.
func (d *deployed) variables(folder, kind, function string, form *regexp.Regexp) (text string, env []string) {
	d.Helper()
	text = d.read(folder, "main.tf")
	_, text, _ = strings.Cut(text, `resource "`+kind+`" "`+function+`" {`)
	text, _, _ = strings.Cut(text, "\n}\n")
	for _, m := range form.FindAllStringSubmatch(text, -1) {
		env = append(env, m[1]+"="+m[2])
	}
	if len(env) == 0 {
		d.Fatalf("%s has no variables: %s", function, text)
	}
	return text, env
}

func (d *deployed) read(folder, name string) string {
	d.Helper()
	text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
	if err != nil {
		d.Fatal(err)
	}
	return string(text)
}

// startsImage starts what a Dockerfile says, in the folder that it copies.
func (d *deployed) startsImage(folder, function string) string {
	d.Helper()
	dir := filepath.Join(folder, "functions", function)
	var command []string
	file := d.read(folder, "images/"+function+".Dockerfile")
	if m := entrypoint.FindStringSubmatch(file); m == nil || json.Unmarshal([]byte(m[1]), &command) != nil {
		d.Fatalf("it starts nothing: %s", file)
	}
	for i, word := range command {
		command[i] = strings.Replace(word, "/workspace/", dir+"/", 1)
	}
	_, env := d.variables(folder, "google_cloud_run_v2_service", function, ofService)
	return d.hosted(dir, ports.Free(d), env, command...)
}

// unpacked is the package of a function in a folder, and what runs it.
func (d *deployed) unpacked(folder, function string) (dir, language string) {
	d.Helper()
	dir = d.TempDir()
	archive := d.read(folder, "packages/"+function+".zip")
	if err := standin.Unzip(strings.NewReader(archive), int64(len(archive)), dir); err != nil {
		d.Fatal(err)
	}
	for file, of := range map[string]string{"ferry_entry.py": "python", "package.json": "node", "go.mod": "go"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return dir, of
		}
	}
	return dir, "go"
}

// startsFramework builds a package as Cloud Functions does, around Google's framework, and starts that.
func (d *deployed) startsFramework(folder, function string) string {
	d.Helper()
	text, env := d.variables(folder, "google_cloudfunctions2_function", function, ofFunction)
	_, entry, _ := strings.Cut(text, `entry_point = "`)
	entry, _, _ = strings.Cut(entry, `"`)
	env = append(env, "FUNCTION_TARGET="+entry, "FUNCTION_SIGNATURE_TYPE=http")
	dir, language := d.unpacked(folder, function)
	address := ports.Free(d)
	_, port, _ := net.SplitHostPort(address)
	switch language {
	case "node":
		return d.hosted(dir, address, env, "node", "-r", d.testdata("loopback.cjs"), "node_modules/.bin/functions-framework")
	case "python":
		return d.hosted(dir, address, env, "python3", "-m", "functions_framework", "--target", entry, "--source", "ferry_entry.py", "--host", "127.0.0.1", "--port", port)
	}
	module := strings.Fields(d.read(dir, "go.mod"))[1]
	main := "package main\n\nimport (\n\t\"log\"\n\t\"os\"\n\n\t\"github.com/GoogleCloudPlatform/functions-framework-go/funcframework\"\n\n\t_ \"" + module + "\"\n)\n\n" +
		"func main() { log.Fatal(funcframework.StartHostPort(\"127.0.0.1\", os.Getenv(\"PORT\"))) }\n"
	if err := os.MkdirAll(filepath.Join(dir, "functions.local", "app"), 0o755); err != nil {
		d.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "functions.local", "app", "main.go"), []byte(main), 0o600); err != nil {
		d.Fatal(err)
	}
	program := filepath.Join(d.TempDir(), "main")
	build := exec.Command("go", "build", "-mod=vendor", "-o", program, "./functions.local/app")
	build.Dir, build.Env = dir, append(os.Environ(), "GOPROXY=off", "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		d.Fatalf("%v\n%s", err, out)
	}
	return d.hosted(dir, address, env, program)
}

// startsApp starts a package as Azure's host does: the program that host.json names, or what calls Azure's own library in it.
func (d *deployed) startsApp(folder, function string) string {
	d.Helper()
	dir, language := d.unpacked(folder, function)
	address := ports.Free(d)
	_, port, _ := net.SplitHostPort(address)
	var host struct {
		CustomHandler *struct {
			Description struct {
				Executable string `json:"defaultExecutablePath"`
			} `json:"description"`
		} `json:"customHandler"`
	}
	if err := json.Unmarshal([]byte(d.read(dir, "host.json")), &host); err != nil {
		d.Fatal(err)
	}
	switch {
	case host.CustomHandler != nil:
		return d.hosted(dir, address, nil, filepath.Join(dir, host.CustomHandler.Description.Executable))
	case language == "python":
		return d.hosted(dir, address, nil, "python3", d.testdata("azurehost/host.py"), port)
	}
	source, more := nodeworker.Program()
	worker := filepath.Join(d.TempDir(), "worker.cjs")
	if err := os.WriteFile(worker, source, 0o600); err != nil {
		d.Fatal(err)
	}
	_, inside, _ := net.SplitHostPort(ports.Free(d))
	return d.hosted(dir, address, nil, append([]string{"node", "-r", d.testdata("loopback.cjs"), d.testdata("azurehost/host.mjs"), inside, worker}, more...)...)
}

// testdata is a stand-in of the tests of entry shims.
func (d *deployed) testdata(name string) string {
	d.Helper()
	full, err := filepath.Abs(filepath.Join("../templates/testdata", filepath.FromSlash(name)))
	if err != nil {
		d.Fatal(err)
	}
	return full
}
