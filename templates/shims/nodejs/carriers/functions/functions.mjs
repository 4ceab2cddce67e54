// Functions of Google's functions-framework, in the server that the framework itself makes for them.

// frameworkListener is that server as a listener of (req, res). The function is the one that the module registers under
// the name, or exports under it, or exports as its default; register is what the framework registers such functions with.
async function frameworkListener(register) {
  const { default: framework } = await import("@google-cloud/functions-framework");
  const { default: testing } = await import("@google-cloud/functions-framework/testing");
  const name = config.export || process.env.FUNCTION_TARGET || "function";
  let found = testing.getFunction(name);
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
  framework[register](name, register === "http" ? breaking(found) : found);
  const server = testing.getTestServer(name);
  return (req, res) => void server.emit("request", req, res);
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
