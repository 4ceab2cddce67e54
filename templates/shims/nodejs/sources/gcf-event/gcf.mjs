// The style gcf-event: a function of CloudEvents as for Google's functions-framework, which serves it.
const style = "gcf-event";

async function open() {
  const ask = loopback(await frameworkListener("cloudEvent"));
  return { http: null, event: (event, ctx) => deliverGoogle(ask, event, ctx), google: true }; // events are taken as Google sends them
}

// deliverGoogle hands the event to the framework's server, and throws where that does not acknowledge it.
async function deliverGoogle(ask, event, ctx) {
  const body = Buffer.from(JSON.stringify(googleEvent(event, ctx)));
  const headers = [["host", "localhost"], ["content-type", "application/cloudevents+json"], ["content-length", String(body.length)]];
  const res = await ask({ method: "POST", target: "/", headers, client: "127.0.0.1" }, body);
  const chunks = [];
  for await (const chunk of res) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  if (res.statusCode >= 300) throw new Error(text || `the function answered ${res.statusCode}`); // the framework has logged why
}
