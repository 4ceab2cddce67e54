package templates

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compared does the same with the standard's own Response and with the one that handlers of style fetch get, and prints
// what differs.
const compared = `
const Standard = globalThis.Response;
await import("./before.mjs");
const headers = (r) => JSON.stringify([...r.headers]);
const about = (r) => [r.status, r.statusText, r.ok, r.type, r.url, r.redirected, headers(r), r.bodyUsed, r.body === null].join(" ");
const fails = async (work) => { try { return await work(); } catch (err) { return err.constructor.name; } };
const bodies = ["", "text", "\ufeffé", new Uint8Array([1, 2, 255]), Buffer.from("buffer"), new ArrayBuffer(2), null, undefined, new URLSearchParams({ a: "1" }), new Blob(["b"], { type: "x/y" })];
const inits = [undefined, {}, { status: 201, statusText: "Made", headers: { "content-type": "a/b", "X-A": "1" } }, { status: 204 }, { status: 304 }, { status: 700 }, { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] }];
const uses = {
  about, text: (r) => r.text(), json: (r) => r.json(), bytes: async (r) => [...new Uint8Array(await r.arrayBuffer())].join(), blob: async (r) => (await r.blob()).type,
  twice: async (r) => [await r.text(), r.bodyUsed, await fails(() => r.text())].join(), clone: async (r) => { const c = r.clone(); return [await c.text(), r.bodyUsed, await r.text()].join(); },
  cloneUsed: async (r) => { await r.text(); return r.clone(); }, locked: async (r) => [r.body?.getReader() && r.body.locked, await fails(() => r.text())].join(),
  stream: async (r) => { let n = 0; for await (const part of r.body ?? []) n += part.byteLength; return [n, r.bodyUsed].join(); },
  wrapped: async (r) => { const w = new r.constructor(r.body, r); return about(w) + (await w.text()); }, late: async (r) => { r.headers.set("x-late", "1"); return about(r.clone()); },
  changed: async (r) => { r.headers.delete("content-type"); return about(r) + (await r.text()); },
};
for (const body of bodies) for (const init of inits) for (const [name, use] of Object.entries(uses)) {
  const [want, got] = [await fails(() => use(new Standard(body, init))), await fails(() => use(new Response(body, init)))];
  if (String(want) !== String(got)) console.log(name, body, init, "standard:", want, "ours:", got);
}
for (const [name, make] of Object.entries({ json: (R) => R.json({ a: 1 }), jsonInit: (R) => R.json([1], { status: 201, headers: { "X-A": "1" } }), typed: (R) => R.json(1, { headers: { "content-type": "a/b" } }), redirect: (R) => R.redirect("http://a.example/b", 307) })) {
  const [want, got] = [make(Standard), make(Response)];
  if (about(want) !== about(got) || (await want.text()) !== (await got.text())) console.log(name, about(want), about(got));
}
const mutated = new Uint8Array([65]);
const kept = new Response(mutated);
mutated[0] = 66;
class Mine extends Response {}
const truths = { copied: (await kept.text()) === "A", own: new Response("x") instanceof Response, fetched: new Standard("x") instanceof Response, mine: new Mine("x") instanceof Mine, notMine: !(new Response("x") instanceof Mine), ofMine: new Mine("x") instanceof Response, name: Response.name === "Response", nothing: !({} instanceof Response) };
for (const [name, holds] of Object.entries(truths)) if (!holds) console.log(name);
`

func TestTheResponseOfAHandlerIsTheStandardsOwnInAllThatCanBeSeen(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	dir := t.TempDir()
	before, err := files.ReadFile("shims/nodejs/carriers/socket-fetch/before.mjs")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"before.mjs": string(before), "compared.mjs": compared} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "node", "compared.mjs")
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "" {
		t.Errorf("%v:\n%s", err, out)
	}
}
