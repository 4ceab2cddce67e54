package python

import (
	"strings"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
	"github.com/ferryfn/ferry/packager/source"
	"github.com/ferryfn/ferry/templates"
)

func TestPlainPathsFromWhereCodeLiesAreFound(t *testing.T) {
	for code, want := range map[string]read{
		`open(Path(__file__).parent / "a.json")`:                                                                              {1, 1, "a.json"},
		`(pathlib.Path(__file__).resolve().parents[1] / 'data' / "a.json").read_text()`:                                       {1, 2, "data/a.json"},
		`Path(__file__).parent.joinpath("data", "a.json")`:                                                                    {1, 1, "data/a.json"},
		`Path(__file__).with_name("a.json")`:                                                                                  {1, 1, "a.json"},
		`open(os.path.join(os.path.dirname(__file__), "a.json"))`:                                                             {1, 1, "a.json"},
		`open(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', "a.json"), "r")`:                                 {1, 1, "../a.json"},
		`open(join(dirname(dirname(realpath(__file__))), "a.json"))`:                                                          {1, 2, "a.json"},
		"BASE_DIR = Path(__file__).resolve().parent.parent\nDB = BASE_DIR / \"db.sqlite3\"":                                   {2, 2, "db.sqlite3"},
		"HERE = Path(__file__).parent\nopen(HERE.resolve().parent / 'a.json')":                                                {2, 2, "a.json"},
		"HERE: str = os.path.dirname(__file__)\n\nwith open(os.path.join(HERE, 'a.json')) as f:":                              {3, 1, "a.json"},
		"open(\n    os.path.join(\n        os.path.dirname(__file__),  # (here\n        'data',\n        'a.json',\n    )\n)": {2, 1, "data/a.json"},
		"HERE = (\n  Path(__file__)\n  .parent\n)\nopen(HERE / 'a')":                                                          {5, 1, "a"},
		`os.path.join(os.path.dirname(__file__), "data", name)`:                                                               {1, 1, "data"},
		`os.path.join(os.path.dirname(__file__), "..", "data", name + ".json")`:                                               {1, 1, "../data"},
		`os.path.join(os.path.dirname(__file__), "data", "a" + end)`:                                                          {1, 1, "data"},
		"HERE = Path(__file__).parent\nopen(f'{HERE}/data/{name}.json')":                                                      {2, 1, "data"},
		"HERE = Path(__file__).parent\nopen(HERE / 'data' / f'{name}.json')":                                                  {2, 1, "data"},
		"s = \"\"\"(\n\"\"\"\nopen(Path(__file__).parent / \\\n  'a')":                                                        {3, 1, "a"},
	} {
		packagertest.Equal(t, compared(readsOf(code)), compared([]read{want}))
	}
	for _, code := range []string{`# open(Path(__file__).parent / "a")`, `Path(__file__).parent / name`, `print(__file__, "a")`, `x.HERE / "a"`} {
		if got := readsOf(code); len(got) > 0 {
			t.Errorf("%s reads %v", code, got)
		}
	}
}

// compared are reads as values that can be compared.
func compared(all []read) (out []any) {
	for _, r := range all {
		out = append(out, []any{r.line, r.above, r.name})
	}
	return out
}

func TestWhatCodeReadsComesAlongOrIsNamed(t *testing.T) {
	root := packagertest.Project(t,
		"shared/list.txt", "", "fn/README.md", "read me", "fn/.env", "A=1", "fn/big.bin", "", "fn/data/in.txt", "", "fn/.ferryignore", "big.bin\n",
		"fn/app.py", `from pathlib import Path
HERE = Path(__file__).parent
HERE.joinpath("README.md").read_text()
(HERE / ".env").read_text()
open(HERE / "big.bin")
open(HERE.parent / "shared/list.txt")
open(HERE / "data/in.txt")
open(HERE / "made/later.txt")
`)
	fn := packagertest.Python("app:app")
	fn.Source = "fn"
	content := func() source.Content {
		made, err := Content(t.Context(), packagertest.Job(t, root, fn), templates.Shim{})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	made := content()
	var names []string
	for _, f := range made.Files {
		names = append(names, f.Name)
	}
	packagertest.Equal(t, packagertest.Sorted(names), []string{"README.md", "app.py", "data/in.txt"})
	packagertest.Equal(t, made.Read, map[string]string{"README.md": "app.py:3 reads it"})
	wants := [][3]string{
		{"app.py:4 reads .env", "a secret", "`secrets`"},
		{"app.py:5 reads big.bin", `"big.bin" leaves big.bin out`, "build.include"},
		{"app.py:6 reads ../shared/list.txt", "outside of the source folder", "`source`"},
	}
	if len(made.Warnings) != len(wants) {
		t.Fatalf("warned of %v", made.Warnings)
	}
	for i, want := range wants {
		w := made.Warnings[i]
		packagertest.Contains(t, w.Message, want[0], want[1])
		packagertest.Contains(t, w.Hint, want[2])
		if w.File != "app.py" || w.Line != i+4 || strings.Contains(w.Message, "\x00") {
			t.Errorf("got %+v", w)
		}
	}
}
