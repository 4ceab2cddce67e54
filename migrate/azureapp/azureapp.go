// Package azureapp reads apps of Azure Functions: of the models v4 of Node and v2 of Python, whose triggers stand in their code, and of
// the older one, whose triggers stand in files function.json.
package azureapp

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/migrate/draft"
	"github.com/ferryfn/ferry/migrate/foreign"
	"github.com/ferryfn/ferry/migrate/lambda"
)

// Files of an app.
const (
	Host       = "host.json"
	settings   = "local.settings.json"
	definition = "function.json"
)

// Is is whether the file is one of an app's, or the description of one that is live.
func Is(file string, root *foreign.Node) bool {
	return filepath.Base(file) == Host || filepath.Base(file) == definition && root.Get("bindings") != nil || isLive(root)
}

// reader makes a manifest of one app.
type reader struct {
	dir      string
	host     *foreign.Node
	made     draft.Manifest
	defaults map[string]*foreign.Node // variables of all functions
	runtime  string
	code     []foreign.Entry // the triggers that stand in modules, by their files
	triggers int             // how many of the app's were found
	prefix   string
}

// Read makes a manifest of the app that a file is of. What became of each value of its files is said in the tree that it gives.
func Read(root *foreign.Node, file string) (draft.Manifest, *foreign.Node, error) {
	r := &reader{dir: filepath.Dir(file), defaults: map[string]*foreign.Node{}, prefix: "api"}
	files := []foreign.Entry{{Key: filepath.Base(file), Value: root}}
	if isLive(root) {
		files = root.Entries()
	} else if filepath.Base(file) == definition { // of the one function
		r.dir = filepath.Dir(r.dir)
		files[0].Key = path.Join(filepath.Base(filepath.Dir(file)), definition)
	}
	more, err := r.others(files[0].Key)
	if err != nil {
		return r.made, nil, err
	}
	files = append(files, more...)
	r.made.Service = draft.Folder(filepath.Join(r.dir, Host))
	r.made.Targets = []draft.Target{
		{Name: "local", Settings: draft.Settings{{Key: "provider", Value: "local"}}},
		{Name: "azure", Settings: draft.Settings{
			{Key: "provider", Value: "azure"}, {Key: "resource_group", Value: "${env:RESOURCE_GROUP}"}, {Key: "location", Value: "${env:LOCATION}"},
		}},
	}
	if !isLive(root) {
		r.made.Notes = append(r.made.Notes, "say in RESOURCE_GROUP and LOCATION where the app is to be on Azure")
	}
	for _, f := range files {
		switch f.Key {
		case Host:
			r.host = f.Value
			r.readHost()
		case settings:
			r.readSettings(f.Value)
		case liveSite:
			r.site(f.Value)
		case liveSettings:
			foreign.Seen(r.values)(f.Value)
		}
	}
	for _, f := range files {
		if path.Base(f.Key) == definition {
			r.triggers++
			r.function(path.Dir(f.Key), f.Value)
		}
	}
	if len(r.made.Functions) == 0 {
		r.modules()
	}
	if known := root.Get(liveFunctions); known != nil {
		foreign.Seen(r.complete)(known)
	}
	r.variables()
	r.made.Absent = r.absent()
	return r.made, foreign.Of(append(files, r.code...)...), nil
}

// others are the further files of the app, by their names in its folder.
func (r *reader) others(known string) (files []foreign.Entry, err error) {
	names := []string{Host, settings}
	if path.Base(known) != definition {
		found, _ := filepath.Glob(filepath.Join(r.dir, "*", definition))
		slices.Sort(found)
		for _, f := range found {
			names = append(names, path.Join(filepath.Base(filepath.Dir(f)), definition))
		}
	}
	for _, name := range names {
		if name == known {
			continue
		}
		n, err := foreign.Below(r.dir, name)
		switch {
		case foreign.Missing(err):
		case err != nil:
			return nil, err
		default:
			files = append(files, foreign.Entry{Key: name, Value: n})
		}
	}
	return files, nil
}

// language is the runtime of the app: what its settings say, else what lies in its folder.
func (r *reader) language() string {
	switch {
	case r.runtime != "":
		return r.runtime
	case r.host.At("customHandler") != nil:
		return "custom"
	case foreign.IsFile(r.dir, "function_app.py"), foreign.IsFile(r.dir, "requirements.txt"):
		return "python3.13"
	}
	return "nodejs24"
}

// absent is why there is no function, where nothing that was read says it: code in a language whose handlers ferry does not call.
func (r *reader) absent() string {
	if len(r.made.Functions) > 0 {
		return ""
	}
	for language, files := range map[string][]string{".NET": {"*.csproj", "*.fsproj"}, "Java": {"pom.xml", "build.gradle", "build.gradle.kts"}, "PowerShell": {"profile.ps1"}} {
		for _, f := range files {
			if found, _ := filepath.Glob(filepath.Join(r.dir, f)); len(found) > 0 && filepath.Base(found[0]) != "extensions.csproj" {
				return "ferry calls no handlers of " + language + ": it runs programs in that language that listen on $PORT (style: server)"
			}
		}
	}
	return ""
}

// readSettings reads the settings of a developer's machine: the app's variables.
func (r *reader) readSettings(n *foreign.Node) {
	n.Get("IsEncrypted").Drop("ferry keeps no values of secrets in files")
	n.Get("Host").Drop("it is for the tool that runs the app on a developer's machine")
	n.Get("ConnectionStrings").Lose("ferry hands connection strings over as variables: write them under env, or as one of secrets")
	r.values(n.Get("Values"))
}

// values are the app's variables, and what is for its host.
func (r *reader) values(n *foreign.Node) {
	for _, e := range n.Entries() {
		switch {
		case e.Key == "FUNCTIONS_WORKER_RUNTIME":
			r.worker(e.Value)
		case strings.HasPrefix(e.Key, "AzureWebJobs"), strings.HasPrefix(e.Key, "FUNCTIONS_"), strings.HasPrefix(e.Key, "WEBSITE_"),
			strings.HasPrefix(e.Key, "APPLICATIONINSIGHTS_"), strings.HasPrefix(e.Key, "DEPLOYMENT_STORAGE_"), strings.HasPrefix(e.Key, "SCM_"):
			e.Value.Drop("the host of Azure reads it, and ferry sets it by itself")
		default:
			r.defaults[e.Key] = e.Value
		}
	}
}

func (r *reader) worker(n *foreign.Node) {
	runtime := map[string]string{"node": "nodejs24", "python": "python3.13", "custom": "custom"}[strings.ToLower(n.Raw())]
	if runtime == "" {
		n.Lose("ferry calls no handlers of " + foreign.Plain(n.Raw()) + ": it runs programs in that language that listen on $PORT (style: server)")
		r.runtime = "none"
		return
	}
	r.runtime = runtime
	n.Map("functions.*.runtime")
}

// variables gives each function those of the app.
func (r *reader) variables() {
	names := make([]string, 0, len(r.defaults))
	for name := range r.defaults {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if r.vaulted(name, r.defaults[name]) {
			continue
		}
		for i := range r.made.Functions {
			before := len(r.made.Notes)
			lambda.Variable(&r.made, &r.made.Functions[i], name, r.defaults[name])
			if i > 0 {
				r.made.Notes = r.made.Notes[:before] // it was said of the first
			}
		}
	}
}
