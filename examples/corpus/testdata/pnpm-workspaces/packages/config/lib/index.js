const fs = require('fs');
const path = require('path');

exports.name = require('../package.json').name;
exports.load = () => JSON.parse(fs.readFileSync(path.join(__dirname, '..', 'defaults.json'), 'utf8'));
