const { app } = require("@azure/functions");
const { priced } = require("../prices");

app.http("item", {
  methods: ["GET"],
  authLevel: "anonymous",
  route: "items/{id}",
  handler: async (request, context) => {
    context.log(`item ${request.params.id}`);
    const price = priced(request.params.id);
    if (price === undefined) return { status: 404, body: `no item ${request.params.id}\n` };
    return { jsonBody: { id: request.params.id, price, shop: request.query.get("shop") } };
  },
});

app.http("order", {
  methods: ["POST"],
  authLevel: "anonymous",
  route: "orders",
  handler: async (request) => {
    const order = await request.json();
    return { status: 201, headers: { "x-count": String(order.count) }, jsonBody: { ...order, total: order.count * priced(order.id) } };
  },
});
