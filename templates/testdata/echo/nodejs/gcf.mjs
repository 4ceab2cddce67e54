// The echo handler as a function of Google's functions-framework.
export { default as echo } from "./listener.mjs";
