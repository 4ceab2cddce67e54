// An app of Azure Functions, in the programming model v4. It knows nothing of ferry.
const { app } = require("@azure/functions");

const notes = new Map([["1", "Water the plants."], ["2", "Call the bank."]]);

app.http("healthz", { methods: ["GET"], authLevel: "anonymous", handler: async () => ({ body: "ok" }) });

app.http("list", {
  methods: ["GET", "POST"],
  authLevel: "anonymous",
  route: "notes",
  handler: async (request, context) => {
    if (request.method === "POST") {
      const { text } = await request.json();
      context.log(`a note of ${text.length} letters`);
      return { status: 202, headers: { "x-letters": String(text.length) }, jsonBody: { taken: text } };
    }
    return { jsonBody: { notes: [...notes.keys()], asked: Object.fromEntries(request.query), stage: process.env.STAGE } };
  },
});

app.http("note", {
  methods: ["GET"],
  authLevel: "anonymous",
  route: "notes/{id}",
  handler: async (request) => {
    const text = notes.get(request.params.id);
    if (!text) return { status: 404, jsonBody: { error: "no such note" } };
    return { body: text, headers: { "content-type": "text/plain" }, cookies: [{ name: "last", value: request.params.id, path: "/" }] };
  },
});
