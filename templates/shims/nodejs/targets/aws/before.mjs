process.setSourceMapsEnabled(true); // before the handler is compiled, so that tracebacks name its sources
