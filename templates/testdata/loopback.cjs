// Google's framework and Azure's library listen on all addresses, and a test on one.
const { Server } = require("node:net");

const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  if (typeof port === "object") return listen.call(this, port, ...rest);
  if (typeof port === "function") return listen.call(this, 0, "127.0.0.1", port);
  return listen.call(this, Number(port), "127.0.0.1", ...rest.filter((one) => typeof one === "function"));
};
