const functions = require("@google-cloud/functions-framework");

functions.http("hello", (req, res) => {
  res.append("set-cookie", "a=1").append("set-cookie", "b=2");
  res.status(201).send({ method: req.method, url: req.originalUrl, name: req.query.name ?? req.body?.name, raw: req.rawBody?.length, header: req.get("x-a") });
});

functions.http("broken", async () => {
  throw new Error("failed on purpose");
});

function took(event) {
  const { message } = event.data;
  const text = message && Buffer.from(message.data, "base64").toString();
  console.log("GOT " + event.type, message ? `${event.source} ${text} ${JSON.stringify(message.attributes)}` : JSON.stringify(event.data));
  if (text === "fail") throw new Error("failed on purpose");
}

functions.cloudEvent("stored", took);

exports.plain = (req, res) => res.send(`plain ${req.body.n ?? req.path}`);

exports.received = (event, done) => {
  try {
    took(event);
    done();
  } catch (err) {
    done(err);
  }
};

exports.background = (data, context) => console.log(data, context);
