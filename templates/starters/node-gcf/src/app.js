// A function of Google's functions-framework, registered as it is there.
import * as functions from "@google-cloud/functions-framework";

functions.http("greet", (req, res) => {
  if (req.path === "/healthz") return res.send("ok\n");
  res.json({ message: `${process.env.GREETING ?? "hello"}, ${req.query.name ?? "world"}` });
});
