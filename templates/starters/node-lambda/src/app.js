// A handler of AWS Lambda. Requests come in payload format 2.0, on every target.
export const handler = async (event) => {
  const { path } = event.requestContext.http;
  if (path === "/healthz") return { statusCode: 200, body: "ok\n" };
  const name = event.queryStringParameters?.name ?? "world";
  return { message: `${process.env.GREETING ?? "hello"}, ${name}` };
};
