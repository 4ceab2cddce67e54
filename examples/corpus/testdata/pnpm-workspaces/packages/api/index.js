import express from 'express';
import { slug } from '@acme/text';
import pad from '@acme/text/pad';
import config from '@acme/config';

const app = express();
app.get('/slug/:text', (req, res) => res.json({ slug: slug(req.params.text), ...config }));
app.get('/pad/:text', (req, res) => res.send(pad(req.params.text)));
app.get('/defaults', (req, res) => res.json(config.load()));
export default app;
