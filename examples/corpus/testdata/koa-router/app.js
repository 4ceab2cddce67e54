const Koa = require('koa');
const Router = require('@koa/router');
const bodyParser = require('koa-bodyparser');

const app = new Koa();
const router = new Router({ prefix: '/api' });
router.get('/users/:id', (ctx) => { ctx.body = { id: ctx.params.id, query: ctx.query }; });
router.post('/users', (ctx) => { ctx.status = 201; ctx.body = ctx.request.body; });
router.get('/teapot', (ctx) => ctx.throw(418, 'short and stout'));
app.use(bodyParser()).use(router.routes()).use(router.allowedMethods());
module.exports = app;
if (require.main === module) app.listen(process.env.PORT, '127.0.0.1');
