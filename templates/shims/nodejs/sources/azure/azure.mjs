// The style azure: an app of Azure's v4 programming model. Azure's own library registers the functions and makes what they
// get; their host is here.
const style = "azure";
const appHookData = {};

async function open() {
  const functions = azure.functions.map(registered);
  if (functions.length === 0) {
    refuseOthers();
    fault("it registers no function with @azure/functions", "app.http('hello', { handler: async (request, context) => ({ body: 'hello' }) })");
  }
  const routes = functions.filter(({ kind }) => kind === "httptrigger").sort(byPrecedence);
  if (config.http && routes.length === 0) fault("the manifest binds http, but the app registers no function for it", "register one with app.http");
  if (config.events && !functions.some(({ kind }) => Object.hasOwn(triggered, kind))) {
    fault("the manifest binds events, but no function of the app has a trigger for them", "register one with app.timer, app.storageQueue, app.serviceBusQueue, app.serviceBusTopic, app.eventGrid or app.storageBlob");
  }
  await runHooks("appStart", { hookData: {}, appHookData });
  return { http: config.http && ((exchange) => serveAzure(routes, exchange)), event: (event, ctx) => deliverAzure(functions, event, ctx) };
}

// registered is a function of the app with its trigger, or it ends the start with what only Azure's own host does.
function registered({ metadata, callback }) {
  const { name, bindings } = metadata;
  const [[argument, trigger]] = Object.entries(bindings).filter(([, { type }]) => /trigger$/i.test(type));
  const kind = trigger.type.toLowerCase();
  if (kind !== "httptrigger" && !Object.hasOwn(triggered, kind)) {
    fault(`the function ${name} has a ${trigger.type}, which only Azure's own host serves`, "leave it on Azure, or call what it needs from the code");
  }
  if (String(trigger.cardinality).toLowerCase() === "many") {
    fault(`the function ${name} takes many messages at once, and here each comes alone`, "write cardinality: 'one'");
  }
  for (const [other, { type }] of Object.entries(bindings)) {
    if (other !== argument && type !== "http") fault(`the function ${name} has a binding of type ${type}, which only Azure's own host fulfils`, "use a client library in the function");
  }
  return { name, metadata, callback, kind, trigger, ...(kind === "httptrigger" ? compiledRoute(trigger.route ?? name) : {}) };
}

async function runHooks(name, context) {
  for (const hook of azure.hooks[name] ?? []) await hook(context);
  return context;
}

// invoked calls a function of the app with its hooks, as Azure's worker does.
async function invoked({ metadata, callback }, ctx, inputs, triggerMetadata) {
  const core = {
    invocationId: ctx.requestId,
    metadata,
    request: { triggerMetadata },
    state: "invocation",
    log: (level, category, message) => azureLog(level, message),
  };
  const model = azure.model.getInvocationModel(core);
  const { context } = await model.getArguments();
  const before = await runHooks("preInvocation", { hookData: {}, appHookData, invocationContext: context, functionCallback: callback, inputs });
  const after = { hookData: before.hookData, appHookData, invocationContext: context, inputs: before.inputs, result: null, error: null };
  try {
    after.result = await model.invokeFunction(context, before.inputs, before.functionCallback);
  } catch (err) {
    after.error = err;
  }
  core.state = "postInvocationHooks";
  await runHooks("postInvocation", after);
  if (after.error) throw after.error;
  return after.result;
}
