// What Lambda itself calls: the handler as it is, but for what is not meant for it.

// handed gives events as they are to code that was written for them. What is ferry's own is answered here, and a request
// that the manifest excludes or that comes in another form than the handler takes. It takes no named parameters: a runtime
// that knows no callbacks refuses a handler that seems to want one.
function handed(native) {
  const answered = async (event, context) => {
    if (isProbe(event)) return probed();
    if (event?.["dev.ferry.event"]) return serveDirect(event, ({ event: it, ...meta }) => source.event(it, contextOf(event, context, meta)));
  };
  const isOurs = (event) => isProbe(event) || Boolean(event?.["dev.ferry.event"]);
  if (native.streams) {
    return async (event, out, context) => {
      if (isOurs(event)) return finish(out, await answered(event, context));
      if (isOfOtherForm(event)) return streaming(event, out, context);
      const { exchange, outlet, refusal } = excluded(event, context, out);
      if (config.forward) {
        const there = await elsewhere(event, context, out);
        if (there) return finish(out, there.outlet.result());
      }
      if (!refusal) return native.call(event, out, context);
      answerWith(exchange, refusal);
      return finish(out, outlet.result());
    };
  }
  return (...given) => {
    const [event, context] = given;
    if (isOurs(event)) return answered(event, context);
    if (isOfOtherForm(event)) return buffered(event, context);
    if (config.forward) return elsewhere(event, context).then((there) => (there ? there.outlet.result() : handedOn(event, context)));
    return handedOn(...given);
  };
  function handedOn(...given) {
    const [event, context] = given;
    const { exchange, outlet, refusal } = excluded(event, context);
    if (!refusal) return native.call(...given);
    answerWith(exchange, refusal);
    return Promise.resolve(outlet.result());
  }
}

// isOfOtherForm is whether a request comes in payload format 2.0, as function URLs send it, to a handler that takes 1.0.
function isOfOtherForm(event) {
  return config.payload === "1.0" && lambdaV2.carries(event);
}

// elsewhere is the exchange of a request that the other side of a migration has answered or handed over, undefined for one
// that is the handler's as it is.
async function elsewhere(event, context, out) {
  const carrier = carrierOf(event);
  if (!carrier) return undefined;
  const made = exchangeOf(carrier, event, context, out);
  const { exchange } = made;
  const came = exchange.header(ENVELOPE) !== undefined && migration.accepts;
  try {
    if (came) await serveExchange(source.http, exchange);
    else if (!(await migrated(exchange))) return undefined;
  } catch (err) {
    exchange.fail(err);
  }
  return made;
}

// excluded is the answer to a request whose path or method the manifest excludes, if it is one.
function excluded(event, context, out) {
  const excludes = config.http && (config.http.path !== "^" || config.http.methods.length > 0);
  const carrier = excludes && carrierOf(event);
  if (!carrier) return {};
  const { exchange, outlet } = exchangeOf(carrier, event, context, out);
  return { exchange, outlet, refusal: answerOf(exchange) };
}
