package packager

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ferryfn/ferry/internal/fuzzing"
	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
)

// ours are the files that rules keep, as a list of paths.
func ours(t testing.TB, root string) []string {
	t.Helper()
	p := newPackager(t, root)
	fn := packagertest.Server("main.py")
	j, err := newJob(p, fn, packagertest.Local(fn.Runtime))
	if err != nil {
		t.Fatal(err)
	}
	j.In = source.NewRecorder(&source.Hashes{})
	files, err := j.Tree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	return packagertest.Sorted(names)
}

// gits are the files that git would keep under the same rules.
func gits(t testing.TB, root string) []string {
	t.Helper()
	packagertest.Output(t, root, "git", "init", "-q")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == ".ferryignore" {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(filepath.Dir(path), ".gitignore"), data, 0o600)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "-c", "core.quotepath=false", "-c", "core.excludesFile=/dev/null", "ls-files", "-o", "-z", "--exclude-per-directory=.gitignore")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		if base := filepath.Base(name); name != "" && base != ".gitignore" && base != ".ferryignore" {
			names = append(names, name)
		}
	}
	return packagertest.Sorted(names)
}

var ignoreTree = []string{
	"main.py", "foo", "foo.log", "a/foo", "a/b/foo", "a/b/c/foo.log", "a/b/bar.txt", "a/keep.txt", "build/out", "build/keep/x",
	"src/build/out", "docs/a.md", "docs/sub/b.md", "x y", "x ", "#hash", "!bang", "[a]", "a.TXT", "deep/er/est/foo", "bar/foo/foo",
	"temp/1", "temp/2", "e\u0301", "star*",
}

func TestIgnoreRulesMeanWhatTheyMeanToGit(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "git")
	for _, rules := range []string{
		"foo", "/foo", "foo/", "a/foo", "/a/foo", "**/foo", "a/**", "a/**/foo", "**/b/**", "*.log", "!*.log", "*.log\n!foo.log", "*\n!main.py",
		"*\n!a\n", "*\n!a/\n", "/*\n!/a", "/*\n!/a/\n/a/*\n!/a/b", "*\n!*/\n!*.txt", "a/*\n!a/keep.txt", "a\n!a/keep.txt", "build", "/build/\n", "build/*\n!build/keep",
		"# comment\nfoo", "\\#hash", "\\!bang", "[a]", "\\[a\\]", "[!f]oo", "[^f]oo", "[a-c]", "fo?", "x\\ y", "x\\ ", "x   ", "foo\r\nbar/\r\n", "\ufefffoo",
		"*.txt", "*.TXT", "docs/*.md", "docs/**/*.md", "**", "**/", "/**", "/", "", "   ", "foo/**\n!foo/foo", "**/foo\n!bar/foo/foo", "foo\n!**/foo", "temp/[12]", "temp/[!1]",
		"star\\*", "star*", "foo**", "**foo", "a**b", "a/**b/foo", "[[:alpha:]]oo", "[", "\\", "a/b/c/", "*\n!/foo\n!a/b/foo", "*\n!foo", "e\u0301", "deep/*/est", "*\n!deep/\n!deep/**", "*/foo\n!a/foo",
	} {
		t.Run(rules, func(t *testing.T) {
			var files []string
			for _, name := range ignoreTree {
				files = append(files, name, "x")
			}
			root := packagertest.Project(t, append(files, ".ferryignore", rules)...)
			packagertest.Equal(t, ours(t, root), gits(t, root))
		})
	}
}

func TestAnIgnoreFileBelowAddsToThoseAbove(t *testing.T) {
	t.Parallel()
	packagertest.Needs(t, "git")
	root := packagertest.Project(t, "main.py", "", ".ferryignore", "*.log\n/a/x", "a/.ferryignore", "!keep.log\n/y\n", "a/keep.log", "", "a/no.log", "", "a/x", "", "a/y", "", "a/b/y", "", "b/keep.log", "")
	got := ours(t, root)
	packagertest.Equal(t, got, []string{"a/b/y", "a/keep.log", "main.py"})
	packagertest.Equal(t, got, gits(t, root))
}

func TestAnIgnoreFileAboveTheSourceHoldsToo(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, ".ferryignore", "*.log\n/fn/x", "fn/main.py", "", "fn/a.log", "", "fn/x", "", "fn/sub/x", "")
	fn := packagertest.Server("main.py")
	fn.Source = "fn"
	p := newPackager(t, root)
	got := contents(t, build(t, p, fn))
	if _, in := got["a.log"]; in || len(got) != 2 {
		t.Errorf("got %v", got)
	}
	packagertest.Fill(t, root, ".ferryignore", "sub")
	if len(contents(t, build(t, p, fn))) != 3 {
		t.Error("a change of the ignore file above was not seen")
	}
}

