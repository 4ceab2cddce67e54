// An exchange is a request and where its answer goes, however they come and go. Its carrier gives it
//   req                           method, url, headers and rawHeaders as Node's server has them, scheme where it is not http
//   cors                          the headers that the policy adds to the answer, as pairs
//   body()                        the request's body as a Request takes it
//   head(status, pairs, length)   begins the answer; without a length the body's end is told otherwise
//   flush(), write(chunk), end()  send the head at once, a part of the body, the rest
//   gone                          nobody waits for the answer any more
// and its target gives it ctx. A source opens the user's module as a function of exchanges.

// serveExchange answers with what a source opened; undefined is a function without HTTP.
function serveExchange(handler, exchange) {
  return handler ? handler(exchange) : refuse(exchange, answerOf(exchange.req));
}

// refuse gives an answer in the handler's place.
function refuse(exchange, { status, headers, text }) {
  return answerText(exchange, status, headers, text);
}

async function answerText(exchange, status, headers, text) {
  const pairs = [...exchange.cors, ...headers];
  if (text) pairs.push(["content-type", "text/plain; charset=utf-8"]);
  exchange.head(status, pairs, text ? Buffer.byteLength(text) : undefined);
  if (text) await exchange.write(Buffer.from(text));
  exchange.end();
}
