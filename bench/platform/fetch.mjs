export default { fetch: () => new Response("hello", { headers: { "content-type": "text/plain" } }) };
