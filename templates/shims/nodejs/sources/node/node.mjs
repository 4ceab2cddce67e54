// The style node: a module that exports a (req, res) function or an app of Express, Koa, Fastify or http.
const style = "node";

async function open() {
  return { http: config.http && onWire(await listenerOf(await exported)), event: eventFunction() };
}

// listenerOf is the user's listener of (req, res), or throws what is wrong with it.
async function listenerOf(app) {
  if (typeof app === "function" && !(app.length < 4 && calledLikeLambda(app))) return app;
  if (typeof app?.callback === "function") return app.callback(); // Koa
  if (typeof app?.routing === "function") {
    await app.ready(); // Fastify
    return (req, res) => app.routing(req, res);
  }
  if (typeof app?.listen === "function" && typeof app.emit === "function") return (req, res) => app.emit("request", req, res);
  refuseOthers();
  fault("the default export is no (req, res) function and no Express, Koa, Fastify or http.Server app", "export default (req, res) => {}, or the app");
}
