import { create } from './app';

create().then((app) => app.listen(Number(process.env.PORT), '127.0.0.1'));
