import { createServer } from 'node:http';
import app from './app.mjs';

createServer(async (req, res) => {
  const answer = await app.fetch(new Request(`http://${req.headers.host}${req.url}`));
  res.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()));
}).listen(process.env.PORT, '127.0.0.1');
