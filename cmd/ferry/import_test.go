package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/ferryfn/ferry/internal/sample"
	"github.com/ferryfn/ferry/packager/packagertest"
)

// portable is whether a foreign manifest has only kinds of event that every target has, and code of a model that still is one.
func portable(a *txtar.Archive) bool {
	text := string(a.Files[0].Data)
	for _, f := range a.Files {
		if strings.HasSuffix(f.Name, "/function.json") {
			text += string(f.Data)
		}
	}
	for _, kind := range []string{
		"websocket", "stream", "kafka", "msk", "activemq", "rabbitmq", "eventBridge", "cloudwatch", "cognito", "iot", "alexa",
		"cloudFront", "DynamoDB", "EventBridgeRule", "go.mod", "../",
		"eventHub", "cosmosDB", "rabbitMQ", "signalR", "sqlTrigger", "orchestration", "activityTrigger", "warmup",
	} {
		if strings.Contains(text, kind) {
			return false
		}
	}
	return true
}

// Why some of them do not serve: the import says of each what it cannot carry.
const (
	olderAzure = "the code is of Azure's model of function.json, which its newer libraries do not serve"
	azuresHost = "it has a trigger or a binding that only Azure's own host fulfils"
	stub       = "its code is no whole program"
)

var unserved = map[string]string{
	"azure-blob": olderAzure, "azure-eventgrid": olderAzure, "azure-http": olderAzure, "azure-python-v1": olderAzure, "azure-queue": olderAzure,
	"azure-servicebus-queue": olderAzure, "azure-servicebus-topic": olderAzure, "azure-timer": olderAzure, "azure-vault": olderAzure,
	"azure-v2-bindings": azuresHost, "azure-v4": azuresHost, "azure-v4-bindings": azuresHost, "azure-v4-durable": azuresHost,
	"azure-v2-blueprints": stub, "gcloud-go": stub, "go": stub, "sam-files": stub,
}

func TestMostOfWhatIsImportedServesLocallyUnedited(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "node", "python3")
	files, err := filepath.Glob("../../migrate/testdata/import/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there is no corpus of foreign manifests", err)
	}
	s, all, without := sample.Of(t, 6), 0, 0
	home := t.TempDir()
	t.Cleanup(func() { stop(t, home) })
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !portable(a) {
			continue
		}
		all++
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if unserved[name] != "" {
			without++
			continue
		}
		if !s.Takes() {
			continue
		}
		if says := importAndServe(t, a, home); says != "" {
			t.Errorf("%s: %s", name, says)
		}
	}
	if without != len(unserved) {
		t.Errorf("%d of those that do not serve are in the corpus, want %d", without, len(unserved))
	}
	if served := all - without; served*10 < all*7 {
		t.Errorf("want at least 70 of 100 to serve, got %d of %d", served, all)
	}
}

// importAndServe imports one, deploys it and calls each of its functions. It says what went wrong, "" when all answered.
func importAndServe(t *testing.T, a *txtar.Archive, home string) string {
	dir := filepath.Join(t.TempDir(), "shop")
	for _, f := range a.Files {
		if strings.HasPrefix(f.Name, "want.") {
			continue
		}
		packagertest.Write(t, filepath.Join(dir, filepath.FromSlash(f.Name)), string(f.Data))
	}
	ferry := func(args ...string) (string, error) {
		var out, errs bytes.Buffer
		c := exec.Command("ferry", append([]string{"-C", dir}, args...)...)
		c.Env, c.Stdout, c.Stderr = append(os.Environ(), "FERRY_HOME="+home, "D=d", "FERRY_STAGE=dev"), &out, &errs
		err := c.Run()
		return out.String() + errs.String(), err
	}
	if out, err := ferry("import", a.Files[0].Name); err != nil && !strings.Contains(out, "carried") {
		return out
	}
	for secret := range strings.SplitSeq(secretsOf(t, dir), "\n") {
		if secret == "" {
			continue
		}
		c := exec.Command("ferry", "-C", dir, "secrets", "set", secret)
		c.Env, c.Stdin = append(os.Environ(), "FERRY_HOME="+home), strings.NewReader("hidden")
		if out, err := c.CombinedOutput(); err != nil {
			return string(out)
		}
	}
	out, err := ferry("deploy", "--json")
	if err != nil {
		return out
	}
	var doc struct {
		Result struct{ Functions map[string]any }
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&doc); err != nil {
		return out
	}
	for name := range doc.Result.Functions {
		if out, err := ferry("invoke", name, "-p", "/"); err != nil && !strings.Contains(out, "40") {
			return name + ": " + out
		}
	}
	return ""
}

// secretsOf are the secrets that the manifest names, one a line.
func secretsOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "ferry.yaml"))
	if err != nil {
		return ""
	}
	var names []string
	within := false
	for line := range strings.Lines(string(text)) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "secrets:":
			within = true
		case within && strings.Count(line, ":") == 1 && !strings.HasSuffix(trimmed, ":"):
			_, name, _ := strings.Cut(trimmed, ": ")
			names = append(names, name)
		default:
			within = false
		}
	}
	return strings.Join(names, "\n")
}
