// Events as the user's handler gets them.
function structured({ data_base64: encoded, ...event }) {
  return encoded === undefined ? event : { ...event, data: new Uint8Array(Buffer.from(encoded, "base64")) };
}

function dataOf(type, body) {
  const media = type.split(";", 1)[0].trim().toLowerCase();
  if (media === "application/json" || media.endsWith("+json")) return JSON.parse(body.toString());
  return media.startsWith("text/") ? body.toString() : new Uint8Array(body);
}
