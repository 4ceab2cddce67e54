package golang

import (
	"fmt"
	"testing"

	"github.com/ferryfn/ferry/packager/packagertest"
)

// own is a package of the source folder with one file, whose function runs some statements.
func own(t *testing.T, statements string, files ...string) (*job, []pkg) {
	t.Helper()
	root := packagertest.Project(t, append(files, "go.mod", "module example.com/shop\n", "api/api.go", `package api

import ("html/template"; "net/http"; disk "os"; "path/filepath"; "embed"; "io/fs")

const views = "views"

func run(name string, r router, in embed.FS) {
`+statements+"\n}\n")...)
	j := &job{Job: packagertest.Job(t, root, packagertest.Go("api"))}
	return j, []pkg{{Dir: root + "/api", GoFiles: []string{"api.go"}, Module: &module{Path: "example.com/shop", Dir: root}}}
}

func TestWhatAGoProgramReadsFromTheWorkingFolderComesAlong(t *testing.T) {
	t.Parallel()
	files := []string{"views/a.html", "", "views/b.txt", "", "static/css/x.css", "", "data.json", ""}
	for code, want := range map[string][]string{
		`disk.ReadFile("data.json")`:                                            {"data.json"},
		`template.Must(template.New("").ParseGlob(views + "/*.html"))`:          {"views/a.html"},
		`template.ParseFiles(filepath.Join(views, "b.txt"), "./views/a.html")`:  {"views/a.html", "views/b.txt"},
		`http.FileServer(http.Dir("static"))`:                                   {"static/css/x.css"},
		`disk.ReadFile(filepath.Join("static", "css", name))`:                   {"static/css/x.css"},
		`disk.Open("views/" + name)`:                                            {"views/a.html", "views/b.txt"},
		`r.Static("/assets", "./static"); r.LoadHTMLGlob("views/*")`:            {"static/css/x.css", "views/a.html", "views/b.txt"},
		`disk.Open(name); disk.ReadFile("/etc/hosts"); disk.DirFS(".")`:         nil,
		`disk.Open("../data.json"); disk.Open("nothing"); disk.Open("[")`:       nil,
		`in.ReadFile("data.json"); fs.ReadFile(in, "data.json"); open("views")`: nil,
	} {
		t.Run(code, func(t *testing.T) {
			j, packages := own(t, code, files...)
			got, err := j.along(t.Context(), packages)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, f := range got {
				names = append(names, f.Name)
			}
			packagertest.Equal(t, packagertest.Sorted(names), want)
			if len(j.made.Warnings) > 0 {
				t.Errorf("it warns: %+v", j.made.Warnings)
			}
		})
	}
}

func TestWhatAGoProgramReadsAndARuleLeavesOutIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	j, packages := own(t, `disk.ReadFile(".env"); disk.ReadFile("big.bin")`, ".env", "", "big.bin", "", ".ferryignore", "*.bin\n")
	if _, err := j.along(t.Context(), packages); err != nil {
		t.Fatal(err)
	}
	packagertest.Contains(t, fmt.Sprint(j.made.Warnings), "api/api.go:8 reads .env, which is not in the package", "`env` and `secrets`", "api/api.go:8 reads big.bin", "build.include")
}

func TestWhereAGoProgramReadsIsAnInput(t *testing.T) {
	t.Parallel()
	j, packages := own(t, `template.ParseGlob("views/*.html"); disk.ReadFile("later/a.json")`, "views/a.html", "")
	if _, err := j.along(t.Context(), packages); err != nil {
		t.Fatal(err)
	}
	inputs := map[string]bool{}
	for _, in := range j.In.List() {
		inputs[j.shown(in.Path)] = true
	}
	for _, name := range []string{"views", "."} {
		if !inputs[name] {
			t.Errorf("%s is no input", name)
		}
	}
}
