const functions = require("@google-cloud/functions-framework");

functions.typed("greet", (asked) => ({ hello: asked.name }));
