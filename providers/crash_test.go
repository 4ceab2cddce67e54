package providers_test

import (
	"strings"
	"testing"

	"github.com/ferryfn/ferry/providers"
)

func TestACrashIsExplainedByWhatItsLogSays(t *testing.T) {
	for log, want := range map[string]string{
		"Error: Cannot find module 'ejs'\nRequire stack:\n- /var/task/app.cjs":                                                     "install ejs as",
		"Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@acme/lib' imported from /var/task/app.mjs":                            "install @acme/lib as",
		"Error: Cannot find module 'pg/lib/native'":                                                                                "install pg as",
		"Error: Cannot find module './local.js'":                                                                                   "fix the problem that the log shows",
		"Error: Cannot find module '/var/task/node_modules/x/y.js'":                                                                "fix the problem that the log shows",
		"ModuleNotFoundError: No module named 'requests'":                                                                          "the module requests into",
		"Runtime.ImportModuleError: Unable to import module 'ferry_entry': No module named 'yaml.reader'":                          "the module yaml into",
		"Error: ENOENT: no such file or directory, open '/var/task/fn/hello.proto'":                                                "if hello.proto is one of your files, add it to build.include",
		"FileNotFoundError: [Errno 2] No such file or directory: 'data/words.txt'":                                                 "if data/words.txt is one of your files, take it along with `build: {include: [\"data/**\"]}`",
		"panic: open templates/index.html: no such file or directory\n\ngoroutine 1 [running]:":                                    "if templates/index.html is one of your files, take it along with `build: {include: [\"templates/**\"]}`",
		"panic: html/template: pattern matches no files: `views/mail/*.tmpl`":                                                      "take it along with `build: {include: [\"views/mail/**\"]}`",
		"panic: open words.txt: no such file or directory":                                                                         "`build: {include: [\"words.txt\"]}`",
		"2026/01/01 00:00:00 stat /var/task/data/a.db: no such file or directory":                                                  "if a.db is one of your files, add it to build.include",
		"file:///app.mjs:3\nTypeError: ferry: app.js: the default export has no fetch function; add `style: node` to it\n    at x": "add `style: node` to it",
		"ferry: app:app: it is an ASGI application; add `style: asgi` to it":                                                       "add `style: asgi` to it",
		"TypeError: x is not a function":                                                                                           "fix the problem that the log shows",
		"":                                                                                                                         "fix the problem that the log shows",
	} {
		if got := providers.CrashHint(log); !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", log, got, want)
		}
	}
}
