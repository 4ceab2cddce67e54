const { createHash } = require('crypto');
const express = require('express');
const bcrypt = require('bcryptjs');
const compression = require('compression');
const cors = require('cors');
const helmet = require('helmet');
const hpp = require('hpp');
const jwt = require('jsonwebtoken');
const _ = require('lodash');
const dayjs = require('dayjs');
const Joi = require('joi');
const morgan = require('morgan');
const multer = require('multer');
const { nanoid } = require('nanoid');
const pino = require('pino');
const qs = require('qs');
const rateLimit = require('express-rate-limit');
const session = require('express-session');
const { v5: uuid } = require('uuid');
const validator = require('validator');
const json5 = require('json5');
const yaml = require('js-yaml');
const sanitize = require('sanitize-html');
const mustache = require('mustache');

dayjs.extend(require('dayjs/plugin/utc'));
const log = pino({ level: 'warn' });
const app = express();
app.use(helmet(), cors(), hpp(), compression({ threshold: '1kb' }), morgan('tiny', { skip: () => true }));
app.use(session({ secret: 's', resave: false, saveUninitialized: false }));
app.use(rateLimit({ limit: 1000, validate: false }));
app.use(express.json());

app.get('/hash', (req, res) => res.json({ ok: bcrypt.compareSync('a', bcrypt.hashSync('a', 4)), sha: createHash('sha1').update('a').digest('hex') }));
app.get('/token', (req, res) => res.json(_.omit(jwt.verify(jwt.sign({ sub: req.query.sub }, 'k'), 'k'), 'iat')));
app.get('/text', (req, res) => res.json({
  day: dayjs.utc(0).format('YYYY-MM-DD'), id: nanoid().length, uuid: uuid('a', uuid.URL), email: validator.isEmail('a@b.co'),
  json5: json5.parse("{a: 'b',}"), yaml: yaml.load('a: [1, 2]'), qs: qs.parse('a[b]=c'), level: log.level,
  clean: sanitize('<b onclick="x">b</b><script>1</script>'), page: mustache.render('{{a}}', { a: '<' }),
}));
app.post('/form', multer().none(), (req, res) => res.json(Joi.object({ n: Joi.number().min(1) }).validate(req.body).error?.details ?? 'valid'));
app.get('/long', (req, res) => res.type('text').send('x'.repeat(5000)));
app.get('/async', async () => { throw Object.assign(new Error('short and stout'), { status: 418, expose: true }); });
app.use((err, req, res, next) => res.status(err.status ?? 500).send(err.message));

module.exports = app;
if (require.main === module) app.listen(process.env.PORT, '127.0.0.1');
