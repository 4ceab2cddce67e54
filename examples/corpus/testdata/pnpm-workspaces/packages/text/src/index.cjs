exports.slug = (text) => 'cjs:' + require('slugify')(text, { lower: true });
