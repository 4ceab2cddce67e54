// Google's functions-framework, at 127.0.0.1.
const { http } = require("@google-cloud/functions-framework");
const { getTestServer } = require("@google-cloud/functions-framework/testing");
http("api", (req, res) => {
  res.set("content-type", "text/plain");
  res.send("hello");
});
getTestServer("api").listen(Number(process.argv[2]), "127.0.0.1");
