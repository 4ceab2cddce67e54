import { parentPort, workerData } from 'node:worker_threads';
import { fib } from './fib.js';

parentPort.postMessage(fib(workerData));
