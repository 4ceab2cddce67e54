import slugify from 'slugify';

export const slug = (text) => 'esm:' + slugify(text, { lower: true });
