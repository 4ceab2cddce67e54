# Events as on_event gets them.


class CloudEvent(dict):
    """The event's attributes and data by name; data is an attribute too."""

    @property
    def data(self):
        return self.get("data")


def structured(fields):
    event = CloudEvent(fields)
    if "data_base64" in event:
        event["data"] = base64.b64decode(event.pop("data_base64"))
    return event


def data_of(kind, body):
    media = kind.split(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        return json.loads(body)
    return body.decode() if media.startswith("text/") else body
