import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
def nightly(timer: func.TimerRequest) -> None:
    print(f"GOT timer {timer.past_due}\n", end="")


@app.queue_trigger(arg_name="msg", queue_name="orders", connection="S")
def order(msg: func.QueueMessage) -> None:
    print(f"GOT queue {msg.id} {msg.get_body().decode()}\n", end="")


@app.service_bus_topic_trigger(arg_name="msg", topic_name="signups", subscription_name="s", connection="B")
def signup(msg: func.ServiceBusMessage) -> None:
    print(f"GOT topic {msg.get_body().decode()}\n", end="")


@app.blob_trigger(arg_name="blob", path="uploads/{name}", connection="S")
def upload(blob: func.InputStream) -> None:
    print(f"GOT blob {blob.name} {blob.read().decode()}\n", end="")


@app.event_grid_trigger(arg_name="event")
def grid(event: func.EventGridEvent) -> None:
    print(f"GOT grid {event.event_type} {event.subject}\n", end="")
