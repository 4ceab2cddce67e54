const express = require('express');
const { ApolloServer, gql } = require('apollo-server-express');
const { makeExecutableSchema } = require('@graphql-tools/schema');
const { GraphQLScalarType, Kind } = require('graphql');

const typeDefs = gql`
  scalar Day
  type Book { title: String!, published: Day }
  type Query { books(title: String): [Book!]!, day(of: Day!): Day }
  type Mutation { add(title: String!): Book! }
`;
const Day = new GraphQLScalarType({
  name: 'Day',
  serialize: (value) => value.toISOString().slice(0, 10),
  parseValue: (value) => new Date(value),
  parseLiteral: (node) => (node.kind === Kind.STRING ? new Date(node.value) : null),
});
const books = [{ title: 'Emma', published: new Date('1815-12-23') }];
const resolvers = {
  Day,
  Query: { books: (_, { title }) => books.filter((b) => !title || b.title === title), day: (_, { of }) => of },
  Mutation: { add: (_, { title }) => ({ title, published: new Date(0) }) },
};

module.exports = (async () => {
  const server = new ApolloServer({ schema: makeExecutableSchema({ typeDefs, resolvers }), introspection: true, debug: false, stopOnTerminationSignals: false });
  await server.start();
  const app = express();
  server.applyMiddleware({ app });
  return app;
})();
if (require.main === module) module.exports.then((app) => app.listen(process.env.PORT, '127.0.0.1'));
