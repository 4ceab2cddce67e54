// What every Node shim shares: the user's module and what it takes to open it.
// A shim is the files of its cells one after the other: the secrets of its target, core, its source, its carriers, its
// target, behind the function's own config and load. Imports of all share one scope.
import { createRequire } from "node:module";

const loaded = await load(); // in its place: what stands above has run

// required is a module that only some calls need, or that require alone finds. What is imported above costs every start.
function required(name) {
  return requirer()(name);
}

function requirer() {
  return (requirer.here ??= createRequire(import.meta.url));
}

// userModule is a copy, so that a bundler does not warn of exports that a module need not have.
const userModule = loaded.default?.__esModule ? loaded.default : { ...loaded };
const exported = config.export ? named(config.export) : userModule.default;

// named is the export that the manifest names. Of a CommonJS module it is seen on what the module exports as a whole.
function named(name) {
  return userModule[name] ?? userModule.default?.[name];
}

// background holds what handlers gave to waitUntil; a process that stops waits for it.
const background = new Set();

function waitUntil(work) {
  const settled = Promise.resolve(work)
    .catch((err) => console.error(err))
    .finally(() => background.delete(settled));
  background.add(settled);
}

// opened is what the source, which has the name of its style and open, makes of the module: http(exchange) where requests
// come in, event(event, ctx) where there is one, or it throws what is wrong with the module.
async function opened() {
  const source = await open();
  if (config.events && !source.event) {
    refuseOthers();
    fault("the manifest binds events, but no event function is exported", "export async function event(event, ctx) {}");
  }
  return source;
}

// eventFunction is what stands beside a handler of HTTP for events, or undefined.
function eventFunction() {
  if (typeof exported?.event === "function") return (event, ctx) => exported.event(event, ctx);
  return userModule.event;
}

// fault ends the start with what is wrong with the module, and the next step behind a semicolon. Where in the shim that
// was found says nothing.
function fault(what, next) {
  const err = new TypeError(`ferry: ${config.handler}: ${what}; ${next}`);
  err.stack = String(err);
  err[Symbol.for("nodejs.util.inspect.custom")] = () => err.stack; // or it is printed in brackets
  throw err;
}
