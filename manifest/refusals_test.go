package manifest

import "strings"

// What JSON Schema cannot say.
const (
	yamlForm  = "a validator sees the value, not how YAML writes it"
	otherKeys = "it compares the values of several keys"
	layers    = "another layer may complete or replace it"
	numbers   = "it needs arithmetic"
	disk      = "it looks at files"
	lists     = "it is in a table of the world: time zones, globs, the environment"
)

// refusal is a manifest that the loader refuses.
type refusal struct {
	manifest string
	says     string // a part of the message
	beyond   string // why a JSON Schema cannot refuse it, "" when ours does
}

// of is a manifest with one function, which is complete but for what is in its block.
func of(block string) string {
	return "service: shop\ndefaults: {runtime: nodejs22, handler: app.js}\nfunctions:\n  a: " + block + "\n"
}

// on is such a function with one event.
func on(event string) string { return of("{events: [" + event + "]}") }

// at is such a function that is called at a time.
func at(cron string) string { return on(`{schedule: {cron: "` + cron + `"}}`) }

func refusals() []refusal {
	return append(append(documentRefusals(), functionRefusals()...), eventRefusals()...)
}

func documentRefusals() []refusal {
	good := "service: shop\nfunctions: {a: {runtime: nodejs22, handler: app.js}}\n"
	return []refusal{
		{"- service: shop", "must be a map", ""},
		{"functions: {a: {runtime: nodejs22, handler: app.js}}", "does not name its service", ""},
		{"service: Shop\n" + good[14:], "service name", ""},
		{"service: 12\n" + good[14:], "must be text", ""},
		{"service: null\n" + good[14:], "must be text", ""},
		{"service: ${target}\n" + good[14:], "not known yet", layers},
		{"service: shop\n", "has no functions", ""},
		{"service: shop\nfunctions: {}\n", "has no functions", ""},
		{"service: shop\nfunctions: [a]\n", "must be a map", ""},
		{good + "extra: 1\n", "unknown key", ""},
		{good + "default_target: [a]\n", "must be text", ""},
		{good + "default_target: aws\n", "the target \"aws\" does not exist", otherKeys},
		{good + "targets: {Aws: {provider: aws}}\n", "target name", ""},
		{good + "targets: {aws: text}\n", "must be a map", ""},
		{good + "targets: {local: {provider: heroku}}\n", "the provider \"heroku\" does not exist", ""},
		{good + "targets: {local: {provider: [aws]}}\n", "must be text", ""},
		{good + "default_target: a\ntargets: {a: {region: x}}\n", "names no provider", ""},
		{good + "targets: {aws: {provider: aws, regon: x}}\n", "unknown key", ""},
		{good + "targets: {aws: {porvider: aws}}\n", "unknown key \"porvider\" in targets.aws", ""},
		{good + "targets: {local: {provder: local}}\n", "unknown key \"provder\" in targets.local", ""},
		{good + "targets: {aws: {provider: aws}}\nstages: {prod: {targets: {awss: {account: \"1\"}}}}\n", "the target \"awss\" names no provider", otherKeys},
		{good + "targets: {aws: {provider: aws, retention: many}}\n", "must be a whole number", ""},
		{good + "targets: {aws: {provider: aws, account: 123456789012}}\n", "must be text", ""},
		{good + "stages: {Prod: {}}\n", "stage name", ""},
		{good + "stages: {prod: {release: {}}}\n", "unknown key", ""},
		{good + "stages: {prod: {functions: {a: {memory: 1}}}}\n", "has no unit", ""},
		{good + "stages: {prod: {defaults: {memroy: 1MB}}}\n", "unknown key", ""},
		{good + "stages: {prod: {targets: {local: {prt: 1}}}}\n", "unknown key", ""},
		{good + "releases: {keep: 0}\n", "at least 1", ""},
		{good + "releases: {keep: all}\n", "must be a whole number", ""},
		{good + good[14:], "is already on line", yamlForm},
		{good + "releases: {keep: !!int 3}\n", "tags are not supported", yamlForm},
	}
}

