const { readFileSync } = require('fs');
const { join } = require('path');
const Ajv = require('ajv');

const valid = new Ajv().compile({ type: 'object', required: ['n'], properties: { n: { type: 'integer' } } });
const help = readFileSync(join(__dirname, 'help.txt'), 'utf8');

exports.handler = async (event) => {
  const { method, path } = event.requestContext.http;
  if (path === '/plain') return { plain: true };
  if (method === 'GET') return { statusCode: 200, headers: { 'Content-Type': 'text/plain' }, body: help + event.rawQueryString };
  const body = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : event.body;
  const input = JSON.parse(body);
  return { statusCode: valid(input) ? 201 : 422, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(valid.errors ?? input) };
};
