module.exports = (n) => `${n} ms`;
module.exports.named = __filename.split('/').pop();
