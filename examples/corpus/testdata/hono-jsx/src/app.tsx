import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { zValidator } from '@hono/zod-validator';
import { Page } from './page.js';

const app = new Hono();
app.get('/', (c) => c.html(<Page title="Hono">hello &amp; welcome</Page>));
app.get('/posts/:id{[0-9]+}', (c) => c.json({ id: Number(c.req.param('id')), tags: c.req.queries('tag') ?? [] }));
app.post('/posts', zValidator('json', z.object({ title: z.string().min(3) })), (c) => c.json(c.req.valid('json'), 201));
app.get('/teapot', () => { throw new HTTPException(418, { message: 'short and stout' }); });
export default app;
