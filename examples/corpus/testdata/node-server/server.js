import { createServer } from 'node:http';
import config from './config.js';

createServer((req, res) => res.setHeader('content-type', 'text/plain').end(`${req.method} ${req.url} ${config.color}`)).listen(process.env.PORT || 8080, '127.0.0.1');
