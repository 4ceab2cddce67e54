'use strict'

module.exports = async function (fastify) {
  fastify.get('/', async () => fastify.someSupport())
  fastify.post('/', { schema: { body: { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } } } }, async (request) => ({ n: request.body.n }))
}
