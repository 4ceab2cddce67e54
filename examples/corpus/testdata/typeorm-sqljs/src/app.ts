import 'reflect-metadata';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { DataSource } from 'typeorm';
import { Author, Book } from './entities';

const source = new DataSource({ type: 'sqljs', entities: [Author, Book], synchronize: true });
const ready = source.initialize().then(async () => {
  const author = await source.getRepository(Author).save({ name: 'Ursula' });
  await source.getRepository(Book).save({ title: 'The Dispossessed', published: new Date(0), author });
});

export default async function app(req: IncomingMessage, res: ServerResponse) {
  await ready;
  const answer = (value: unknown) => res.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  if (req.url === '/columns') return answer(source.getMetadata(Book).columns.map((c) => [c.propertyName, String(c.type)]));
  if (req.url === '/authors') return answer(await source.getRepository(Author).find({ relations: { books: true } }));
  answer(await source.getRepository(Book).find({ relations: { author: true } }));
}
