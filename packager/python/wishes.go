package python

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/ferryfn/ferry/packager/source"
)

// wishes are the Python packages that a function asks for.
type wishes struct {
	file    string   // of the user, that says so
	lines   []string // as in a requirements.txt
	folders []string // of packages that are built
	locked  bool     // the lines are complete
	brought string   // more lines, of the frameworks that the function is written for or called through
	sum     string   // stands for all of it but what the folders hold
	held    string   // stands for that
}

// wishes reads the first that there is of requirements.txt, uv.lock, poetry.lock, pyproject.toml and setup.py. What it cannot
// read is an error. It returns nil when nothing is asked for.
func (j *job) wishes(ctx context.Context) (*wishes, error) {
	list := filepath.Join(j.Dir, "requirements.txt")
	if there, err := source.IsFile(list); err != nil {
		return nil, err
	} else if there {
		return j.requirementsFile(list)
	}
	if err := j.unread(before); err != nil {
		return nil, err
	}
	w, err := j.project(ctx)
	if w == nil && err == nil {
		w, err = j.setup()
	}
	if w == nil && err == nil {
		err = j.unread(instead)
	}
	if err != nil || w == nil || len(w.lines) == 0 {
		return nil, err
	}
	return w, nil
}

// project reads a pyproject.toml and its lock.
func (j *job) project(ctx context.Context) (*wishes, error) {
	file := filepath.Join(j.Dir, "pyproject.toml")
	if there, err := source.IsFile(file); err != nil || !there {
		return nil, err
	}
	data, err := j.In.Read(file)
	if err != nil {
		return nil, err
	}
	var p pyproject
	if err := toml.Unmarshal(data, &p); err != nil {
		return nil, source.Problem(file, "correct it", "pyproject.toml cannot be read: %v", err)
	}
	w, err := j.asked(ctx, file, p)
	if err != nil || !p.installed() || !sourced(j.Dir) {
		return w, err
	}
	if w == nil {
		w = &wishes{file: file}
	}
	if !slices.Contains(w.folders, j.Dir) {
		err = j.addFolder(w, j.Dir, "")
	}
	return w, err
}

// installed is whether tools install the project itself, beside what it needs.
func (p pyproject) installed() bool {
	is := func(said *bool) bool { return said == nil || *said }
	return len(p.Build) > 0 && is(p.Tool.UV.Package) && is(p.Tool.Poetry.Package)
}

// sourced is whether the modules of a project lie in a folder src, where nothing finds them that is not installed.
func sourced(dir string) bool {
	src := os.DirFS(filepath.Join(dir, "src"))
	return slices.ContainsFunc([]string{"*.py", "*/*.py"}, func(form string) bool {
		found, err := fs.Glob(src, form)
		return err == nil && len(found) > 0
	})
}

// asked is what a project asks for, as its lock says, or else itself.
func (j *job) asked(ctx context.Context, file string, p pyproject) (*wishes, error) {
	if w, err := j.uvLock(ctx, p); w != nil || err != nil {
		return w, err
	}
	if w, err := j.poetryLock(p); w != nil || err != nil {
		return w, err
	}
	return j.plainProject(file, p)
}

// setup reads a setup.py or setup.cfg, which only a build knows the meaning of: the project is installed as a whole.
func (j *job) setup() (*wishes, error) {
	for _, name := range []string{"setup.py", "setup.cfg"} {
		file := filepath.Join(j.Dir, name)
		if there, err := source.IsFile(file); err != nil {
			return nil, err
		} else if !there {
			continue
		}
		data, err := j.In.Read(file)
		if err != nil {
			return nil, err
		}
		if strings.Contains(string(data), "install_requires") {
			w := &wishes{file: file}
			return w, j.addFolder(w, j.Dir, "")
		}
	}
	return nil, nil
}

// other is a list of dependencies that is not read.
type other struct{ name, hint string }

// The lists that come before a pyproject.toml, and those that say what is needed where nothing else does.
var (
	before = []other{
		{"Pipfile", "write them to requirements.txt with `pipenv requirements > requirements.txt`"},
		{"Pipfile.lock", "write them to requirements.txt with `pipenv requirements > requirements.txt`"},
		{"pdm.lock", "write them to requirements.txt with `pdm export --prod -o requirements.txt`"},
		{"pylock.toml", "write them to requirements.txt with the tool that wrote it"},
	}
	instead = []other{
		{"environment.yml", conda},
		{"environment.yaml", conda},
		{"conda.yml", conda},
		{"conda.yaml", conda},
		{"pixi.toml", conda},
		{"requirements.in", "write the versions to requirements.txt with `pip-compile requirements.in` or `uv pip compile requirements.in -o requirements.txt`"},
		{"requirements/production.txt", "name it in a requirements.txt: `-r requirements/production.txt`"},
		{"requirements/prod.txt", "name it in a requirements.txt: `-r requirements/prod.txt`"},
		{"requirements/base.txt", "name it in a requirements.txt: `-r requirements/base.txt`"},
	}
)

const conda = "write what the function needs to requirements.txt, by the names that the packages have on PyPI"

// unread is an error for the first list that is there.
func (j *job) unread(lists []other) error {
	for _, o := range lists {
		file := filepath.Join(j.Dir, filepath.FromSlash(o.name))
		if there, err := source.IsFile(file); err != nil {
			return err
		} else if there {
			return source.Problem(file, o.hint, "the dependencies in %s are not read", o.name)
		}
	}
	return nil
}

