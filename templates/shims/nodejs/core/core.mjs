// What every Node shim shares: the user's module and what it takes to open it.
// A shim is the files of its cells one after the other: the secrets of its target, core, its source, its carriers, its
// target. Imports of all share one scope.
import config, { load } from "./ferry-config.mjs";

const loaded = await load(); // in its place: what stands above has run
// userModule is a copy, so that a bundler does not warn of exports that a module need not have.
const userModule = loaded.default?.__esModule ? loaded.default : { ...loaded };
const exported = userModule.default;

// background holds what handlers gave to waitUntil; a process that stops waits for it.
const background = new Set();

function waitUntil(work) {
  const settled = Promise.resolve(work)
    .catch((err) => console.error(err))
    .finally(() => background.delete(settled));
  background.add(settled);
}

// eventFunction is what stands beside a handler of HTTP for events, or undefined.
function eventFunction() {
  if (typeof exported?.event === "function") return (event, ctx) => exported.event(event, ctx);
  return userModule.event;
}

// boundEvents is the event handler that the source opens, or throws where the manifest binds events and there is none.
function boundEvents() {
  const event = openEvents();
  if (config.events && !event) {
    refuseLambda();
    fault("the manifest binds events, but no event function is exported", "export async function event(event, ctx) {}");
  }
  return event;
}

// fault ends the start with what is wrong with the module, and the next step behind a semicolon. Where in the shim that
// was found says nothing.
function fault(what, next) {
  const err = new TypeError(`ferry: ${config.handler}: ${what}; ${next}`);
  err.stack = String(err);
  throw err;
}

// refuseLambda says what works instead of a handler of AWS Lambda.
function refuseLambda() {
  if (typeof userModule.handler !== "function" && typeof exported?.handler !== "function") return;
  fault(
    "it exports handler(event, context) as for AWS Lambda, which ferry does not call yet",
    "export default { async fetch(request, ctx) {} } for HTTP, with async event(event, ctx) {} beside it for events",
  );
}
