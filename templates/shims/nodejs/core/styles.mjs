// The shapes that modules of other styles have. A shape suggests a style and is never served as one: the manifest says it.

// refuseOthers ends the start for a module that has the shape of another style, or not the export that the manifest names.
function refuseOthers() {
  const [other, why, registers] = otherStyle();
  if (config.export && exported === undefined && !registers) refuseName(config.export);
  if (other && other !== style) fault(why, `add \`style: ${other}\` to the function in ferry.yaml`);
}

function refuseName(name) {
  const ofDefault = isApp(userModule.default) ? {} : userModule.default; // an app has methods, and no exports
  const all = Object.keys({ ...ofDefault, ...userModule }).filter((key) => /^[a-z_$][\w$]*$/i.test(key));
  fault(`it exports nothing of the name ${name}`, all.length > 0 ? `name one of its exports in handler: ${all.sort().join(", ")}` : "export it");
}

// otherStyle is a style whose shape the module has, with how that shows, and whether it registers its functions.
function otherStyle() {
  const { fetch, handler } = { ...userModule.default, ...userModule };
  if (uses("@azure/functions")) return ["azure", "it registers functions with @azure/functions", true];
  if (uses("@google-cloud/functions-framework")) return [config.http ? "gcf-http" : "gcf-event", "it registers functions with @google-cloud/functions-framework", true];
  if (typeof (exported?.fetch ?? fetch) === "function") return ["fetch", "it exports a fetch handler"];
  if (isApp(exported)) return ["node", "it exports an app or a server of (req, res)"];
  if (typeof exported === "function") return calledLikeLambda(exported) ? ["lambda", LAMBDA] : ["node", "it exports a (req, res) function"];
  if (typeof (exported?.handler ?? handler) === "function") return ["lambda", LAMBDA];
  return [];
}

const LAMBDA = "it exports handler(event, context) as for AWS Lambda";

// uses is whether the module has loaded a package that functions are registered with.
function uses(name) {
  return Object.keys(requirer().cache).some((file) => file.replaceAll("\\", "/").includes(`/node_modules/${name}/`));
}

// isApp is whether a value answers (req, res) in a way of its own: an app of Express, Koa or Fastify, or a server.
function isApp(app) {
  const has = (name) => typeof app?.[name] === "function";
  return has("callback") || has("routing") || (has("handle") && has("use")) || (has("listen") && has("emit"));
}

// calledLikeLambda is whether a function names its parameters as handlers of AWS Lambda do.
function calledLikeLambda(call) {
  const [first, second] = parametersOf(call);
  return /^_?(event|evt|e)$/i.test(first) && /^_*(context|ctx|callback|cb)?$/i.test(second);
}

// calledLikeListener is whether a function names its parameters as listeners of node:http do.
function calledLikeListener(call) {
  const [first, second] = parametersOf(call);
  return /^_?(req|request)$/i.test(first) && /^_?(res|response|reply)$/i.test(second);
}

// parametersOf are the names of a function's first two parameters, "" where one has none.
function parametersOf(call) {
  const text = Function.prototype.toString.call(call);
  return /^(?:async\s*)?(?:function\b[^(]*)?\(?\s*([\w$]*)[^,)=]*,?\s*([\w$]*)/.exec(text)?.slice(1) ?? ["", ""];
}
