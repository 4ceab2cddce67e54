"""Holds templates of Resource Manager against the definitions in Microsoft's own clients of its services.

It prints what is unknown, a line each, and how many resources it looked at.
"""
import json
import sys
import typing

import azure.mgmt.storage.models as storage
import azure.mgmt.web.models as web

KINDS = {
    "Microsoft.Web/sites": web.Site,
    "Microsoft.Web/serverfarms": web.AppServicePlan,
    "Microsoft.Storage/storageAccounts": storage.StorageAccountCreateParameters,
}
OUTSIDE = {"type", "apiVersion", "name", "dependsOn", "scope", "location", "tags", "kind"}


def fields(model):
    """What a model has, by its names on the wire, with the types."""
    module = sys.modules[model.__module__]
    found = {}
    for base in reversed(model.__mro__):
        own = getattr(base, "__annotations__", {})
        for attribute in own:
            field = base.__dict__.get(attribute)
            if type(field).__name__ != "_RestField":
                continue
            names = {**vars(typing), **vars(module), "_models": module, "typing": typing}
            found[field._rest_name_input or attribute] = eval(own[attribute], names) if isinstance(own[attribute], str) else own[attribute]
    return found


def models(said, module):
    """The models in a type."""
    if isinstance(said, typing.ForwardRef):
        named = getattr(module, said.__forward_arg__.removeprefix("_models."), None)  # else it is an enumeration
        return [named] if isinstance(named, type) else []
    if typing.get_args(said):
        return [m for a in typing.get_args(said) for m in models(a, module)]
    return [said] if isinstance(said, type) and hasattr(said, "__mro__") else []


def check(where, value, model, wrong):
    module = sys.modules[model.__module__]
    known = fields(model)
    if not known:
        return
    for key, inner in value.items():
        if key not in known:
            if not (where.count(".") == 1 and key in OUTSIDE):
                wrong.append(f"{where}: {key} is unknown")
            continue
        nested = [m for m in models(known[key], module) if any(type(f).__name__ == "_RestField" for b in m.__mro__ for f in vars(b).values())]
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict) and nested and "Dict" not in str(known[key]) and "dict" not in str(known[key]):
                check(f"{where}/{key}", one, nested[0], wrong)


def main(file):
    wrong, counted = [], 0
    for r in json.load(open(file))["resources"]:
        if r["type"] in KINDS:
            counted += 1
            check(r["type"], r, KINDS[r["type"]], wrong)
    print(*wrong, sep="\n")
    print(f"{counted} resources")


main(sys.argv[1])