func functionRefusals() []refusal {
	return []refusal{
		{of("{memroy: 1MB}"), "unknown key", ""},
		{of("text"), "must be a map", ""},
		{strings.Replace(of("{}"), "  a:", "  A_b:", 1), "function name", ""},
		{of("{aws: {layer: [x]}}"), "unknown key", ""},
		{of("{runtime: node22}"), "is not known", ""},
		{of("{runtime: null}"), "has no runtime", layers},
		{of("{style: fecth}"), "is not known for nodejs22", ""},
		{of("{runtime: java21, style: fetch}"), "is not known for java21", ""},
		{of("{style: wsgi}"), "is not known for nodejs22", layers},
		{of("{architecture: x86_64}"), "is not known", ""},
		{of("{architecture: aarch64}"), "is not known", ""},
		{of("{architecture: riscv}"), "is not known", ""},
		{of("{source: ../x}"), "leaves its folder", ""},
		{of("{source: /x}"), "absolute path", ""},
		{of("{source: 'C:/x'}"), "absolute path", ""},
		{of(`{source: 'a\b'}`), "backslash", ""},
		{of(`{source: "a\tb"}`), "control character", ""},
		{of("{source: ''}"), "is empty", ""},
		{of("{source: nowhere}"), "does not exist", disk},
		{of("{source: app.js}"), "is not a folder", disk},
		{of("{source: out}"), "is a link that leaves", disk},
		{of("{source: loop}"), "cannot be read", disk},
		{of("{handler: null}"), "has no handler", layers},
		{of("{handler: /app.js}"), "absolute path", ""},
		{of("{handler: nowhere.js}"), "does not exist", disk},
		{of("{handler: src}"), "is a folder", disk},
		{of("{handler: app.py}"), "is not a file of", layers},
		{of("{handler: out/app.js}"), "is a link that leaves", disk},
		{of("{handler: pipe.js}"), "is not a regular file", disk},
		{of("{handler: 'app.js:'}"), "does not name an export", disk},
		{of("{handler: 'app.js:a.b'}"), "does not name an export", disk},
		{of("{handler: 'app:run'}"), "names no file", disk},
		{of("{handler: 'app.js:run', style: server}"), "a server is started as a whole", disk},
		{of("{handler: app.run}"), "is written as Lambda writes it", disk},
		{of("{style: lambda, handler: src/app.run}"), "is written as Lambda writes it", disk},
		{of("{payload: '1.0'}"), "is for style lambda, and the style is fetch", layers},
		{of("{style: node, payload: '2.0'}"), "is for style lambda, and the style is node", ""},
		{of("{style: lambda, payload: '1'}"), "the payload format \"1\" is not known", ""},
		{of("{style: lambda, payload: 1.0}"), "must be text, not 1.0 without quotes", ""},
		{of("{style: lambda, scaling: {concurrency: 2}}"), "gets one request at a time, not 2", ""},
		{of("{runtime: python3.13, handler: app.py}"), "is not of the form module:attribute", layers},
		{of("{runtime: python3.13, style: asgi, handler: app.py}"), "is not of the form module:attribute", ""},
		{of("{runtime: python3.13, handler: 'nowhere:app'}"), "does not exist", disk},
		{of("{runtime: python3.13, handler: 'nowhere:app()'}"), "does not exist", disk},
		{of("{runtime: python3.13, style: asgi, handler: 'app:app('}"), "is not of the form module:attribute", ""},
		{of("{runtime: python3.13, style: lambda, handler: 'app:app()'}"), "makes an application, and style lambda calls a function", disk},
		{of("{runtime: python3.13, handler: 'out.app:app'}"), "is a link that leaves", disk},
		{of("{runtime: go, handler: cmd/web/main.go}"), "Go takes a package folder", ""},
		{of("{runtime: go, handler: nowhere}"), "does not exist", disk},
		{of("{runtime: go, handler: src}"), "holds no Go files", disk},
		{of("{runtime: go, handler: out}"), "is a link that leaves", disk},
		{of("{memory: 256}"), "has no unit", ""},
		{of("{memory: 256Mi}"), "has the unit", ""},
		{of("{memory: 256 MB}"), "has a space", ""},
		{of("{memory: lots}"), "is not a size", ""},
		{of("{memory: 0MB}"), "at least 1MB", ""},
		{of("{memory: 512KB}"), "at least 1MB", ""},
		{of("{memory: 99999999GB}"), "is too large", ""},
		{of("{memory: 1000KB}"), "at least 1MB", numbers},
		{of("{memory: [1MB]}"), "must be text", ""},
		{of("{timeout: 30}"), "has no unit", ""},
		{of("{timeout: 0}"), "has no unit", ""},
		{of("{timeout: 0s}"), "more than 0", ""},
		{of("{timeout: -3s}"), "must not be negative", ""},
		{of("{timeout: soon}"), "is not a duration", ""},
		{of("{timeout: 1us}"), "is finer than 1ms", numbers},
		{of("{env: [A]}"), "must be a map", ""},
		{of("{env: {A-B: x}}"), "not a valid environment variable name", ""},
		{of("{env: {PORT: 1}}"), "is reserved", ""},
		{of("{env: {FERRY_X: 1}}"), "is reserved", ""},
		{of("{env: {A: [x]}}"), "must be text", ""},
		{of("{env: {A: '${stge}'}}"), "is not a known interpolation", ""},
		{of("{env: {A: '${env:1X}'}}"), "does not name an environment variable", ""},
		{of("{env: {A: '${open'}}"), "has no end", ""},
		{of("{env: {A: '${env:UNSET}'}}"), "is not set", lists},
		{of("{env: {A: '${git:sha}'}}"), "there is no git", lists},
		{of("{memory: '${stge}'}"), "is not a known interpolation", ""},
		{of("{secrets: {A: ' '}}"), "has no name", ""},
		{of("{secrets: {A: 1}}"), "must be text", ""},
		{of("{env: {A: x}, secrets: {A: y}}"), "is in env and in secrets", otherKeys},
		{of("{scaling: {min: -1}}"), "must not be negative", ""},
		{of("{scaling: {max: 1.5}}"), "must be a whole number", ""},
		{of("{scaling: {max: 0x10}}"), "must be a whole number", yamlForm},
		{of("{scaling: {min: 3, max: 2}}"), "which is more than", otherKeys},
		{of("{health: /healthz}"), "must be a map", ""},
		{of("{health: {path: /healthz}}"), "needs an http event", layers},
		{of("{health: {path: /}, events: [{topic: {name: x}}]}"), "needs an http event", ""},
		{of("{health: {}, events: [{http: {}}]}"), "has no path", layers},
		{of("{health: {path: healthz}, events: [{http: {}}]}"), "is not a path that begins with /", ""},
		{of("{runtime: go, handler: cmd/web, build: {source_maps: true}}"), "is for Node", ""},
		{of("{health: {path: //x}, events: [{http: {}}]}"), "is not a path that begins with /", ""},
		{of("{health: {path: /, status: 99}, events: [{http: {}}]}"), "is not an HTTP status", ""},
		{of("{health: {path: /, timeout: 0s}, events: [{http: {}}]}"), "more than 0", ""},
		{of("{build: {bundle: 'yes'}}"), "must be true or false", ""},
		{of("{build: {external: sharp}}"), "must be a list", ""},
		{of("{build: {external: [' ']}}"), "is empty", ""},
		{of("{build: {exclude: ['']}}"), "is empty", ""},
		{of("{build: {include: [../x]}}"), "leaves its folder", ""},
		{of("{build: {include: ['a[']}}"), "is not a valid glob", lists},
		{of("{runtime: go, handler: cmd/web, build: {bundle: false}}"), "is for Node", ""},
		{of("{runtime: go, handler: cmd/web, build: {external: [x]}}"), "is for Node", ""},
	}
}

