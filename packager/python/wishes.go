package python

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/ferryfn/ferry/packager/source"
)

// wishes are the Python packages that a function asks for.
type wishes struct {
	file    string   // of the user, that says so
	lines   []string // as in a requirements.txt; nil when the file is one
	locked  bool     // the lines are complete
	brought string   // one more line, of the framework that the function's style is written for
	sum     string   // stands for all of it
}

// wishes reads the first that there is of requirements.txt, uv.lock, poetry.lock and pyproject.toml. It returns nil
// when nothing is asked for.
func (j *job) wishes() (*wishes, error) {
	list := filepath.Join(j.Dir, "requirements.txt")
	if there, err := source.IsFile(list); err != nil {
		return nil, err
	} else if there {
		sum := listing{read: map[string]bool{}}
		asks, err := j.readRequirements(list, &sum)
		if err != nil || !asks {
			return nil, err
		}
		return &wishes{file: list, sum: sum.String()}, nil
	}
	pipfile := filepath.Join(j.Dir, "Pipfile")
	if there, err := source.IsFile(pipfile); err != nil {
		return nil, err
	} else if there {
		return nil, source.Problem(pipfile, "write them to requirements.txt with `pipenv requirements > requirements.txt`",
			"the dependencies in Pipfile are not read")
	}
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
	for _, kind := range []func(string, pyproject) (*wishes, error){j.uvLock, j.poetryLock, plainProject} {
		if w, err := kind(file, p); w != nil || err != nil {
			if w != nil && len(w.lines) == 0 {
				w = nil
			}
			return w, err
		}
	}
	return nil, nil
}

// lockAbove finds a lock beside the sources or, for a workspace, above them.
func (j *job) lockAbove(name string) (string, error) {
	for dir := j.Dir; ; dir = filepath.Dir(dir) {
		if _, err := j.In.Dir(dir); err != nil {
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

func (j *job) uvLock(_ string, p pyproject) (*wishes, error) {
	file, err := j.lockAbove("uv.lock")
	if err != nil || file == "" {
		return nil, err
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

func (j *job) poetryLock(_ string, p pyproject) (*wishes, error) {
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
	w := &wishes{file: l.file, lines: l.lines(), locked: true}
	for _, line := range w.lines {
		if strings.ContainsAny(line, "\r\n") { // a URL, a marker, a hash
			return nil, source.Problem(l.file, lockAgain, "%s asks for %q, which is not a valid requirement", filepath.Base(l.file), line)
		}
	}
	w.sum = strings.Join(w.lines, "\n")
	for _, packages := range l.packages {
		for _, p := range packages {
			if p.file == "" || len(p.reached) == 0 {
				continue
			}
			if err := j.In.File(p.file); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// plainProject is a pyproject.toml without a lock.
func plainProject(file string, p pyproject) (*wishes, error) {
	if slices.Contains(p.Project.Dynamic, "dependencies") {
		return nil, source.Problem(file, "write them to requirements.txt, for example with `uv pip compile pyproject.toml -o requirements.txt`",
			"the dependencies in pyproject.toml are dynamic: only its build tool knows them")
	}
	for name := range p.Tool.Poetry.Dependencies {
		if name != "python" && len(p.Project.Dependencies) == 0 {
			return nil, source.Problem(file, "run `poetry lock`", "pyproject.toml asks Poetry for packages, and there is no poetry.lock")
		}
	}
	return &wishes{file: file, lines: p.Project.Dependencies, sum: fmt.Sprint(p.Project.Dependencies)}, nil
}
