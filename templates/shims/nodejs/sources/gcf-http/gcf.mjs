// The style gcf-http: a function of (req, res) as for Google's functions-framework, which serves it.
const style = "gcf-http";

async function open() {
  return { http: config.http && onWire(await frameworkListener("http")) };
}
