package cmd

import (
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/ferryfn/ferry/manifest"
)

// givenEnv are the variables of a file, by name.
type givenEnv map[string]string

// readEnvFile reads a file of NAME=value lines. Empty lines and those that begin with # say nothing; a value may stand
// between quotes, of which double ones know \n, \t, \" and \\.
func readEnvFile(file string) (givenEnv, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usagef("check the name after --env-file", "reading the variables: %s", err)
	}
	found := givenEnv{}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "export "))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t\"'") {
			return nil, usagef("write it as NAME=value", "%s:%d: this is not a variable", file, i+1)
		}
		found[name] = unquoted(strings.TrimSpace(value))
	}
	return found, nil
}

func unquoted(value string) string {
	n := len(value)
	switch {
	case n >= 2 && value[0] == '\'' && value[n-1] == '\'':
		return value[1 : n-1]
	case n >= 2 && value[0] == '"' && value[n-1] == '"':
		return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`, `\\`, `\`).Replace(value[1 : n-1])
	}
	value, _, _ = strings.Cut(value, " #")
	return strings.TrimSpace(value)
}

// giveTo sets the variables of a function, also those that the manifest takes from secrets. They are shown nowhere.
func (v givenEnv) giveTo(fn *manifest.Function) {
	env, secrets := maps.Clone(fn.Env), maps.Clone(fn.Secrets)
	if env == nil {
		env = map[string]string{}
	}
	masked := slices.Clone(fn.Masked)
	for name, value := range v {
		delete(secrets, name)
		env[name] = value
		masked = append(masked, name)
	}
	slices.Sort(masked)
	fn.Env, fn.Secrets, fn.Masked = env, secrets, slices.Compact(masked)
}
