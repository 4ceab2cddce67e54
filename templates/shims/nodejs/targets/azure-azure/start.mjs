// The start of an app of Azure's on Azure Functions: it registers its functions by itself, and its host calls them.
await load();
