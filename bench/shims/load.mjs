// Loads a module and ends: node load.mjs FILE.
import { pathToFileURL } from "node:url";

await import(pathToFileURL(process.argv[2]).href);
process.exit(0);
