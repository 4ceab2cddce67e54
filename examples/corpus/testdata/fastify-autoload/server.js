'use strict'

const fastify = require('fastify')({ logger: false })
fastify.register(require('./app'))
module.exports = fastify
if (require.main === module) fastify.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
