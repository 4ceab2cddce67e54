const express = require('express');
const { Client, models } = require('@acme/client');

const client = new Client();
const app = express();
app.get('/models', (req, res) => res.json(models));
app.get('/users', async (req, res) => res.json(await client.user.findMany()));
module.exports = app;
if (require.main === module) app.listen(process.env.PORT, '127.0.0.1');
