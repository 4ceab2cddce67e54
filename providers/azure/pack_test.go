package azure

import (
	"archive/zip"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/providertest"
)

// unpacked is the package of a spec for Azure, in a folder, with the zip itself.
func unpacked(t *testing.T, a *Adapter, s providers.Spec) (dir string, digest string) {
	t.Helper()
	made, err := a.pack(specOf(s))
	if err != nil {
		t.Fatal(err)
	}
	defer made.close()
	z, err := zip.OpenReader(made.file.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	dir = t.TempDir()
	if err := os.CopyFS(dir, z); err != nil {
		t.Fatal(err)
	}
	return dir, made.digest
}

func nowhere(t *testing.T) *Adapter {
	t.Helper()
	return newAdapter(t, func(string) (string, bool) { return "", false }, "shop", "dev", `{"resource_group": "shop", "location": "westeurope"}`)
}

func program(t *testing.T, a *Adapter, env map[string]string, files map[string]string, events ...manifest.Event) providers.Spec {
	t.Helper()
	fn := providertest.Function("api", "a", events...)
	fn.Runtime, fn.Style, fn.Handler, fn.Env = "custom", manifest.StyleServer, "run.sh", env
	return providertest.Package(t, a, fn, files)
}

func TestAProgramIsStartedWithItsEnvironmentWhateverIsInIt(t *testing.T) {
	a := nowhere(t)
	env := map[string]string{
		"QUOTES": `it's "quoted" $HOME ${HOME} $(id) ` + "`id`" + ` %PATH% <&>;|`, "LINES": "two\nlines\tand a tab\r\n", "AROUND": "  around  ",
		"BACK": `back\slash \n`, "EMPTY": "", "LETTERS": "grüße 🌍",
	}
	spec := program(t, a, env, map[string]string{"run.sh": "#!/bin/sh\nexec env -0\n"})
	dir, _ := unpacked(t, a, spec)
	c := exec.Command(filepath.Join(dir, startFile))
	c.Env = []string{"FUNCTIONS_CUSTOMHANDLER_PORT=4711", "PATH=" + os.Getenv("PATH")}
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for pair := range strings.SplitSeq(string(out), "\x00") {
		name, value, _ := strings.Cut(pair, "=")
		got[name] = value
	}
	env["PORT"], env["FERRY_DIGEST"] = "4711", spec.Digest
	for name, want := range env {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestEqualSpecsGiveEqualPackagesWithTheirPrograms(t *testing.T) {
	a := nowhere(t)
	spec := program(t, a, nil, map[string]string{"run.sh": "#!/bin/sh\n", "data/ü.txt": "x"})
	dir, one := unpacked(t, a, spec)
	_, two := unpacked(t, a, spec)
	if one != two {
		t.Error("two packages of one spec differ")
	}
	for _, name := range []string{"run.sh", startFile} {
		if is, err := os.Stat(filepath.Join(dir, name)); err != nil || is.Mode()&0o100 == 0 {
			t.Errorf("%s cannot be started: %v %v", name, is, err)
		}
	}
	changed := spec
	changed.Function.Env = map[string]string{"A": "b"}
	if _, other := unpacked(t, a, providertest.Digested(changed)); other == one {
		t.Error("another environment gives the same package, so that it would not go live with it")
	}
}

func TestTheHostIsToldOfTheFunctionsOfAProgram(t *testing.T) {
	a := nowhere(t)
	spec := program(t, a, nil, map[string]string{"run.sh": "#!/bin/sh\n"},
		manifest.Event{Schedule: &manifest.ScheduleEvent{Cron: "0 0 * * 7", Timezone: "UTC"}},
		manifest.Event{Queue: &manifest.QueueEvent{Name: "orders", Batch: 4, Attempts: 3}},
		manifest.Event{Topic: &manifest.TopicEvent{Name: "news"}})
	dir, _ := unpacked(t, a, spec)
	read := func(name string) (v map[string]any) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = json.Unmarshal(data, &v)
		}
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, kind := range map[string]string{"http": "httpTrigger", "schedule0": "timerTrigger", "queue0": "queueTrigger", "pushed": "eventGridTrigger"} {
		first := read(name + "/function.json")["bindings"].([]any)[0].(map[string]any)
		if first["type"] != kind {
			t.Errorf("%s is %v", name, first)
		}
	}
	host := read(hostFile)
	if host["functionTimeout"] != "00:00:10" || host["customHandler"] == nil || host["extensionBundle"] == nil {
		t.Errorf("the host is told %v", host)
	}
	queues := host["extensions"].(map[string]any)["queues"].(map[string]any)
	if queues["batchSize"] != 4.0 || queues["maxDequeueCount"] != 3.0 {
		t.Errorf("queues are read as %v", queues)
	}
	if prefix := host["extensions"].(map[string]any)["http"].(map[string]any)["routePrefix"]; prefix != "" {
		t.Errorf("paths begin with %q", prefix)
	}
}

func TestTrap16FilesWhoseNamesBeginWithADotAreInThePackage(t *testing.T) {
	a := nowhere(t)
	fn := providertest.Function("api", "a")
	fn.Runtime, fn.Style, fn.Handler, fn.Build.Include = "custom", manifest.StyleServer, "run.sh", []string{".azurefunctions/**"}
	dir, _ := unpacked(t, a, providertest.Package(t, a, fn, map[string]string{"run.sh": "#!/bin/sh\n", ".azurefunctions/x.json": "{}"}))
	if _, err := os.Stat(filepath.Join(dir, ".azurefunctions", "x.json")); err != nil {
		t.Error(err)
	}
}

func TestTrap18ThePackageBringsItsDependenciesSinceNothingIsBuiltOnAzure(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("needs node")
	}
	a := nowhere(t)
	fn := providertest.Function("api", "a")
	node := languages()["Node"]
	fn.Runtime, fn.Style, fn.Handler = node.runtime, node.style, node.handler
	dir, _ := unpacked(t, a, providertest.Package(t, a, fn, node.files))
	found := false
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, reading := os.ReadFile(path)
			found, err = found || strings.HasSuffix(path, "@azure/functions/package.json") || strings.Contains(string(data), "azure/functions-core"), reading
		}
		return err
	})
	if err != nil || !found {
		t.Errorf("the library of Azure Functions is not in the package: %v", err)
	}
}

func TestTrap15AllEntriesKeepTheirModesAndAreNotInAFolder(t *testing.T) {
	a := nowhere(t)
	made, err := a.pack(specOf(program(t, a, nil, map[string]string{"run.sh": "#!/bin/sh\n", "lib/a.txt": "a"})))
	if err != nil {
		t.Fatal(err)
	}
	defer made.close()
	data, err := io.ReadAll(io.NewSectionReader(made.file, 0, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(strings.NewReader(string(data)), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	root := false
	for _, f := range z.File {
		if f.CreatorVersion>>8 != 3 || f.Mode().Perm() == 0 {
			t.Errorf("%s has no mode of Unix", f.Name)
		}
		root = root || f.Name == hostFile
	}
	if !root {
		t.Error("host.json is not at the root")
	}
}
