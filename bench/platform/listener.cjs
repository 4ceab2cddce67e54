module.exports = (req, res) => {
  res.setHeader("content-type", "text/plain");
  res.end("hello");
};
