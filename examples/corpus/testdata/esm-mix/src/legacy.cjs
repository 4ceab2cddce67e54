const config = require('./settings.json');

module.exports = () => [config.color, require.main === module, typeof require('fs').readFileSync];
