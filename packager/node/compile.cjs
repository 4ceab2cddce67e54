// Compiles files with the TypeScript that is installed beside them. The argument names a file with a list of paths, and
// what is printed is a list of {file, code, typescript}, with the path and the version of TypeScript; or of {file,
// missing: true} where none is installed, and {file} where the options want nothing that TypeScript alone can do.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname } = require("node:path");

const options = new Map(); // by tsconfig.json

function optionsOf(ts, config) {
  if (!options.has(config)) {
    const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} };
    options.set(config, ts.getParsedCommandLineOfConfigFile(config, {}, host)?.options ?? {});
  }
  return options.get(config);
}

// The bundler does all else, by the same tsconfig.json: module syntax and JSX stay as they are.
function compile(file) {
  let ts;
  try {
    ts = createRequire(file)("typescript");
  } catch {
    return { file, missing: true };
  }
  const config = ts.findConfigFile(dirname(file), ts.sys.fileExists);
  const wanted = config ? optionsOf(ts, config) : {};
  if (!wanted.emitDecoratorMetadata || !wanted.experimentalDecorators) return { file };
  const target = ts.ScriptTarget.ES2022;
  const { outputText } = ts.transpileModule(readFileSync(file, "utf8"), {
    fileName: file,
    compilerOptions: {
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      useDefineForClassFields: wanted.useDefineForClassFields ?? (wanted.target ?? 0) >= target,
      verbatimModuleSyntax: wanted.verbatimModuleSyntax,
      jsx: ts.JsxEmit.Preserve,
      module: ts.ModuleKind.ESNext,
      target,
      inlineSourceMap: true,
      removeComments: false,
    },
  });
  return { file, code: outputText, typescript: ts.version, manifest: createRequire(file).resolve("typescript/package.json") };
}

console.log(JSON.stringify(JSON.parse(readFileSync(process.argv[2], "utf8")).map(compile)));
