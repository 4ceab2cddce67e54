import { asked, broken } from "./answer.mjs";

const bytes = (text) => Buffer.from(text, "latin1");
const shown = (text) => Buffer.from(text).toString("latin1");

// handler says what arrived in payload format 2.0, or answers as it is asked to.
export const handler = async (event) => {
  const wanted = asked(event.headers["x-answer"]);
  if (!wanted) {
    const headers = Object.fromEntries(Object.entries(event.headers).map(([name, value]) => [name, [shown(value)]]));
    if (event.cookies) headers.cookie = [shown(event.cookies.join("; "))];
    const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8").toString("base64");
    return { method: event.requestContext.http.method, path: event.rawPath, query: event.rawQueryString, headers, body };
  }
  if (wanted.fail === "before" || wanted.fail === "during") throw broken();
  const headers = {};
  const cookies = [];
  for (const [name, value] of wanted.headers) {
    const text = bytes(value).toString();
    if (name === "set-cookie") cookies.push(text);
    else headers[name] = name in headers ? `${headers[name]}, ${text}` : text;
  }
  return { statusCode: wanted.status, headers, cookies, body: Buffer.concat(wanted.pieces).toString("base64"), isBase64Encoded: true };
};
