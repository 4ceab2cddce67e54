package templates

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/ferryfn/ferry/manifest"
)

func TestATargetServesTheStylesWhoseShapesAndCellsItHas(t *testing.T) {
	t.Parallel()
	made := func(cells ...string) fs.FS {
		all := fstest.MapFS{}
		for _, cell := range cells {
			all["shims/nodejs/"+cell+"/a.mjs"] = &fstest.MapFile{}
		}
		return all
	}
	for _, c := range []struct {
		why   string
		shims fs.FS
		want  []manifest.Style
	}{
		{"every source is served", made("core", "sources/fetch", "sources/lambda", "carriers/lambda-v2", "targets/aws"), []manifest.Style{"fetch", "lambda"}},
		{"node needs the loopback where there are no connections", made("core", "sources/fetch", "sources/node", "carriers/lambda-v2", "targets/aws"), []manifest.Style{"fetch"}},
		{"the loopback is there", made("core", "sources/node", "carriers/lambda-v2", "carriers/loopback", "targets/aws"), []manifest.Style{"node"}},
		{"the carrier of the target is missing", made("core", "sources/fetch", "carriers/socket", "targets/aws"), nil},
		{"the target is another", made("core", "sources/fetch", "carriers/lambda-v2", "targets/gcp"), nil},
		{"nothing", made(), nil},
	} {
		if diff := cmp.Diff(c.want, styles(c.shims, "nodejs", "aws")); diff != "" {
			t.Errorf("%s: %s", c.why, diff)
		}
	}
}

func TestAStyleThatTakesNothingOfATargetIsNotServedThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target arrivals
		style  manifest.Style
		want   bool
	}{
		{arrivals{events: true}, manifest.StyleGCFHTTP, false},
		{arrivals{events: true}, manifest.StyleGCFEvent, true},
		{arrivals{carriers: []string{"socket"}}, manifest.StyleGCFEvent, false},
		{arrivals{carriers: []string{"socket"}}, manifest.StyleGCFHTTP, true},
		{arrivals{events: true}, manifest.StyleFetch, true},
		{arrivals{}, manifest.StyleFetch, false},
	} {
		if got := c.target.serves(c.style); got != c.want {
			t.Errorf("%+v serves %s: %v", c.target, c.style, got)
		}
	}
}

// combinations are all that a shim is made for, with all that a function can use of it.
func combinations() (all []manifest.Function) {
	for _, p := range platforms() {
		all = append(all, p.function(func(fn *manifest.Function) {
			fn.Events[0].HTTP.CORS = &manifest.CORS{Origins: []string{"*"}}
			fn.Secrets = map[string]string{"TOKEN": "shop"}
		}))
	}
	return all
}

func TestAShimWithoutAPolicyOfCORSHasNoPartForOne(t *testing.T) {
	t.Parallel()
	for _, fn := range combinations() {
		if fn.Runtime.Language() != "nodejs" {
			continue
		}
		for answers, want := range map[bool]bool{true: false, false: true} {
			shim, _ := Render(fn, Target{Name: "aws", AnswersCORS: answers})
			if got := bytes.Contains(shim.Files[shim.Entry], []byte("function corsHeaders")); got != want {
				t.Errorf("%s, answered by the ingress: %v: it is %v that the part is there", fn.Style, answers, got)
			}
		}
	}
}

func TestOnlyAFunctionWithSecretsHasWhatResolvesThem(t *testing.T) {
	t.Parallel()
	for runtime, call := range map[manifest.Runtime]string{"nodejs24": "await resolveSecrets(", "python3.13": "resolve_secrets(json"} {
		for _, secrets := range []map[string]string{nil, {"TOKEN": "shop"}} {
			fn := manifest.Function{Name: "f", Runtime: runtime, Style: manifest.StyleLambda, Handler: "app:handler", Secrets: secrets}
			shim, ok := Render(fn, Target{Name: "aws"})
			if got := bytes.Contains(shim.Files[shim.Entry], []byte(call)); !ok || got != (secrets != nil) {
				t.Errorf("%s with the secrets %v resolves them: %v", runtime, secrets, got)
			}
		}
	}
}

