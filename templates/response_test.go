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
import util from "node:util";
import { light, standards, fetchOf as standardFetch } from "./before.mjs";
const early = [...Object.getOwnPropertyNames(Response.prototype), light.over({ method: "GET", scheme: "http", target: "/", body: {} }, "a") instanceof Object, String(new Response("x")), new Response("x") instanceof Response].join();
const { Response: Standard, Request: StandardRequest } = standards();
if (early !== [...new Set(Object.getOwnPropertyNames(Response.prototype)), true, "[object Response]", true].join()) console.log("before the standard's are loaded:", early);
const headers = (r) => JSON.stringify([...r.headers]);
const about = (r) => [r.status, r.statusText, r.ok, r.type, r.url, r.redirected, headers(r), r.bodyUsed, r.body === null].join(" ");
const fails = async (work) => { try { return await work(); } catch (err) { return err.constructor.name; } };
const bodies = ["", "text", "\ufeffé", new Uint8Array([1, 2, 255]), Buffer.from("buffer"), new ArrayBuffer(2), null, undefined, new URLSearchParams({ a: "1" }), new Blob(["b"], { type: "x/y" })];
const inits = [undefined, {}, { status: 201, statusText: "Made", headers: { "content-type": "a/b", "X-A": "1" } }, { status: 204 }, { status: 304 }, { status: 700 }, { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] }];
const odd = [null, 5, { status: 205 }, { status: "201" }, { status: 200.5 }, { status: 101 }, { statusText: "a\r\nb" }, { statusText: "é" }, { headers: { "X-B": "1", "x-a": "2", Accept: "3" } }, { headers: { "X-A": " a\t" } }, { headers: { a: "1", A: "2" } },
  { headers: { "x-a": "a\r\nset-cookie: b" } }, { headers: { "x-a": "€" } }, { headers: { "x y": "a" } }, { headers: { n: 5, u: undefined } }, { headers: new Headers({ "x-h": "1" }) }, { headers: new Map([["x-m", "1"]]) }, { headers: null }, { headers: "a" },
  { headers: { "Set-Cookie": "a=1", "content-length": "9" } }, { headers: [["a"]] }, new Standard("other", { status: 203, headers: { "x-o": "1" } })];
