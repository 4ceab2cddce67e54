"""Holds files of Terraform against the schema of HashiCorp's provider for Google, as the bindings for Python have it.

It prints what is unknown or missing, a line each.
"""
import ast
import functools
import importlib.util
import pathlib
import re
import sys

import hcl2

META = {"count", "depends_on", "for_each", "lifecycle", "provider", "provisioner", "__is_block__", "__start_line__", "__end_line__"}
HOME = pathlib.Path(importlib.util.find_spec("cdktf_cdktf_provider_google").submodule_search_locations[0])


@functools.cache
def classes(module):
    """The arguments of all classes of a module: name to whether it is required, and the class of its value."""
    found = {}
    for c in ast.parse((HOME / module / "__init__.py").read_text()).body:
        if not isinstance(c, ast.ClassDef):
            continue
        init = next((f for f in c.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)
        if init is None:
            continue
        names = {}
        for arg, default in zip(init.args.kwonlyargs, init.args.kw_defaults):
            said = ast.unparse(arg.annotation) if arg.annotation else ""
            own = [w for w in re.findall(r"\b[A-Z]\w+", said) if w not in ("Dict", "Any", "Optional", "Union", "Sequence", "Mapping", "Number", "IResolvable", "TerraformCount")]
            names[arg.arg.rstrip("_")] = (default is None, own[0] if own and own[0].startswith(c.name.removesuffix("Config")) else None)
        found[c.name] = names
    return found


def plain(name):
    return name.strip('"')


def check(where, value, known, name, wrong):
    schema = known[name]
    for key in value:
        if plain(key) in META:
            continue
        if plain(key) not in schema:
            wrong.append(f"{where}: {plain(key)} is unknown")
            continue
        inner = schema[plain(key)][1]
        blocks = value[key] if isinstance(value[key], list) else [value[key]]
        if inner:
            for block in blocks:
                if not isinstance(block, dict):
                    wrong.append(f"{where}.{plain(key)} is no block")
                    continue
                check(f"{where}.{plain(key)}", block, known, inner, wrong)
        elif any(isinstance(b, dict) and "__is_block__" in b for b in blocks):
            wrong.append(f"{where}.{plain(key)} is a block")
    given = {plain(k) for k in value}
    wrong.extend(f"{where}: {k} is missing" for k, (required, _) in schema.items() if required and k not in given)


def main(file):
    wrong, counted = [], 0
    with open(file) as f:
        tree = hcl2.load(f)
    for kind in ("resource", "data"):
        for one in tree.get(kind, []):
            for typed, named in one.items():
                typed = plain(typed)
                if typed in META or not typed.startswith("google_"):
                    continue
                module = typed.removeprefix("google_") if kind == "resource" else "data_" + typed
                known = classes(module)
                config = next(c for c in known if c.endswith("Config") and c.lower() == (module.replace("_", "") + "config"))
                for label, value in named.items():
                    if plain(label) not in META:
                        counted += 1
                        check(f"{typed}.{plain(label)}", value, known, config, wrong)
    print(*wrong, sep="\n")
    print(f"{counted} blocks")


main(sys.argv[1])
