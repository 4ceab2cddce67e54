module.exports = (text) => text.padStart(10, '.') + '|' + require('./index.cjs').slug(text);
