// Runs before the app is imported: Azure's library registers its functions with its host, which stands in here.
import Module from "node:module";

const azure = { functions: [], hooks: {}, model: undefined };

class Disposable {
  dispose() {}
}

const azureCore = {
  version: "3.9.1",
  hostVersion: "4.1036.0",
  Disposable,
  setProgrammingModel: (model) => (azure.model = model),
  getProgrammingModel: () => azure.model,
  registerFunction(metadata, callback) {
    azure.functions.push({ metadata, callback });
    return new Disposable();
  },
  registerHook(name, callback) {
    (azure.hooks[name] ??= []).push(callback);
    return new Disposable();
  },
  log: (level, category, message) => azureLog(level, message),
};

// azureLog writes what Azure would put into its log.
function azureLog(level, message) {
  if (level === "error" || level === "critical") console.error(message);
  else if (level === "warning") console.warn(message);
  else if (level === "information") console.log(message);
}

const { require: given } = Module.prototype;

Module.prototype.require = function (id) {
  return id === "@azure/functions-core" ? azureCore : given.call(this, id);
};
