package templates

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
)

// A shim is put together from cells. Each is a folder below shims/<language>:
//
//	core                what all share: the user's module, the exchange, answer rules, routing, CORS, CloudEvents
//	sources/<style>     opens the user's module as an HTTP handler of exchanges and as an event handler
//	carriers/<ingress>  makes an exchange of what comes in on an ingress, and what goes out of its answer
//	targets/<target>    starts it all: secrets, the context of a call, the events of that place
//	forward             has the other side of a migration answer; noforward is in its place where a language needs one
//
// Some kinds are there where a language needs them: targets/<target>-<style> is all that a program gets which the target
// itself calls, and targets/<target>-process what comes before the user's code; events/<style> writes events down for both;
// carriers/<ingress>-<style> is what a style has besides on one ingress alone.
//
// A style such as lambda, gcf-http or azure is one more folder in sources; an ingress such as API Gateway's REST API is
// one more in carriers and a name in the list of the targets that have it; a cloud is one more in targets and an entry in
// that list. A style that is served somewhere is served wherever the shapes of both agree.

// arrivals is what arrives at a target.
type arrivals struct {
	carriers []string // the ingresses that HTTP comes in on
	more     []string // further ones, which are carried in the languages that have a folder for them
	events   bool     // it delivers events
}

// targets is the table of targets. A language that has no folder for one of them is not served there.
func targets() map[string]arrivals {
	return map[string]arrivals{
		// Function URLs and HTTP APIs; REST APIs and load balancers.
		"aws": {carriers: []string{"lambda-v2"}, more: []string{"lambda-v1"}, events: true},
		// Behind Azure's own worker, or a server that its host hands requests on to.
		"azure": {carriers: []string{"azure"}, more: []string{"connection"}, events: true},
		// The same host before a server of a language that it has a worker for, too.
		"azurehandler": {carriers: []string{"socket"}, events: true},
		// Behind Google's functions-framework, which hands over a connection's own request and response.
		"gcf":   {carriers: []string{"framework"}, more: []string{"connection", "pushed"}, events: true},
		"local": {carriers: []string{"socket"}, more: []string{"connection"}, events: true},
		// A container on Cloud Run, to which Pub/Sub and Cloud Scheduler push events.
		"run": {carriers: []string{"socket"}, more: []string{"connection", "pushed"}, events: true},
	}
}

// serves is whether a handler of the style can be called with anything that arrives.
func (a arrivals) serves(s manifest.Style) bool {
	return len(a.carriers) > 0 && s.Takes(manifest.ShapeHTTP) || a.events && s.Takes(manifest.ShapeEvent)
}

// carriersOf are those that a style needs. One that is called with a connection's own request and response gets those of
// the loopback where the ingress has no connections.
func (a arrivals) carriersOf(s manifest.Style) []string {
	if s == manifest.StyleNode && !slices.Contains(a.carriers, "socket") {
		return append(slices.Clone(a.carriers), "loopback")
	}
	return a.carriers
}

// beneath are those that some languages have below a style: what serves functions of Google's framework, and the loopback
// that hands them events, or requests where the ingress has no connections.
func (a arrivals) beneath(s manifest.Style) []string {
	switch {
	case s == manifest.StyleGCFEvent, s == manifest.StyleGCFHTTP && !slices.Contains(a.carriers, "socket"):
		return []string{"functions", "loopback"}
	case s == manifest.StyleGCFHTTP:
		return []string{"functions"}
	default:
		return nil
	}
}

// has is whether a language has a cell.
func has(shims fs.FS, language, cell string) bool {
	_, err := fs.Stat(shims, path.Join("shims", language, cell))
	return err == nil
}

// styles lists the styles of a language that a target serves, sorted: those whose shapes it serves and whose cells are
// all there.
func styles(shims fs.FS, language, name string) []manifest.Style {
	served, ok := targets()[name]
	sources, err := fs.ReadDir(shims, path.Join("shims", language, "sources"))
	if !ok || err != nil {
		return nil
	}
	var out []manifest.Style
	for _, source := range sources {
		style := manifest.Style(source.Name())
		missing := func(cell string) bool { return !has(shims, language, cell) }
		if served.serves(style) && !slices.ContainsFunc(cells(shims, language, style, name), missing) {
			out = append(out, style)
		}
	}
	return out
}

// cells are the folders of a shim below its language's, in the order in which they run.
func cells(shims fs.FS, language string, style manifest.Style, name string) []string {
	all, served := []string{"core", path.Join("sources", string(style))}, targets()[name]
	for _, c := range served.carriersOf(style) {
		all = append(all, path.Join("carriers", c))
		if own := path.Join("carriers", c+"-"+string(style)); has(shims, language, own) {
			all = append(all, own)
		}
	}
	for _, c := range slices.Concat(served.beneath(style), served.more) {
		if cell := path.Join("carriers", c); has(shims, language, cell) {
			all = append(all, cell)
		}
	}
	target := path.Join("targets", name)
	if native := target + "-" + string(style); has(shims, language, native) {
		all = []string{native} // the user's program is what the target calls: nothing has to open it or to carry
	} else {
		all = append(all, target)
	}
	if events := path.Join("events", string(style)); has(shims, language, events) { // how a source writes events down
		all = append(all, events)
	}
	if process := target + "-process"; has(shims, language, process) { // what comes before the user's code
		all = append(all, process)
	}
	return all
}

// parts are the files of a shim, with the folder of each, in the order in which they run. What a source makes beforehand
// and secrets come before the core, which loads the user's module, and the start comes last.
func parts(language string, style manifest.Style, name string) (out []part) {
	for _, cell := range cells(files, language, style, name) {
		out = append(out, filesOf(language, cell)...)
	}
	slices.SortStableFunc(out, func(a, b part) int { return a.turn() - b.turn() })
	return out
}

// filesOf are the files of a cell.
func filesOf(language, cell string) (out []part) {
	dir := path.Join("shims", language, cell)
	err := fs.WalkDir(files, dir, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, part{dir: dir, name: strings.TrimPrefix(file, dir+"/")})
		}
		return err
	})
	if err != nil {
		panic(err) // Styles has seen the cell
	}
	return out
}

// forwarder is the cell that has requests answered by the other side of a migration.
const forwarder = "forward"

// parts are those of the shim of a function with the configuration: with the forwarder for one side of a migration.
func (c config) parts(language string, style manifest.Style, target string) []part {
	all, cell := parts(language, style, target), "no"+forwarder
	if c.Forward != nil && Forwards(language, style, target) {
		cell = forwarder
	}
	if !has(files, language, cell) || has(files, language, path.Join("targets", target+"-"+string(style))) {
		return all
	}
	start := slices.IndexFunc(all, func(p part) bool { return p.turn() > 0 })
	if start < 0 {
		start = len(all)
	}
	return slices.Insert(all, start, filesOf(language, cell)...)
}

// part is one file of a cell.
type part struct{ dir, name string }

// lies is whether the file lies in a package as it is, for the host that reads it. All others are code of the shim.
func (p part) lies() bool { return slices.Contains([]string{".json", ".txt"}, path.Ext(p.name)) }

func (p part) turn() int {
	switch p.stem() {
	case "before", "secrets":
		return -1
	case "start":
		return 1
	default:
		return 0
	}
}

func (p part) stem() string {
	stem, _, _ := strings.Cut(p.name, ".")
	return stem
}

func (p part) text() []byte { return read(path.Join(p.dir, p.name)) }
