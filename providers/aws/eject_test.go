package aws

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/manifest"
	"github.com/ferryfn/ferry/packager"
	"github.com/ferryfn/ferry/providers"
)

// ejected is what functions are ejected to, as one text.
func ejected(t *testing.T, functions ...manifest.Function) (providers.Ejection, string) {
	t.Helper()
	var specs []providers.Spec
	for _, fn := range functions {
		secrets := map[string]string{}
		for variable, secret := range fn.Secrets {
			secrets[variable] = "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + secret + "-AbCdEf#v1"
		}
		specs = append(specs, providers.Spec{Function: fn, Secrets: secrets, Artifact: packager.Artifact{Description: packager.Description{Entry: "ferry-entry.mjs"}}})
	}
	e, err := newTestAdapter(t, func(string) (string, bool) { return "", false }, `{"region": "eu-west-1"}`).Eject(specs)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(e.Files)) {
		all.WriteString("# " + name + "\n" + string(e.Files[name]))
	}
	return e, all.String()
}

func TestEverySettingStandsInTheTemplateOrIsNamed(t *testing.T) {
	_, was := ejected(t, with(t, nil))
	for _, leaf := range slices.Sorted(maps.Keys(otherLeaves())) {
		change := besides(leaf)
		_, before := ejected(t, with(t, change))
		change = maps.Clone(change)
		if change == nil {
			change = map[string]string{}
		}
		change[leaf] = otherLeaves()[leaf]
		e, after := ejected(t, with(t, change))
		var said providers.Said
		plain := strings.NewReplacer("[0]", "[]", "[1]", "[]", "[2]", "[]", "[3]", "[]", "[4]", "[]").Replace(leaf)
		for _, s := range e.Said {
			if (plain == s.Setting || strings.HasPrefix(plain, s.Setting+".")) && len(s.Setting) >= len(said.Setting) {
				said = s
			}
		}
		packed := said.Setting == "" || strings.Contains(said.To, "the package, which") || leaf == "handler"
		if stands := said.To != "" && !packed; stands != (before != after) {
			t.Errorf("%s: said to stand in %q, left out for %q, and changing it changes the files: %t", leaf, said.To, said.Reason, before != after)
		}
	}
	for _, secret := range []string{"hidden", "FERRY_DIGEST"} {
		if strings.Contains(was, secret) {
			t.Errorf("the template holds %s", secret)
		}
	}
}

func TestWhatIsEjectedPassesTheChecksOfCloudFormation(t *testing.T) {
	if _, err := exec.LookPath("cfn-lint"); err != nil {
		t.Skip("needs cfn-lint")
	}
	t.Parallel()
	network := map[string]string{"config.vpc.subnets": `["subnet-12345678"]`, "config.vpc.security_groups": `["sg-12345678"]`}
	others := otherLeaves()
	maps.Copy(others, network)
	others["name"] = `"other"`
	e, _ := ejected(t, with(t, network), with(t, others))
	whole := e.Files["template.yaml"]
	dir := t.TempDir()
	for name, text := range map[string][]byte{"whole.yaml": whole, "broken.yaml": bytes.Replace(whole, []byte("MemorySize:"), []byte("MemorySiz:"), 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"functions/all", "functions/other"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	check := exec.CommandContext(t.Context(), "cfn-lint", "whole.yaml", "broken.yaml")
	check.Dir = dir
	out, _ := check.CombinedOutput()
	if !bytes.Contains(out, []byte("broken.yaml")) {
		t.Errorf("a property that there is not passes:\n%s", out)
	}
	if bytes.Contains(out, []byte("whole.yaml")) {
		t.Errorf("%s", out)
	}
}
