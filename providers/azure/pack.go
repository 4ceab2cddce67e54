package azure

import (
	"archive/zip"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferryfn/ferry/manifest"
)

// What ferry adds to a package for Azure's host.
const (
	hostFile     = "host.json"
	startFile    = "ferry-start"           // starts a program as a custom handler
	envFile      = "ferry-env.json"        // the environment of what Azure's workers load
	revisionFile = "ferry-revision.json"   // which revision it is
	pythonFile   = "function_app.py"       // what Azure's worker for Python loads
	pythonOwn    = "ferry_function_app.py" // the function's own file of that name
	nodeFile     = "ferry-app.mjs"
	packageFile  = "package.json"
)

// The names of the functions in an app, as the shims register them too.
const (
	httpFunction   = "http"
	pushedFunction = "pushed"
)

// packed is a package for Azure's host: the stored one with the function's environment, so that code and environment go live
// together, and with what the host reads. Equal specs give equal bytes.
type packed struct {
	file   *os.File
	digest string // of its bytes, hexadecimal
}

// close takes the package off this machine; there need be none.
func (p *packed) close() {
	if p == nil {
		return
	}
	_ = p.file.Close()
	_ = os.Remove(p.file.Name())
}

// pack makes the package of a spec. The artifact refuses to be another than the one of its digest.
func (p *place) pack(s spec) (*packed, error) {
	out, err := os.CreateTemp("", "ferry-azure-*.zip")
	if err != nil {
		return nil, err
	}
	made := &packed{file: out}
	h := sha256.New()
	err = s.artifact.Lend(func(path string) error { return p.repack(io.MultiWriter(out, h), path, s) })
	if err != nil {
		made.close()
		return nil, err
	}
	made.digest = hex.EncodeToString(h.Sum(nil))
	return made, nil
}

