// The start of an app of Azure's on Azure Functions: it registers its functions by itself, and its host calls them.
import { load } from "./ferry-config.mjs";

await load();
