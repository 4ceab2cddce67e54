package python

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ferryfn/ferry/internal/pattern"
	"github.com/ferryfn/ferry/packager/source"
)

// listing is what requirements files say, each once: they may name each other, and themselves.
type listing struct {
	*wishes
	read map[string]bool
	text strings.Builder
	asks bool
}

// listed reads a requirements.txt with the lists that it names. It returns nil when nothing is asked for.
func (j *job) requirementsFile(list string) (*wishes, error) {
	all := listing{wishes: &wishes{file: list}, read: map[string]bool{}}
	if err := j.readRequirements(list, &all); err != nil || !all.asks {
		return nil, err
	}
	all.sum = all.text.String() + all.sum
	all.locked = strings.Contains(all.sum, "--hash=") // installers then want all of it, and each with a hash
	return all.wishes, nil
}

// readRequirements adds the lines of a requirements file and of those that it names.
func (j *job) readRequirements(list string, all *listing) error {
	if all.read[list] {
		return nil
	}
	all.read[list] = true
	data, err := j.In.Read(list)
	if err != nil {
		return err
	}
	fmt.Fprintf(&all.text, "%s\x00%s\x00", filepath.Base(list), data)
	for _, line := range logicalLines(string(data)) {
		name, kind := listOption(line)
		switch kind {
		case another, constraints: // pip reads it relative to the list that names it
			err = j.readNested(list, name, kind, all)
		case links:
			if dir := under(filepath.Dir(list), name); source.Exists(dir) {
				line = "--find-links " + dir
			}
			all.lines = append(all.lines, line)
		case option:
			all.lines = append(all.lines, line)
		case requirement:
			all.asks = true
			err = j.addRequirement(all.wishes, j.Dir, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *job) readNested(list, name string, kind optionKind, all *listing) error {
	named := under(filepath.Dir(list), name)
	there, err := source.IsFile(named)
	if err != nil {
		return err
	}
	if !there {
		return source.Missing(filepath.Dir(list), name, "the list "+name+" named in "+filepath.Base(list)+":", source.AFile)
	}
	if kind == another {
		return j.readRequirements(named, all)
	}
	data, err := j.In.Read(named)
	fmt.Fprintf(&all.text, "%s\x00", data)
	all.lines = append(all.lines, "-c "+named)
	return err
}

// addRequirement adds a requirement that a file says. A path in it is relative to a folder.
func (j *job) addRequirement(w *wishes, dir, line string) error {
	path, rest := pathIn(line)
	if path == "" {
		w.lines = append(w.lines, line)
		return nil
	}
	full := under(dir, path)
	if isFolder(full) {
		return j.addFolder(w, full, rest)
	}
	if there, err := source.IsFile(full); err != nil {
		return err
	} else if !there {
		if strings.HasPrefix(path, ".") {
			return source.Missing(dir, path, filepath.Base(w.file)+" asks for", source.AFile)
		}
		w.lines = append(w.lines, line)
		return nil
	}
	if err := j.In.File(full); err != nil {
		return err
	}
	w.sum += j.In.Sum(full) + rest + "\n"
	w.lines = append(w.lines, full+rest)
	return nil
}

func under(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

var comment = pattern.Of(`(^|\s)#.*$`)

// logicalLines are the lines of a requirements file without comments, and with those joined that a backslash continues.
func logicalLines(text string) (out []string) {
	whole := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if before, more := strings.CutSuffix(line, `\`); more && comment().FindString(line) == "" {
			whole += before
			continue
		}
		if whole = strings.TrimSpace(comment().ReplaceAllString(whole+line, "")); whole != "" {
			out = append(out, whole)
		}
		whole = ""
	}
	if whole = strings.TrimSpace(whole); whole != "" {
		out = append(out, whole)
	}
	return out
}

// optionKind is what a line of a requirements file is.
type optionKind int

const (
	requirement optionKind = iota
	option
	another     // list
	constraints // of versions
	links       // to wheels
)

// listOption is what a line says, and what it says it of.
func listOption(line string) (value string, kind optionKind) {
	for _, o := range []struct {
		flag string
		kind optionKind
	}{
		{"--requirement", another},
		{"-r", another},
		{"--constraint", constraints},
		{"-c", constraints},
		{"--editable", requirement},
		{"-e", requirement},
		{"--find-links", links},
		{"-f", links},
	} {
		rest, ok := strings.CutPrefix(line, o.flag)
		if ok && (o.flag[1] != '-' || strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "=")) {
			return strings.Trim(rest, " =\t"), o.kind
		}
	}
	if strings.HasPrefix(line, "-") {
		return line, option
	}
	return line, requirement
}

var (
	ofFile = pattern.Of(`^(?:([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*@\s*)?file:(?://)?(/[^;\s]*)(.*)$`)
	ofPath = pattern.Of(`^((?:\.|/|[^\s\[;@:]+/)[^\[;:]*?)(\[[^\]]*\])?(\s*;.*|\s+--.*)?$`)
)

// pathIn is the path on disk that a requirement names, "" when it names none, and its extras, markers and hashes.
func pathIn(line string) (path, rest string) {
	if m := ofFile().FindStringSubmatch(line); m != nil {
		return strings.ReplaceAll(m[3], "%20", " "), m[2] + m[4]
	}
	if m := ofPath().FindStringSubmatch(line); m != nil {
		return m[1], m[2] + m[3]
	}
	return "", ""
}