func (p *place) repack(to io.Writer, from string, s spec) error {
	in, err := zip.OpenReader(from)
	if err != nil {
		return fmt.Errorf("reading the package: %w", err)
	}
	defer in.Close()
	added, err := p.additions(s, &in.Reader)
	if err != nil {
		return err
	}
	out := zip.NewWriter(to)
	for _, f := range in.File {
		if _, replaced := added[f.Name]; replaced {
			continue
		}
		if err := out.Copy(f); err != nil {
			return fmt.Errorf("copying %s: %w", f.Name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(added)) {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(0o644)
		if name == startFile {
			header.SetMode(0o755) // else nothing starts
		}
		w, err := out.CreateHeader(header)
		if err == nil {
			_, err = w.Write(added[name])
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}

// additions are the files that ferry adds, by their names. One that the package has itself is built on.
func (p *place) additions(s spec, in *zip.Reader) (map[string][]byte, error) {
	fn := s.function
	files := map[string][]byte{revisionFile: text(map[string]string{"id": s.revision(), "digest": s.digest})}
	host := map[string]any{}
	if err := from(in, hostFile, &host); err != nil {
		return nil, err
	}
	files[hostFile] = text(hostOf(fn, host))
	switch {
	case fn.handled():
		files[startFile] = p.launcher(s)
		for name, bindings := range p.bindingsOf(fn) {
			files[name+"/function.json"] = text(map[string]any{"bindings": bindings})
		}
		files[s.marker()+"/function.json"] = text(map[string]any{"bindings": []map[string]any{
			{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "admin", "route": s.markedRoute()},
			{"type": "http", "direction": "out", "name": "res"},
		}})
	case fn.Runtime.Language() == "python":
		files[envFile] = text(p.environment(s))
		return files, startPython(files, s, in)
	default:
		files[envFile] = text(p.environment(s))
		return files, startNode(files, s, in)
	}
	return files, nil
}

// from reads a file of JSON that a package may have.
func from(in *zip.Reader, name string, into any) error {
	f, err := in.Open(name)
	if err != nil {
		return nil //nolint:nilerr // it has none
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err == nil {
		err = json.Unmarshal([]byte(strings.TrimPrefix(string(data), "\ufeff")), into)
	}
	if err != nil {
		return fmt.Errorf("reading %s of the package: %w", name, err)
	}
	return nil
}

// text is the JSON of a value, with its keys in order.
func text(v any) []byte {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("what ferry writes always has a JSON form: %v", err))
	}
	return append(data, '\n')
}

// hostOf is the configuration of the host, on top of the function's own where it has one.
func hostOf(fn function, host map[string]any) map[string]any {
	own := len(host) > 0
	host["version"] = "2.0"
	host["functionTimeout"] = wall(fn.Timeout.Std())
	extensions := within(host, "extensions")
	if !own {
		within(extensions, "http")["routePrefix"] = ""
	}
	bundled := false
	for _, e := range fn.Events {
		bundled = bundled || e.HTTP == nil && e.Schedule == nil
		if e.Queue != nil && fn.own.ServiceBus == "" {
			queues := within(extensions, "queues")
			queues["batchSize"] = max(e.Queue.Batch, 1)
			queues["newBatchThreshold"] = 0
			if e.Queue.Attempts > 0 {
				queues["maxDequeueCount"] = e.Queue.Attempts
			}
			if e.Queue.Backoff > 0 {
				queues["visibilityTimeout"] = wall(e.Queue.Backoff.Std())
			}
		}
	}
	if fn.bus() != "" {
		maps.Copy(within(extensions, "serviceBus"), busHostOptions(fn))
	}
	if _, there := host["extensionBundle"]; bundled && !there {
		host["extensionBundle"] = map[string]any{"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}
	}
	if _, there := host["logging"]; !there { // requests and exceptions are all kept
		host["logging"] = map[string]any{"applicationInsights": map[string]any{"samplingSettings": map[string]any{"isEnabled": true, "excludedTypes": "Request;Exception;Trace"}}}
	}
	if fn.handled() {
		host["customHandler"] = map[string]any{"description": map[string]any{"defaultExecutablePath": startFile}, "enableProxyingHttpRequest": true}
	}
	return host
}

func within(m map[string]any, key string) map[string]any {
	inner, ok := m[key].(map[string]any)
	if !ok {
		inner = map[string]any{}
		m[key] = inner
	}
	return inner
}

// launcher sets the environment and becomes the program.
func (p *place) launcher(s spec) []byte {
	var script strings.Builder
	script.WriteString("#!/bin/sh\n")
	env := p.environment(s)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&script, "export %s='%s'\n", name, strings.ReplaceAll(env[name], "'", `'\''`))
	}
	script.WriteString("export PORT=\"$FUNCTIONS_CUSTOMHANDLER_PORT\"\ncd \"$(dirname \"$0\")\" || exit 1\n")
	entry := "'./" + strings.ReplaceAll(s.artifact.Entry, "'", `'\''`) + "'"
	switch s.function.Runtime.Language() {
	case "nodejs":
		entry = "node --enable-source-maps " + entry
	case "python":
		entry = "python3 -u " + entry
	}
	script.WriteString("exec " + entry + "\n")
	return []byte(script.String())
}

// environment is the function's own, and what its shim needs. What is a secret is a setting of the app instead.
func (p *place) environment(s spec) map[string]string {
	fn := s.function
	env := maps.Clone(fn.Env)
	if env == nil {
		env = map[string]string{}
	}
	delete(env, nodeOptions) // which Node reads before any code runs
	env["FERRY_DIGEST"], env["FERRY_INSTANCE"] = s.digest, nonce(s.digest)
	env["FERRY_SERVICE"], env["FERRY_STAGE"], env["FERRY_FUNCTION"] = p.service, p.stage, fn.Name
	env["FERRY_REVISION"] = s.revision()
	if told := p.busShim(fn); told != "" {
		env[busVariable] = told
	}
	env["FERRY_TIMEOUT_MS"] = strconv.FormatInt(fn.Timeout.Std().Milliseconds(), 10)
	return env
}

// nonce is what a request has to show for a shim to answer it as which revision it runs.
func nonce(digest string) string {
	sum := sha256.Sum256([]byte("ferry " + digest))
	return hex.EncodeToString(sum[:])
}

const nodeOptions = "NODE_OPTIONS"

// fixed are the settings of the app that its code cannot bring along.
func fixed(s spec) map[string]string {
	settings := map[string]string{}
	if s.function.Runtime.Language() == "nodejs" && !s.function.handled() {
		settings[nodeOptions] = strings.TrimSpace("--enable-source-maps " + s.function.Env[nodeOptions])
	}
	for name, reference := range s.secrets {
		settings[name] = "@Microsoft.KeyVault(SecretUri=" + reference + ")"
	}
	return settings
}

// bindingsOf are the functions of a custom handler, by their names, with what triggers each.
func (p *place) bindingsOf(fn function) map[string][]map[string]any {
	all := map[string][]map[string]any{}
	schedules, queues := 0, 0
	for _, e := range buses(fn) {
		all[e.function] = []map[string]any{p.busTrigger(fn, e)}
	}
	for _, e := range fn.Events {
		switch {
		case e.HTTP != nil:
			all[httpFunction] = []map[string]any{
				{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": level(e.HTTP), "route": "{*path}"},
				{"type": "http", "direction": "out", "name": "res"},
			}
		case e.Schedule != nil:
			times, _ := ncron(e.Schedule.Cron) // Check has refused what cannot be said
			all["schedule"+strconv.Itoa(schedules)] = []map[string]any{{"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": times}}
			schedules++
		case e.Queue != nil && fn.own.ServiceBus == "":
			all["queue"+strconv.Itoa(queues)] = []map[string]any{{
				"type": "queueTrigger", "direction": "in", "name": "message", "queueName": fn.own.resource(e.Queue.Name), "connection": "AzureWebJobsStorage",
			}}
			queues++
		case fn.gridded(e):
			all[pushedFunction] = []map[string]any{{"type": "eventGridTrigger", "direction": "in", "name": "event"}}
		}
	}
	return all
}

func level(e *manifest.HTTPEvent) string {
	if e.Private() {
		return "function"
	}
	return "anonymous"
}

// marker is a function that nobody calls. Where a program is started as it is, or an app registers its functions by itself, its name
// is by what a host is seen to have loaded this package and no other; "" is that the package's own shim says so.
func (s spec) marker() string {
	if !s.function.handled() && !s.function.native() {
		return ""
	}
	return "ferry-" + s.revision()
}

func (s spec) markedRoute() string { return ".ferry/revision/" + s.revision() }

// functionNames are the functions that an app of the spec has, sorted; nil is that only the package knows, as of apps that register
// functions by themselves.
func (p *place) functionNames(s spec) []string {
	if s.function.native() {
		return nil
	}
	all := slices.Collect(maps.Keys(p.bindingsOf(s.function)))
	if m := s.marker(); m != "" {
		all = append(all, m)
	}
	slices.Sort(all)
	return all
}

// runtimeOf is what runs a function.
func runtimeOf(fn function) runtimeConfig {
	known := runtimes()[fn.Runtime]
	name, version, _ := strings.Cut(cmp.Or(known.ID, "custom 1.0"), " ")
	return runtimeConfig{Name: name, Version: version}
}
