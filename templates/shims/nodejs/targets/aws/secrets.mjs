// Runs before the handler is imported: puts its secrets into the environment.

// The managed runtime keeps the SDK where require looks for it and import does not.
function fromSecretsManager() {
  const { SecretsManager } = required("@aws-sdk/client-secrets-manager");
  const client = new SecretsManager({});
  return async (SecretId, VersionId) => {
    const found = await client.getSecretValue({ SecretId, VersionId });
    return found.SecretString ?? new TextDecoder("utf-8", { fatal: true }).decode(found.SecretBinary);
  };
}

function fromParameterStore() {
  const { SSM } = required("@aws-sdk/client-ssm");
  const client = new SSM({});
  return async (name, version) => (await client.getParameter({ Name: `${name}:${version}`, WithDecryption: true })).Parameter.Value;
}

// resolveSecrets sets all variables of FERRY_SECRETS, or fails with all that could not be had. It never says a value.
async function resolveSecrets(references) {
  const stores = { secretsmanager: fromSecretsManager, ssm: fromParameterStore };
  const opened = {};
  const resolve = async ([variable, reference]) => {
    try {
      const [, scheme, name, version] = /^([a-z]+):(.+)#([^#]+)$/.exec(reference) ?? [];
      if (!Object.hasOwn(stores, scheme)) throw new Error("the reference is not understood");
      opened[scheme] ??= stores[scheme]();
      const value = await opened[scheme](name, version);
      if (value.includes("\0")) throw new Error("the value holds a NUL, which no variable can");
      process.env[variable] = value;
    } catch (err) {
      throw new Error(`secret ${variable} (${reference}): ${err.name}: ${err.message}`);
    }
  };
  const failed = (await Promise.allSettled(Object.entries(references).map(resolve))).filter((r) => r.status === "rejected");
  if (failed.length > 0) throw new Error(failed.map((r) => r.reason.message).join("\n"));
}

if (process.env.FERRY_SECRETS) await resolveSecrets(JSON.parse(process.env.FERRY_SECRETS));
