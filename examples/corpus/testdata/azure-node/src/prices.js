const { readFileSync } = require("node:fs");
const path = require("node:path");

const prices = JSON.parse(readFileSync(path.join(__dirname, "prices.json"), "utf8"));

exports.priced = (id) => prices[id];
