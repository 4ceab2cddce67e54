# The style azure: the v2 programming model.


class App(Source):
    """A FunctionApp. Azure's library registers the functions and converts what they get; their host is here."""

    def __init__(self, module):
        app = wanted(module, "azure", "app")
        self.functions = [Registered(function) for function in app.get_functions()]
        for function in self.functions:
            function.refuse_bindings()
        self.routes = sorted((f for f in self.functions if f.kind == "httpTrigger"), key=lambda f: f.precedence)
        if CONFIG["events"] and not any(f.kind in TRIGGERED for f in self.functions):
            fault("the manifest binds events, but no function of the app has a trigger for them", f"register one of {', '.join(sorted(TRIGGERED))}")
        if CONFIG["http"] and not self.routes:
            fault("the manifest binds http, but no function of the app has a route", "register one with @app.route")

    async def serve(self, exchange):
        body = await exchange.read_everything()
        path = exchange.request.path.decode()
        for function in self.routes:
            match = function.pattern.fullmatch(path)
            if match and function.answers(exchange.request.method):
                break
        else:
            return exchange.answer(404)
        answer_of_azure(exchange, await function.call(request_of_azure(exchange, body, match), exchange.ctx))

    async def event(self, event, ctx):
        function = chosen(self.functions, event)
        await function.call(await asyncio.to_thread(given, function, event, ctx), ctx)


class Registered:
    """A function of the app with its trigger."""

    def __init__(self, function):
        self.name, self.function, self.bindings = function.get_function_name(), function.get_user_function(), function.get_bindings()
        trigger = function.get_trigger()
        if trigger is None:
            fault(f"the function {self.name} has no trigger", "decorate it with one, as @app.route")
        self.argument, self.kind, self.settings = trigger.name, trigger.type, trigger.get_dict_repr()
        self.wants_context = "context" in inspect.signature(self.function).parameters
        if self.kind == "httpTrigger":
            route = self.settings.get("route")
            self.pattern, self.precedence = compiled(route if route is not None else self.name)
            self.methods = {str(getattr(m, "value", m)).upper() for m in self.settings.get("methods") or ()}

    def refuse_bindings(self):
        if self.kind != "httpTrigger" and self.kind not in TRIGGERED:
            fault(f"the function {self.name} has a {self.kind}, which only Azure's own host serves", "leave it on Azure, or call what it needs from the code")
        if str(self.settings.get("cardinality", "")).rpartition(".")[2].lower() == "many":
            fault(f"the function {self.name} takes many messages at once, and here each comes alone", 'write cardinality="one"')
        for binding in self.bindings:
            if binding.name != self.argument and binding.type != "http":
                fault(f"the function {self.name} has a binding of type {binding.type}, which only Azure's own host fulfils", "use a client library in the function")

    def answers(self, method):
        return not self.methods or method in self.methods

    async def call(self, value, ctx):
        arguments = {self.argument: value}
        if self.wants_context:
            arguments["context"] = AzureContext(self.name, ctx.request_id)
        return await called(functools.partial(self.function, **arguments))


def azure_app():
    return wanted(user_module(), "azure", "app")


def opened():
    return checked(App(user_module()))
