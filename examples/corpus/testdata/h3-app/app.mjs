import { createApp, createError, createRouter, defineEventHandler, getQuery, getRouterParam, readBody, toWebHandler } from 'h3';

export const app = createApp();
const router = createRouter();
app.use(router);
router.get('/', defineEventHandler(() => ({ message: 'tadaa' })));
router.get('/hello/:name', defineEventHandler((event) => `hello ${getRouterParam(event, 'name')} ${JSON.stringify(getQuery(event))}`));
router.post('/echo', defineEventHandler((event) => readBody(event)));
router.get('/gone', defineEventHandler(() => { throw createError({ status: 410, message: 'gone' }); }));
export default { fetch: toWebHandler(app) };