const pemKey, pemCert = "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\n"

func TestSecretsNeverEnter(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", ".env", "K=1", ".env.prod", "", ".envrc", "", "sub/.env", "", "tls.key", "", "id_rsa", "", "a.p12", "", "a.pfx", "", ".npmrc", "", ".netrc", "",
		"server.pem", pemKey, "ca.pem", pemCert, "credentials.json", `{"private_key": "x"}`, "config/credentials.json", `{"fields": ["name"]}`,
		"my-service-account.json", `{"private_key": "x"}`, ".git/config", "", ".hg/x", "", ".svn/x", "", "__pycache__/a.pyc", "", "b.pyc", "", ".venv/x", "", "venv/x", "",
		".DS_Store", "", "ferry.yaml", "", "ferry.schema.json", "{}", ".ferryignore", "!.env\n!tls.key\n", "node_modules/a/i.js", "", "id_rsa.pub", "public", "environment.txt", "")
	packagertest.Equal(t, ours(t, root), []string{"ca.pem", "config/credentials.json", "environment.txt", "id_rsa.pub", "main.py"})
}

func TestIncludingASecretIsAnErrorAndSweepingOverOneIsNot(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", "conf/.env", "", "conf/a.txt", "", "conf/tls.key", "", "conf/x.pem", pemKey)
	for pattern, want := range map[string]string{"conf/.env": "conf/.env", "**/*.key": "conf/tls.key", "conf/x.pem": "conf/x.pem", "conf/.e*": "conf/.env"} {
		fn := packagertest.Server("main.py")
		fn.Build.Include = []string{pattern}
		e := failure(t, newPackager(t, root), fn)
		packagertest.Contains(t, e.Message, "looks like a secret", want)
		packagertest.Contains(t, e.Hint, "secrets:")
	}
	fn := packagertest.Server("main.py")
	fn.Build.Include = []string{"conf/**"}
	if got := contents(t, build(t, newPackager(t, root), fn)); len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestExcludeGoesBeforeIncludeAndIncludeBeforeTheIgnoreFile(t *testing.T) {
	t.Parallel()
	root := packagertest.Project(t, "main.py", "", ".ferryignore", "data\n*.tmp\n", "data/a.txt", "", "data/deep/b.csv", "", "data/draft.csv", "", "x.tmp", "", "node_modules/p/i.js", "")
	fn := packagertest.Server("main.py")
	fn.Build.Include = []string{"data/**/*.csv", "node_modules/p"}
	fn.Build.Exclude = []string{"draft.*"}
	var names []string
	for name := range contents(t, build(t, newPackager(t, root), fn)) {
		names = append(names, name)
	}
	packagertest.Equal(t, packagertest.Sorted(names), []string{"data/deep/b.csv", "main.py", "node_modules/p/i.js"})
}

func TestAnIncludeThatMatchesNothingIsAnError(t *testing.T) {
	t.Parallel()
	fn := packagertest.Node("app.js")
	fn.Build.Include = []string{"veiws/**"}
	packagertest.Contains(t, failure(t, newPackager(t, packagertest.Project(t, "app.js", fetchHandler, "views/a", "")), fn).Message, "veiws/**", "matches no file")
}

var gluedStars = regexp.MustCompile(`[^/\n]\*\*+/`)

// FuzzIgnoreRulesMeanWhatTheyMeanToGit compares with git itself on a tree of many shapes.
func FuzzIgnoreRulesMeanWhatTheyMeanToGit(f *testing.F) {
	fuzzing.LimitMinimizing(f)
	packagertest.Needs(f, "git")
	for _, rules := range []string{"*\n!foo/**\n[a-", "a/**/\n!a/b", "**/[!a]*\n!x\\ ", "/*/\n!/a/\nfoo*/**", "[]a]", "[a\\]b]", "a//b", "!!bang"} {
		f.Add(rules)
	}
	var files []string
	for _, name := range ignoreTree {
		files = append(files, name, "x")
	}
	root := packagertest.Project(f, files...)
	packagertest.Output(f, root, "git", "init", "-q")
	f.Fuzz(func(t *testing.T, rules string) {
		if len(rules) > 200 || strings.Contains(rules, "\x00") {
			return
		}
		if gluedStars.MatchString(rules) { // git documents "a**/b" as "a*/b", and forgets it after a prefix of letters
			return
		}
		for _, name := range []string{".ferryignore", ".gitignore"} {
			packagertest.Write(t, filepath.Join(root, name), rules)
		}
		got := ours(t, root)
		got = slices.DeleteFunc(got, func(name string) bool { return name == ".gitignore" })
		want := gits(t, root)
		packagertest.Equal(t, got, want)
	})
}