func TestAShimHoldsTheCellsOfItsStyleAndTargetAlone(t *testing.T) {
	t.Parallel()
	for _, fn := range combinations() {
		language := fn.Runtime.Language()
		for name := range targets() {
			shim, ok := Render(fn, Target{Name: name})
			if there := has(files, language, "targets/"+name); ok != there {
				t.Fatalf("it is %v that %s has a shim for %s", ok, fn.Style, name)
			} else if !there {
				continue
			}
			wanted := cells(files, language, fn.Style, name)
			if !has(files, language, "targets/"+name+"-"+string(fn.Style)) {
				wanted = append(wanted, "noforward")
			}
			var whole []byte
			for _, files := range []map[string][]byte{shim.Files, shim.Beside} {
				for _, content := range files {
					whole = append(whole, content...)
				}
			}
			for _, p := range everyPart(t, language) {
				cell := strings.TrimPrefix(p.dir, "shims/"+language+"/")
				if has := bytes.Contains(whole, p.text()); has != slices.Contains(wanted, cell) {
					t.Errorf("%s on %s: it is %v that the shim holds %s", fn.Style, name, has, path.Join(cell, p.name))
				}
			}
		}
	}
}

// everyPart lists the files of all cells of a language.
func everyPart(t *testing.T, language string) (all []part) {
	t.Helper()
	root := "shims/" + language
	err := fs.WalkDir(files, root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		steps := strings.SplitN(strings.TrimPrefix(file, root+"/"), "/", 3)
		depth := 2
		if slices.Contains([]string{"core", "forward", "noforward"}, steps[0]) {
			depth = 1
		}
		dir := path.Join(root, path.Join(steps[:depth]...))
		all = append(all, part{dir: dir, name: strings.TrimPrefix(file, dir+"/")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNoTwoPartsOfAShimHaveOneNameInGo(t *testing.T) {
	t.Parallel()
	for name := range targets() {
		for _, style := range Styles("go", name) {
			seen := map[string]string{"config.go": "the configuration"}
			for _, p := range parts("go", style, name) {
				file := strings.TrimSuffix(p.name, ".tmpl")
				if other := seen[file]; other != "" {
					t.Errorf("%s on %s: %s is in %s and in %s", style, name, file, other, p.dir)
				}
				seen[file] = p.dir
			}
		}
	}
}

// TestNoTwoPartsOfAShimDeclareOneName is of the languages whose parts are one file.
func TestNoTwoPartsOfAShimDeclareOneName(t *testing.T) {
	t.Parallel()
	declared := map[string]*regexp.Regexp{
		"nodejs": regexp.MustCompile(`(?m)^(?:export )?(?:async )?(?:function|class|const|let|import \* as) (\w+)`),
		"python": regexp.MustCompile(`(?m)^(?:async )?(?:def|class) (\w+)`),
	}
	imported := regexp.MustCompile(`(?m)^import (?:\w+, )?\{(.*)\} from`)
	for language, declares := range declared {
		for name := range targets() {
			for _, style := range Styles(language, name) {
				seen := map[string]string{}
				for _, p := range (config{Forward: &forwardConfig{}}).parts(language, style, name) {
					var names []string
					for _, found := range declares.FindAllSubmatch(p.text(), -1) {
						names = append(names, string(found[1]))
					}
					for _, found := range imported.FindAllSubmatch(p.text(), -1) {
						for one := range strings.SplitSeq(string(found[1]), ",") {
							fields := strings.Fields(one)
							names = append(names, fields[len(fields)-1])
						}
					}
					for _, one := range names {
						replaces := language == "python" && strings.Contains(p.dir, "/sources/") && strings.Contains(seen[one], "/core/")
						if other := seen[one]; other != "" && other != path.Join(p.dir, p.name) && !replaces {
							t.Errorf("%s on %s: %s is declared in %s and in %s", style, name, one, other, path.Join(p.dir, p.name))
						}
						seen[one] = path.Join(p.dir, p.name)
					}
				}
			}
		}
	}
}

// TestOnlyASourceKnowsItsStyle keeps the cells apart: what asks for the style has to change with every new one.
func TestOnlyASourceKnowsItsStyle(t *testing.T) {
	t.Parallel()
	asks := regexp.MustCompile(`(?i)config\W{0,3}style`)
	for _, language := range []string{"nodejs", "python", "go"} {
		for _, p := range everyPart(t, language) {
			if found := asks.Find(p.text()); found != nil {
				t.Errorf("%s asks for the style: %s", path.Join(p.dir, p.name), found)
			}
		}
	}
}

func TestAnIngressThatAnswersCORSLeavesNoneToTheShim(t *testing.T) {
	t.Parallel()
	fn := platforms()[0].function(func(fn *manifest.Function) {
		fn.Events[0].HTTP.CORS = &manifest.CORS{Origins: []string{"*"}}
	})
	for name := range targets() {
		for answers, want := range map[bool]string{true: `"cors":null`, false: `"cors":{`} {
			shim, ok := Render(fn, Target{Name: name, AnswersCORS: answers})
			if config, _, _ := strings.Cut(string(shim.Files[shim.Entry]), "\n"); ok && !strings.Contains(config, want) {
				t.Errorf("on %s, answered by the ingress: %v: %s", name, answers, config)
			}
		}
	}
}
