# Runs before the handler is imported: puts its secrets into the environment.
import concurrent.futures
import json
import os
import re


def from_secrets_manager():
    import boto3  # of the managed runtime

    client = boto3.client("secretsmanager")

    def fetch(name, version):
        found = client.get_secret_value(SecretId=name, VersionId=version)
        return found["SecretString"] if "SecretString" in found else found["SecretBinary"].decode()

    return fetch


def from_parameter_store():
    import boto3

    client = boto3.client("ssm")

    def fetch(name, version):
        return client.get_parameter(Name=f"{name}:{version}", WithDecryption=True)["Parameter"]["Value"]

    return fetch


def resolve_secrets(references):
    """Sets all variables of FERRY_SECRETS, or fails with all that could not be had. It never says a value."""
    stores, opened, failed, jobs = {"secretsmanager": from_secrets_manager, "ssm": from_parameter_store}, {}, [], []
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=16)

    def problem(variable, err):
        said = "the value is no text" if isinstance(err, UnicodeError) else f"{type(err).__name__}: {err}"
        failed.append(f"secret {variable} ({references[variable]}): {said}")

    for variable, reference in references.items():
        match = re.fullmatch(r"([a-z]+):(.+)#([^#]+)", reference)
        try:
            if not match or match[1] not in stores:
                raise ValueError("the reference is not understood")
            if match[1] not in opened:  # one after the other: a session makes no two clients at once
                opened[match[1]] = stores[match[1]]()
        except Exception as err:
            problem(variable, err)
        else:
            jobs.append((variable, pool.submit(opened[match[1]], match[2], match[3])))
    for variable, job in jobs:
        try:
            value = job.result()
            if "\0" in value:
                raise ValueError("the value holds a NUL, which no variable can")
            os.environ[variable] = value
        except Exception as err:
            problem(variable, err)
    pool.shutdown()
    if failed:
        raise RuntimeError("\n".join(failed)) from None


if os.environ.get("FERRY_SECRETS"):
    resolve_secrets(json.loads(os.environ["FERRY_SECRETS"]))
