import { appendResponseHeader, createApp, createRouter, defineEventHandler, getQuery, getRouterParam, readRawBody, sendRedirect, setResponseHeader, setResponseStatus, toNodeListener } from "h3";

const router = createRouter();
router.get("/hello/:name", defineEventHandler((event) => ({ name: getRouterParam(event, "name", { decode: true }), n: getQuery(event).n })));
router.post("/echo", defineEventHandler(async (event) => {
  setResponseStatus(event, 201);
  setResponseHeader(event, "content-type", "application/octet-stream");
  return readRawBody(event, false);
}));
router.get("/cookies", defineEventHandler((event) => {
  appendResponseHeader(event, "set-cookie", "a=1");
  appendResponseHeader(event, "set-cookie", "b=2");
  return "ok";
}));
router.get("/away", defineEventHandler((event) => sendRedirect(event, "/hello/you")));
router.get("/raises", defineEventHandler(() => {
  throw new Error("raised on purpose");
}));

export default toNodeListener(createApp().use(router));
