import json
import pkgutil
from importlib.metadata import distribution, version

import google.api_core
import google.cloud
import plugins
import zope.event
import zope.interface
from google.rpc import code_pb2


class ISpeaker(zope.interface.Interface):
    pass


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [
        json.dumps(
            {
                "plugins": [m.name for m in pkgutil.iter_modules(plugins.__path__)],
                "cloud": sorted(m.name for m in pkgutil.iter_modules(google.cloud.__path__)),
                "code": code_pb2.NOT_FOUND,
                "version": version("google-cloud-core"),
                "requires": distribution("zope.event").metadata["Name"],
                "zope": [zope.event.__name__, ISpeaker.__name__, google.api_core.__name__],
            }
        ).encode()
    ]