const uses = {
  about, text: (r) => r.text(), json: (r) => r.json(), bytes: async (r) => [...new Uint8Array(await r.arrayBuffer())].join(), blob: async (r) => (await r.blob()).type,
  twice: async (r) => [await r.text(), r.bodyUsed, await fails(() => r.text())].join(), clone: async (r) => { const c = r.clone(); return [await c.text(), r.bodyUsed, await r.text()].join(); },
  cloneUsed: async (r) => { await r.text(); return r.clone(); }, locked: async (r) => [r.body?.getReader() && r.body.locked, await fails(() => r.text())].join(),
  stream: async (r) => { let n = 0; for await (const part of r.body ?? []) n += part.byteLength; return [n, r.bodyUsed].join(); },
  wrapped: async (r) => { const w = new r.constructor(r.body, r); return about(w) + (await w.text()); }, late: async (r) => { r.headers.set("x-late", "1"); return about(r.clone()); },
  cookies: (r) => (r.headers.append("set-cookie", "z=1"), r.headers.getSetCookie().join()), same: (r) => r.headers === r.headers && r.body === r.body, shown: (r) => util.inspect(r), tag: (r) => String(r) + Object.keys(r),
  kept: async (r) => { const h = r.headers; h.set("x-k", "1"); const c = r.clone(); h.set("content-type", "k/k"); return [about(c), (await r.blob()).type, about(r), h === r.headers].join(); }, listed: (r) => { const names = []; for (const name in r) names.push(name); return names.sort().join(); },
  changed: async (r) => { r.headers.delete("content-type"); return about(r) + (await r.text()); },
};
for (const body of bodies) for (const init of ["text", null].includes(body) ? [...inits, ...odd] : inits) for (const [name, use] of Object.entries(uses)) {
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
for (const broken of [() => new Response("x", { status: 700 }), () => new Response("x", { status: 204 }), () => new Response("x", { headers: { "x y": "1" } })]) {
  const said = (R) => { globalThis.Response = R; try { broken(); } catch (err) { return err.constructor.name + err.message; } };
  const ours = Response;
  const [want, got] = [said(Standard), said(ours)];
  globalThis.Response = ours;
  if (want !== got) console.log("standard:", want, "ours:", got);
}

// The same for a Request.
const sent = [["Host", "a.example"], ["X-A", "1"], ["Cookie", "a=1"]];
const fill = (headers) => (sent.forEach(([name, value]) => headers.append(name, value)), headers);
const exchange = (method, target, signal) => ({ method, target, scheme: "http", headers: sent, body: { length: 0 }, aborted: () => signal });
const asks = {
  about: (r) => [r.method, r.url, JSON.stringify([...r.headers]), r.body, r.bodyUsed, r.destination, r.referrer, r.mode, r.credentials, r.cache, r.redirect, r.integrity, r.keepalive, r.duplex, r.signal.aborted].join(" "),
  kinds: (r) => [r instanceof Request, r.constructor === Request, Object.prototype.toString.call(r), Object.keys(r), r.headers === r.headers, r.signal === r.signal].join(), listed: (r) => { const names = []; for (const name in r) names.push(name); return names.sort().join(); },
  read: async (r) => [await r.text(), r.bodyUsed, (await r.arrayBuffer()).byteLength, await fails(() => r.json())].join(), clone: (r) => { r.headers.set("x-b", "2"); const c = r.clone(); return asks.about(c) + (c instanceof Request); },
  again: (r) => asks.about(new Request(r)) + asks.about(new Request(r, { method: "POST", body: "b" })) + asks.about(new Request("http://b.example/", r)), set: (r) => { r.headers.delete("cookie"); return asks.about(new Request(r)); },
};
for (const method of ["GET", "HEAD", "POST", "DELETE"]) for (const target of ["/", "/a//b;c=1?x=%zz&y=[1]/?", "/a%2Fb", "//c"]) for (const [name, ask] of Object.entries(asks)) {
  const lean = light.over(exchange(method, target, new AbortController().signal), "a.example:81", fill);
  const whole = new Request("http://a.example:81" + target, { method });
  fill(whole.headers);
  const [want, got] = [await fails(() => ask(whole)), lean && (await fails(() => ask(lean)))];
  if (String(want) !== String(got)) console.log(name, method, target, "standard:", want, "ours:", got);
}
for (const [method, target, host] of [["TRACE", "/", "a"], ["GET", "/a/../b", "a"], ["GET", "/a/%2E%2e/b", "a"], ["GET", "/a|'b?x='", "a"], ["GET", "/?'", "a"], ["GET", "/a#b", "a"], ["GET", "/", "a:80"], ["GET", "/", "A"], ["GET", "/", "1.2.3"], ["GET", "/", "a b"], ["get", "/", "a"]]) {
  const lean = light.over(exchange(method, target), host, fill);
  if (lean) console.log("is not the standard's:", method, host, target);
}
const abort = new AbortController();
const gone = new Request(light.over(exchange("GET", "/", abort.signal), "a", fill));
abort.abort();
if (!gone.signal.aborted) console.log("a copy does not see that the client went");
const refused = async (call, request) => { try { await call(request); } catch (err) { return [err.constructor.name, err.message, err.cause?.code].join(); } };
const nowhere = [await refused(fetch, light.over(exchange("GET", "/", new AbortController().signal), "127.0.0.1:1", fill)), await refused(standardFetch, new StandardRequest("http://127.0.0.1:1/"))];
if (nowhere[0] !== nowhere[1]) console.log("fetch:", nowhere);
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
	for name, text := range map[string]string{"before.mjs": string(before) + "\nvar light;\nexport { light, standards, fetchOf };\n", "compared.mjs": compared} {
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
