const { mkdtempSync } = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { PrismaClient, Prisma } = require("@prisma/client");
const { PrismaLibSQL } = require("@prisma/adapter-libsql");

const file = path.join(mkdtempSync(path.join(tmpdir(), "books-")), "books.db");
const db = new PrismaClient({ adapter: new PrismaLibSQL({ url: `file:${file}` }) });

const filled = (async () => {
  await db.$executeRawUnsafe('CREATE TABLE "Book" ("id" INTEGER PRIMARY KEY AUTOINCREMENT, "title" TEXT NOT NULL, "year" INTEGER)');
  await db.book.createMany({ data: [{ title: "Emma", year: 1815 }, { title: "Ulysses", year: 1922 }, { title: "Untitled" }] });
})();

async function answered(url) {
  await filled;
  const [, what, id] = url.pathname.split("/");
  switch (what) {
    case "books":
      if (id) return db.book.findUniqueOrThrow({ where: { id: Number(id) } });
      return db.book.findMany({ where: { year: { gte: Number(url.searchParams.get("since") ?? 0) } }, orderBy: { title: "desc" } });
    case "count":
      return db.book.aggregate({ _count: true, _max: { year: true } });
    case "models":
      return Object.keys(Prisma.ModelName);
  }
}

module.exports = async (req, res) => {
  const json = (status, value) => res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  try {
    const value = await answered(new URL(req.url, "http://host"));
    json(value === undefined ? 404 : 200, value ?? null);
  } catch (err) {
    json(err.code === "P2025" ? 404 : 422, { code: err.code ?? err.name });
  }
};
