// Functions of Google's functions-framework, in the server that the framework itself makes for them.

// frameworkListener is that server as a listener of (req, res). The function is the one that the module registers under
// the name, or exports under it, or exports as its default; register is what the framework registers such functions with.
async function frameworkListener(register) {
  const { default: framework } = await import("@google-cloud/functions-framework");
  const { default: testing } = await import("@google-cloud/functions-framework/testing");
  const name = config.export || process.env.FUNCTION_TARGET || "function";
  let found = testing.getFunction(name);
  const kind = found && registeredAs(name);
  if (kind === "cloudevent" && register === "http") {
    fault(`${name} is registered with functions.cloudEvent, and answers no request`, "add `style: gcf-event` and its event to the function in ferry.yaml");
  }
  if ((kind === "http" || kind === "typed") && register === "cloudEvent") {
    fault(`${name} is registered with functions.${kind}, and takes no event`, "add `style: gcf-http` to the function in ferry.yaml");
  }
  if (!found) {
    found = config.export || typeof exported === "function" ? exported : named(name);
    if (typeof found !== "function" || isApp(found)) {
      refuseOthers();
      fault(`it registers and exports no function ${name}`, "name the function in handler as file.js:NAME");
    }
    if (register === "cloudEvent" && isBackground(found)) {
      fault(`${name} is a background function of Google's first generation, (data, context)`, `take a CloudEvent: functions.cloudEvent("${name}", (event) => …)`);
    }
  }
  if (kind !== "typed") framework[register](name, register === "http" ? breaking(found) : found); // the framework converts for a typed one
  const server = testing.getTestServer(name);
  return (req, res) => void server.emit("request", req, res);
}

// registeredAs is what a function is registered as: http, cloudevent or typed. The framework keeps it in a module of its own.
function registeredAs(name) {
  const load = requirer();
  const registry = Object.keys(load.cache).find((file) => /[\\/]functions-framework[\\/]build[\\/]src[\\/]function_registry\.js$/.test(file));
  return registry && load(registry).getRegisteredFunction?.(name)?.signatureType;
}

// isBackground is whether a function of events has the context of Google's first generation beside them. A second parameter
// may also be a callback.
function isBackground(call) {
  return call.length > 2 || (call.length === 2 && /^_*(context|ctx|meta\w*)$/i.test(parametersOf(call)[1]));
}

// breaking is a function of (req, res) whose answer breaks off when it fails within it: the framework leaves that open.
function breaking(call) {
  return async (req, res) => {
    try {
      return await call(req, res);
    } catch (err) {
      if (res.headersSent && !res.writableEnded) setImmediate(() => res.destroy()); // after what was written is out
      throw err;
    }
  };
}