// lockAbove finds a lock beside the sources or, for a workspace, above them.
func (j *job) lockAbove(name string) (string, error) {
	for dir := j.Dir; ; dir = filepath.Dir(dir) {
		if err := j.In.Folder(dir); err != nil {
			return "", source.ReadProblem(dir, dir, err)
		}
		file := filepath.Join(dir, name)
		if there, err := source.IsFile(file); err != nil {
			return "", err
		} else if there {
			return file, nil
		}
		if dir == j.Root || dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

// uvLock is what uv itself takes from its lock, or without uv what ferry does.
func (j *job) uvLock(ctx context.Context, p pyproject) (*wishes, error) {
	file, err := j.lockAbove("uv.lock")
	if err != nil || file == "" {
		return nil, err
	}
	if uv := j.uv(ctx); uv != "" {
		return j.exported(ctx, uv, file)
	}
	l, err := j.readLock(file)
	if err != nil {
		return nil, err
	}
	own := l.packages[normal(p.Project.Name)]
	if len(own) != 1 {
		return nil, source.Problem(file, "run `uv lock` in "+j.Function.Source, "uv.lock does not hold the project %s", p.Project.Name)
	}
	for _, line := range p.Project.Dependencies { // what uv itself would call out of date
		n := parseRequirement(line)
		if n.name != "" && !slices.ContainsFunc(own[0].needs, func(m need) bool { return m.name == n.name }) {
			return nil, source.Problem(file, "run `uv lock` in "+j.Function.Source, "uv.lock is older than pyproject.toml, which asks for %s", n.name)
		}
	}
	return j.follow(l, own[0].needs)
}

// exported is a uv.lock as uv reads it for the project in the source folder.
func (j *job) exported(ctx context.Context, uv, file string) (*wishes, error) {
	if err := j.In.File(file); err != nil {
		return nil, err
	}
	if err := j.In.Optional(filepath.Join(filepath.Dir(file), "pyproject.toml")); err != nil {
		return nil, err
	}
	export := source.Command{Dir: j.Dir, Name: uv, Args: []string{
		"export", "--quiet", "--locked", "--no-dev", "--no-emit-project", "--no-editable", "--no-header", "--no-annotate", "--format", "requirements-txt",
	}}
	list, said, err := export.Run(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e := source.Problem(file, "run `uv lock` in "+j.Function.Source, "uv.lock does not say what pyproject.toml asks for\n%s", said)
		e.Err = err
		return nil, e
	}
	w := &wishes{file: file, locked: true}
	for _, line := range logicalLines(string(list)) {
		if err := j.addRequirement(w, filepath.Dir(file), line); err != nil {
			return nil, err
		}
	}
	w.sum += strings.Join(w.registry(), "\n")
	return w, nil
}

// registry are the lines that name no place on this disk.
func (w *wishes) registry() []string {
	return slices.DeleteFunc(slices.Clone(w.lines), func(line string) bool {
		path, _ := pathIn(line)
		return path != ""
	})
}

func (j *job) poetryLock(p pyproject) (*wishes, error) {
	file, err := j.lockAbove("poetry.lock")
	if err != nil || file == "" {
		return nil, err
	}
	l, err := j.readLock(file)
	if err != nil {
		return nil, err
	}
	needs, _ := poetryNeeds(p.Tool.Poetry.Dependencies)
	for _, line := range p.Project.Dependencies {
		needs = append(needs, parseRequirement(line))
	}
	return j.follow(l, needs)
}

func (j *job) follow(l *lock, needs []need) (*wishes, error) {
	for _, n := range needs {
		if err := l.visit(n, nil); err != nil {
			return nil, err
		}
	}
	w := &wishes{file: l.file, locked: true}
	for _, line := range l.lines() {
		if strings.ContainsAny(line, "\r\n") { // a URL, a marker, a hash
			return nil, source.Problem(l.file, lockAgain, "%s asks for %q, which is not a valid requirement", filepath.Base(l.file), line)
		}
		if err := j.addRequirement(w, filepath.Dir(l.file), line); err != nil {
			return nil, err
		}
	}
	w.sum += strings.Join(w.registry(), "\n")
	return w, nil
}

// plainProject is a pyproject.toml without a lock.
func (j *job) plainProject(file string, p pyproject) (*wishes, error) {
	if slices.Contains(p.Project.Dynamic, "dependencies") {
		if len(p.Build) > 0 {
			w := &wishes{file: file}
			return w, j.addFolder(w, j.Dir, "")
		}
		return nil, source.Problem(file, "write them to requirements.txt, for example with `uv pip compile pyproject.toml -o requirements.txt`",
			"the dependencies in pyproject.toml are dynamic: only its build tool knows them")
	}
	for name := range p.Tool.Poetry.Dependencies {
		if name != "python" && len(p.Project.Dependencies) == 0 {
			return nil, source.Problem(file, "run `poetry lock`", "pyproject.toml asks Poetry for packages, and there is no poetry.lock")
		}
	}
	if len(p.Project.Dependencies) == 0 {
		return nil, nil
	}
	return &wishes{file: file, lines: p.Project.Dependencies, sum: fmt.Sprint(p.Project.Dependencies)}, nil
}
