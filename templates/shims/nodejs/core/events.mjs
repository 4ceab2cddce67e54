// Events as the user's handler gets them.

// isCloudEvent is whether a value is a CloudEvent 1.0.
function isCloudEvent(value) {
  const said = (name) => typeof value[name] === "string" && value[name] !== "";
  return value?.specversion === "1.0" && said("id") && said("source") && said("type");
}

// checked is a CloudEvent, or throws what it lacks.
function checked(value) {
  if (isCloudEvent(value)) return value;
  throw new TypeError("this is no CloudEvent 1.0: it needs specversion, id, source and type");
}

// structured is an event of the JSON form.
function structured(value) {
  const { data_base64: encoded, ...event } = checked(value);
  if (encoded !== undefined && !/^[\w+/-]*={0,2}$/.test(encoded)) throw new TypeError("this is no CloudEvent 1.0: its data_base64 is no base64");
  return encoded === undefined ? event : { ...event, data: new Uint8Array(Buffer.from(encoded, "base64")) };
}

// media is the type of a content type, without its parameters.
function media(type) {
  return type.split(";", 1)[0].trim().toLowerCase();
}

// dataOf is what a handler gets of data: JSON is parsed, text is a string, anything else stays bytes.
function dataOf(type, body) {
  const kind = media(type);
  if (kind === "application/json" || kind.endsWith("+json")) return JSON.parse(body.toString());
  return kind.startsWith("text/") ? body.toString() : new Uint8Array(body);
}
