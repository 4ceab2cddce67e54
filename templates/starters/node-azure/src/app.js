// An app of Azure's v4 programming model. Its routes are its own.
import { app } from "@azure/functions";

app.http("greet", {
  methods: ["GET"],
  authLevel: "anonymous",
  route: "greet",
  handler: (request) => ({ jsonBody: { message: `${process.env.GREETING ?? "hello"}, ${request.query.get("name") ?? "world"}` } }),
});
