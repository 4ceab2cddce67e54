const { app } = require("@azure/functions");

app.hook.appStart(() => console.log("GOT start"));
app.hook.preInvocation((hook) => {
  hook.hookData.seen = true;
});

app.http("items", {
  methods: ["GET", "POST"],
  route: "items/{id:int?}",
  handler: async (request, context) => {
    context.log("GOT request", context.functionName, context.invocationId.length);
    const text = await request.text();
    return {
      status: 201,
      jsonBody: { id: request.params.id, names: request.query.getAll("name"), path: new URL(request.url).pathname, agent: request.headers.get("x-agent"), method: request.method, text },
      headers: { "x-items": "1" },
      cookies: [
        { name: "a", value: "1" },
        { name: "b", value: "2 3", maxAge: 5, httpOnly: true, sameSite: "Lax" },
      ],
    };
  },
});

app.http("rest", { route: "{*rest}", methods: ["GET", "DELETE"], handler: (request) => ({ body: `rest ${request.params.rest}` }) });
app.http("raises", { handler: () => { throw new Error("raised on purpose"); } });
app.http("empty", { handler: () => undefined });
app.http("text", { handler: () => "no object" });
app.http("response", {
  handler: () => new Response("made", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] }),
});
app.http("stream", {
  handler: () => ({
    body: (async function* () {
      yield Buffer.from("one ");
      yield Buffer.from("two");
    })(),
  }),
});

app.timer("nightly", { schedule: "0 0 3 * * *", handler: (timer, context) => context.log("GOT timer", timer.isPastDue, timer.scheduleStatus.last) });

app.storageQueue("order", {
  queueName: "orders",
  connection: "S",
  handler: (message, context) => {
    context.log("GOT queue", context.triggerMetadata.id, JSON.stringify(message), context.triggerMetadata.dequeueCount);
    if (message === "fail") throw new Error("failed on purpose");
  },
});
app.storageQueue("returned", { queueName: "returns", connection: "S", handler: (message, context) => context.log("GOT return", message.n) });
app.serviceBusTopic("signup", {
  topicName: "signups",
  subscriptionName: "s",
  connection: "B",
  handler: (message, context) => context.log("GOT topic", JSON.stringify(message), JSON.stringify(context.triggerMetadata.applicationProperties)),
});
app.storageBlob("upload", {
  path: "uploads/{name}",
  connection: "S",
  handler: (blob, context) => context.log("GOT blob", context.triggerMetadata.name, context.triggerMetadata.properties.contentLength, blob.toString()),
});
app.storageBlob("picture", { path: "pictures/{name}", connection: "S", handler: (blob, context) => context.log("GOT picture", Buffer.isBuffer(blob), blob.toString("hex")) });
app.storageBlob("note", { path: "notes/{name}", connection: "S", dataType: "string", handler: (blob, context) => context.log("GOT note", blob) });
app.storageQueue("scan", { queueName: "scans", connection: "S", dataType: "binary", handler: (message, context) => context.log("GOT scan", Buffer.isBuffer(message), message.toString()) });
app.eventGrid("grid", { handler: (event, context) => context.log("GOT grid", event.eventType, event.subject) });
