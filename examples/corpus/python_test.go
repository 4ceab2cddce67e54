//go:build unix

package corpus_test

// pythonPrograms are those in Python.
func pythonPrograms() []program {
	const (
		install, wsgi = "uv venv -q .venv && uv pip install -q -r requirements.txt", "exec .venv/bin/python serve.py"
		poetryLock    = "blinker==1.9.0 click==8.5.1 flask==3.1.2 itsdangerous==2.2.0 jinja2==3.1.6 markupsafe==3.0.4 text-unidecode==1.3 werkzeug==3.1.9"
		linked        = `^(_editable_impl_\w+\.pth|wording/.*|bird_feeder/.*)$` // a package holds what an editable installation only names
		uvicorn       = "exec .venv/bin/uvicorn --no-proxy-headers --log-level warning --port $PORT "
	)
	python, uv := []string{"python3", "uv"}, []string{"python3", "uv"}
	return []program{
		{
			name: "flask-factory", tools: python, prepare: install, native: wsgi, function: "handler: wsgi:app\nstyle: wsgi",
			requests: []string{"GET /?name=%3Cb%3E", "GET /prices", "GET /schema", "GET /static/app.css", "GET /none", `POST /echo {"a":1}`, "POST /echo a=1&b=%C3%A9"},
		},
		{
			name: "django-admin", tools: python, prepare: install, native: wsgi, function: "handler: mysite.wsgi:application\nstyle: wsgi",
			requests: []string{"GET /polls/", "GET /polls/1/", "GET /polls/2/", "GET /polls", "GET /admin/", "GET /static/admin/css/base.css", "GET /none"},
		},
		{
			// greenlet's headers, which --target lays beside the packages.
			name: "fastapi-template", differs: "^include/", tools: python, prepare: install, native: uvicorn + "app.main:app", function: "handler: app.main:app\nstyle: asgi",
			requests: []string{
				"GET /api/v1/users", "GET /api/v1/users?skip=x", `POST /api/v1/users {"email":"a@example.com"}`, `POST /api/v1/users {"email":"a"}`,
				"POST /api/v1/login username=ann&password=secret", "POST /api/v1/login username=ann&password=other", "GET /api/v1/mail", "GET /api/v1/openapi.json", "GET /docs",
			},
		},
		{
			name: "flask-old-pins", foreign: "markupsafe 2.0.1 has no wheel for Python", tools: python, prepare: install, native: wsgi, function: "handler: app:app\nstyle: wsgi",
			requests: []string{"GET /?name=%3Cb%3E", "GET /page", `POST /json {"a":[1]}`, "GET /none"},
		},
		{
			name: "starlette-app", tools: python, prepare: install, native: uvicorn + "main:app", function: "handler: main:app",
			refused:  &refusal{add: "style: asgi"},
			requests: []string{"GET /", "GET /items/7?a=1&a=2", "POST /items/7 a=1", "GET /items/x", "GET /stream", "GET /static/app.js", "DELETE /items/7"},
		},
		{
			name: "uv-workspace", differs: linked, tools: uv, prepare: "uv lock -q && uv sync -q --frozen", native: wsgi, function: "handler: app:app\nstyle: wsgi",
			requests: []string{"GET /feed/Blue%20Tit", "GET /none"},
		},
		{
			name: "poetry-path", tools: python, prepare: "uv venv -q .venv && uv pip install -q ./libs/wording " + poetryLock, native: wsgi, function: "handler: app:app\nstyle: wsgi",
			requests: []string{"GET /12", "GET /none"},
		},
		{
			name: "python-editable", differs: linked, tools: python, prepare: install, native: wsgi, function: "handler: app:app\nstyle: wsgi",
			requests: []string{"GET /12", "GET /none"},
		},
		{
			name: "python-pyproject", tools: python, prepare: "uv venv -q .venv && uv pip install -q -r pyproject.toml", native: wsgi,
			function: "handler: app:app\nstyle: wsgi", requests: []string{"GET /", "GET /notes.json", "GET /none"},
		},
		{
			name: "azure-python", tools: python, prepare: install, native: wsgi, function: "handler: function_app:app\nstyle: azure",
			requests: []string{"GET /api/items/7?shop=a%20b", "GET /api/items/7", "GET /api/teapot", `POST /api/orders {"count":2}`, "POST /api/orders x", "GET /api/none"},
		},
		{
			name: "python-namespaces", tools: python, prepare: install, native: wsgi, function: "handler: app:app\nstyle: wsgi",
			requests: []string{"GET /"},
		},
		{
			name: "python-metadata", tools: python, prepare: install, native: wsgi, function: "handler: app:app\nstyle: wsgi",
			requests: []string{"GET /a%2Fb"},
		},
		{
			name: "python-numpy", tools: python, prepare: install, native: wsgi, function: "handler: app:app\nstyle: wsgi",
			requests: []string{"GET /", "GET /?7"},
		},
		{
			name: "python-lambda", tools: python, prepare: "uv pip install -q --target . -r requirements.txt", handler: "lambda_function.lambda_handler",
			function: "handler: lambda_function:lambda_handler",
			refused:  &refusal{add: "style: lambda"},
			requests: []string{"GET /a?b=c", "POST /a {\"n\":1}", "POST /a n=1", "DELETE /a", "GET /plain"},
		},
		{
			name: "python-gcf", tools: python, prepare: install, native: "exec .venv/bin/functions-framework --target hello_http --port $PORT --host 127.0.0.1",
			function: "handler: main:hello_http\nstyle: gcf-http",
			requests: []string{"GET /?name=%3Cb%3E", `POST / {"name":"you"}`, "GET /any/path"},
		},
		{
			name: "python-server", tools: python, native: "exec python3 server.py", function: "handler: server.py\nstyle: server", onAWS: "Lambda does not send requests to a port by itself",
			requests: []string{"GET /a/b?c=d"},
		},
	}
}
