'use strict'

module.exports = async function (fastify) {
  fastify.get('/', async () => ({ root: true }))
  fastify.get('/teapot', async () => { throw fastify.httpErrors.imateapot() })
}