func eventRefusals() []refusal {
	return []refusal{
		{of("{events: {http: {}}}"), "must be a list", ""},
		{on("http"), "must be a map", ""},
		{on("null"), "must be a map", ""},
		{on("{}"), "the event has no kind", ""},
		{on("{htp: {}}"), "unknown key", ""},
		{on("{http: {}, topic: {name: x}}"), "several kinds", ""},
		{on("{http: {}}, {http: {path: /x}}"), "at most one http event", ""},
		{on("{http: GET /x}"), "must be a map", ""},
		{on("{http: {path: x}}"), "does not begin with /", ""},
		{on("{http: {path: /a//b}}"), "empty segment", ""},
		{on("{http: {path: /a/../b}}"), "holds the segment ..", ""},
		{on("{http: {path: '/items/:id'}}"), "neither plain text nor a {parameter}", ""},
		{on("{http: {path: '/{a...}/b'}}"), "continues after", ""},
		{on("{http: {path: '/{a}/{a}'}}"), "two parameters named", numbers},
		{on("{http: {auth: iam}}"), "must be public or private", ""},
		{on("{http: {methods: GET}}"), "must be a list", ""},
		{on("{http: {methods: [FETCH]}}"), "the method \"FETCH\" is not known", ""},
		{on("{http: {methods: [ANY]}}"), "the method \"ANY\" is not known", ""},
		{on("{http: {methods: [GET, GET]}}"), "is listed twice", ""},
		{on("{http: {cors: {}}}"), "names no origins", ""},
		{on("{http: {cors: {origins: []}}}"), "names no origins", ""},
		{on("{http: {cors: null}}"), "names no origins", ""},
		{on("{http: {cors: {origins: [example.com]}}}"), "is not an origin", ""},
		{on("{http: {cors: {origins: ['*'], credentials: true}}}"), "browsers refuse credentials", ""},
		{on("{http: {cors: {origins: ['*'], headers: ['a b']}}}"), "is not a header name", ""},
		{on("{http: {cors: {origins: ['*'], max_age: 600}}}"), "has no unit", ""},
		{of("{style: server, events: [{http: {path: /x}}]}"), "a server routes its own requests", ""},
		{of("{style: server, events: [{http: {cors: {origins: ['*']}}}]}"), "a server routes its own requests", ""},
		{of("{style: gcf-http, events: [{topic: {name: x}}]}"), "takes no topic events", ""},
		{of("{style: gcf-event, events: [{http: {}}]}"), "answers no HTTP", ""},
		{on("{queue: {}}"), "the queue has no name", ""},
		{on("{queue: null}"), "the queue has no name", ""},
		{on("{queue: {name: null}}"), "must be text", ""},
		{on("{queue: {name: ' '}}"), "the queue has no name", ""},
		{on("{queue: orders}"), "must be a map", ""},
		{on("{queue: {name: q, batch: 0}}"), "must be at least 1", ""},
		{on("{queue: {name: q, batch: null}}"), "must be a whole number", ""},
		{on("{topic: {}}"), "the topic has no name", ""},
		{on("{object: {}}"), "bucket has no name", ""},
		{on("{object: {bucket: b, on: [create]}}"), "takes created and deleted", ""},
		{on("{object: {bucket: b, on: [created, created]}}"), "is listed twice", ""},
		{on("{schedule: {}}"), "has no cron expression", ""},
		{on("{schedule: '0 5 * * *'}"), "must be a map", ""},
		{at("@daily"), "is a nickname", ""},
		{at("0 3 * *"), "has 4 fields", ""},
		{at("0 0 3 * * *"), "has 6 fields", ""},
		{at("rate(5 minutes)"), "has 2 fields", ""},
		{at("0 3 ? * *"), "holds ?", ""},
		{at("0 3 L * *"), "not of the standard form", ""},
		{at("*/0 3 * * *"), "a step of 0", ""},
		{at("5/15 3 * * *"), "a step without a range", ""},
		{at("61 3 * * *"), "is not valid", ""},
		{at("99999999999999999999 3 * * *"), "not of the standard form", ""},
		{at("0 24 * * *"), "is not valid", ""},
		{at("0 3 0 * *"), "is not valid", ""},
		{at("0 3 * 13 *"), "is not valid", ""},
		{at("0 3 * * 8"), "is not valid", ""},
		{at("0 22-2 * * *"), "runs backwards", numbers},
		{at("0 3 31 2 *"), "a day that never comes", numbers},
		{at("*/90 3 * * *"), "is not valid", numbers},
		{on(`{schedule: {cron: "0 3 * * *", timezone: Local}}`), "the time zone", ""},
		{on(`{schedule: {cron: "0 3 * * *", timezone: Europe/Berln}}`), "the time zone", lists},
	}
}
