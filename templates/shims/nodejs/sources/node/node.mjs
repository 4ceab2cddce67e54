// The style node: a module that exports a (req, res) function or an app of Express, Koa, Fastify or http.
import { Server } from "node:http";

function openEvents() {
  return eventFunction();
}

// openHandler returns the user's listener as a function of exchanges, or throws what is wrong with it.
async function openHandler() {
  const listener = await listenerOf(await exported);
  const call = await onWire(async (req, res, cors) => {
    for (const [name, value] of cors) res.setHeader(name, value);
    await listener(req, res);
  });
  return (exchange) => {
    const refusal = answerOf(exchange.req, rawPath(exchange.req));
    return refusal ? refuse(exchange, refusal) : call(exchange);
  };
}

async function listenerOf(app) {
  if (app instanceof Server) return (req, res) => app.emit("request", req, res);
  if (typeof app === "function") return app;
  if (typeof app?.callback === "function") return app.callback(); // Koa
  if (typeof app?.routing === "function") {
    await app.ready(); // Fastify
    return (req, res) => app.routing(req, res);
  }
  if (typeof (app ?? userModule).fetch === "function") fault("it exports a fetch handler", "write `style: fetch` for the function in ferry.yaml");
  refuseLambda();
  fault("the default export is no (req, res) function and no Express, Koa, Fastify or http.Server app", "export default (req, res) => {}, or the app");
}
