import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import ms, { named } from './interop.cjs';
import settings from './settings.json' with { type: 'json' };
import { find } from '#db';

const load = createRequire(import.meta.url);
const legacy = load('./legacy.cjs');
const banner = await readFile(new URL('./banner.txt', import.meta.url), 'utf8');
const here = path.dirname(fileURLToPath(import.meta.url));

const routes = {
  '/': async () => ({ banner, settings, legacy: legacy(), ms: ms(1000), named, here: path.basename(here) }),
  '/db': async () => find(1),
  '/late': async () => (await import('./late.js')).default(),
  '/many': async () => Promise.all(['a', 'b'].map(async (name) => (await import(`./parts/${name}.js`)).default)),
  '/worker': () => new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: 20 });
    worker.once('message', resolve).once('error', reject);
  }),
};

export default async function app(req, res) {
  const route = routes[req.url];
  res.statusCode = route ? 200 : 404;
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify(route ? await route() : { none: req.url }));
}
