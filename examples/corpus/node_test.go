//go:build unix

package corpus_test

// nodePrograms are those in JavaScript and TypeScript.
func nodePrograms() []program {
	const install = "npm ci"
	npm := []string{"node", "npm"}
	return []program{
		{
			name: "nest-decorators", tools: npm, prepare: install + " && npm run build",
			native: "exec node dist/main.js", function: "runtime: nodejs24\nhandler: src/app.ts\nstyle: node",
			requests: []string{
				"GET /cats?lives=9", "GET /cats/1", "GET /cats/2", "GET /dogs",
				`POST /cats {"name":"Kit","lives":7,"owner":{"name":"Ann"},"more":1}`, `POST /cats {"name":"Kit","lives":70,"owner":{"name":1}}`,
			},
		},
		{
			name: "typeorm-sqljs", tools: npm, prepare: install + " && npx tsc -p .",
			native: "exec node dist/main.js", function: "runtime: nodejs24\nhandler: src/app.ts\nstyle: node",
			requests: []string{"GET /columns", "GET /authors", "GET /books"},
		},
		{
			name: "apollo-graphql15", tools: npm, prepare: install,
			native: "exec node index.js", function: "runtime: nodejs24\nhandler: index.js\nstyle: node",
			requests: []string{
				`POST /graphql {"query":"{ books { title published } }"}`, `POST /graphql {"query":"{ day(of: \"2001-02-03\") }"}`,
				`POST /graphql {"query":"mutation($t: String!) { add(title: $t) { title } }","variables":{"t":"x"}}`,
				`POST /graphql {"query":"{ nothing }"}`, `POST /graphql {"query":"{ __schema { types { name } } }"}`, "GET /",
			},
		},
		{
			name: "fastify-autoload", tools: npm, prepare: install,
			native: "exec node server.js", function: "runtime: nodejs24\nhandler: server.js\nstyle: node",
			requests: []string{"GET /", "GET /example", "GET /teapot", "GET /none", `POST /example {"n":"7"}`, `POST /example {"n":"x"}`},
		},
		{
			name: "express-views", tools: npm, prepare: install,
			native: "exec node bin/www", function: "runtime: nodejs24\nhandler: app.js\nstyle: node",
			requests: []string{"GET /", "GET /list", "GET /stylesheets/style.css", "GET /none", "POST /hello name=%C3%A9"},
		},
		{
			name: "koa-router", tools: npm, prepare: install,
			native: "exec node app.js", function: "runtime: nodejs24\nhandler: app.js\nstyle: node",
			requests: []string{"GET /api/users/7?a=1&a=2", "GET /api/teapot", "GET /none", "DELETE /api/users", `POST /api/users {"name":"x"}`},
		},
		{
			name: "hono-jsx", tools: npm, prepare: install + " && npx tsc",
			native: "exec node dist/index.js", function: "runtime: nodejs24\nhandler: src/app.tsx",
			requests: []string{"GET /", "GET /posts/7?tag=a&tag=b", "GET /posts/x", "GET /teapot", `POST /posts {"title":"abc"}`, `POST /posts {"title":"a"}`},
		},
		{
			name: "h3-app", tools: npm, prepare: install,
			native: "exec node serve.mjs", function: "runtime: nodejs24\nhandler: app.mjs",
			requests: []string{"GET /", "GET /hello/me?a=1", `POST /echo {"a":[1]}`},
		},
		{
			name: "express-twenty", tools: npm, prepare: install,
			native: "exec node app.js", function: "runtime: nodejs24\nhandler: app.js\nstyle: node",
			requests: []string{"GET /hash", "GET /token?sub=me", "GET /text", "GET /long", "GET /async", "GET /none", `POST /form {"n":1}`, `POST /form {"n":0}`},
		},
		{
			name: "npm-workspaces", tools: npm, prepare: install,
			native: "cd packages/api && exec node serve.js", function: "runtime: nodejs24\nsource: packages/api\nhandler: index.js\nstyle: node",
			requests: []string{"GET /slug/A%20b", "GET /pad/A%20b", "GET /defaults"},
		},
		{
			name: "pnpm-workspaces", tools: []string{"node", "pnpm"}, prepare: "pnpm install --frozen-lockfile",
			native: "cd packages/api && exec node serve.js", function: "runtime: nodejs24\nsource: packages/api\nhandler: index.js\nstyle: node",
			requests: []string{"GET /slug/A%20b", "GET /pad/A%20b", "GET /defaults"},
		},
		{
			name: "yarn-workspaces", tools: npm, prepare: "npx --yes @yarnpkg/cli-dist@4.9.2 install --immutable",
			native: "cd packages/api && exec node serve.js", function: "runtime: nodejs24\nsource: packages/api\nhandler: index.js\nstyle: node",
			requests: []string{"GET /slug/A%20b", "GET /pad/A%20b", "GET /defaults"},
		},
		{
			name: "yarn-pnp", tools: npm, prepare: "npx --yes @yarnpkg/cli-dist@4.9.2 install --immutable",
			native: "exec node -r ./.pnp.cjs --no-warnings --experimental-loader ./.pnp.loader.mjs serve.js", function: "runtime: nodejs24\nhandler: app.js\nstyle: node",
			requests: []string{"GET /?of=x", "GET /newest?range=1", "GET /id", `POST /orders {"count":2}`, "GET /none"},
		},
		{
			// The engine that Prisma would download is for migrations alone.
			name: "prisma-client", tools: npm, prepare: "npm ci --ignore-scripts && PRISMA_SCHEMA_ENGINE_BINARY=/bin/true npx prisma generate",
			native: "exec node serve.js", function: "runtime: nodejs24\nhandler: app.js\nstyle: node",
			requests: []string{"GET /books", "GET /books?since=1900", "GET /books/2", "GET /books/9", "GET /books/x", "GET /count", "GET /models", "GET /none"},
		},
		{
			name: "generated-client", tools: npm, prepare: "npm ci --install-links", native: "exec node app.js", function: "runtime: nodejs24\nhandler: app.js\nstyle: node",
			requests: []string{"GET /models", "GET /users", "GET /none"},
		},
		{
			name: "azure-node", tools: npm, prepare: install, native: "exec node serve.mjs",
			function: "runtime: nodejs24\nhandler: src/functions/items.js\nstyle: azure",
			requests: []string{"GET /api/items/7?shop=a%20b", "GET /api/items/9", `POST /api/orders {"id":"8","count":2}`, "GET /api/none", "GET /items/7"},
		},
		{
			name: "esm-mix", tools: []string{"node"}, native: "exec node src/serve.js", function: "runtime: nodejs24\nhandler: src/app.js\nstyle: node",
			requests: []string{"GET /", "GET /db", "GET /late", "GET /many", "GET /worker", "GET /none"},
		},
		{
			name: "sharp-thumbs", tools: npm, prepare: install, native: "exec node serve.mjs", function: "runtime: nodejs24\nhandler: app.mjs",
			requests: []string{"GET /", "GET /?size=20"},
		},
		{
			name: "node-lambda", tools: npm, prepare: install, handler: "index.handler", function: "runtime: nodejs24\nhandler: index.js",
			refused:  &refusal{add: "style: lambda"},
			requests: []string{"GET /?a=b", "GET /plain", `POST / {"n":1}`, `POST / {"n":"x"}`},
		},
		{
			name: "node-gcf", tools: npm, prepare: install, native: "exec npx functions-framework --target=helloHttp --port=$PORT",
			function: "runtime: nodejs24\nhandler: index.js:helloHttp\nstyle: gcf-http",
			requests: []string{"GET /?name=%3Cb%3E", `POST / {"name":"you"}`, "GET /any/path"},
		},
		{
			name: "node-server", tools: []string{"node"}, native: "exec node server.js", function: "runtime: nodejs24\nhandler: server.js\nstyle: server",
			onAWS: "Lambda does not send requests to a port by itself", requests: []string{"GET /a/b?c=d", "POST / a=1"},
		},
	}
}
