import base64
import json

import functions_framework


@functions_framework.cloud_event
def work(event):
    message = event.data.get("message")
    text = base64.b64decode(message["data"]).decode() if message else json.dumps(event.data)
    print(f"GOT {event['type']} {event['source']} {text}\n", end="")
