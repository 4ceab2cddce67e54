// The same answer as a server of its own.
require("node:http")
  .createServer((req, res) => {
    res.setHeader("content-type", "text/plain");
    res.end("hello");
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
