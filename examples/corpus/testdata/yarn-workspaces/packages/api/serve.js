import app from './index.js';

app.listen(process.env.PORT, '127.0.0.1');
