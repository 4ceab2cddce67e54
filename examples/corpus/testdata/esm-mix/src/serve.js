import { createServer } from 'node:http';
import app from './app.js';

createServer(app).listen(process.env.PORT, '127.0.0.1');
