# The content of an object that an event tells of, which Azure's host would bring, read from where the function runs.
import functools
import urllib.request


def content_of(data, platform):
    try:
        return STORES[platform](data["bucket"], data["key"])
    except Exception as err:
        raise OSError(f"the content of {data['bucket']}/{data['key']} cannot be read: {type(err).__name__}: {err}") from err


def from_folder(bucket, key):
    with open(os.path.join(os.environ["FERRY_BUCKETS"], urllib.parse.quote(bucket, safe=""), key), "rb") as file:
        return file.read()


@functools.cache
def s3():
    import boto3  # of the managed runtime

    return boto3.client("s3")


def from_s3(bucket, key):
    return s3().get_object(Bucket=bucket, Key=key)["Body"].read()


def from_cloud_storage(bucket, key):
    """Reads in the name of the function's service account."""
    metadata = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    storage = os.environ.get("STORAGE_EMULATOR_HOST", "https://storage.googleapis.com")
    asked = urllib.request.Request(f"http://{metadata}/computeMetadata/v1/instance/service-accounts/default/token", headers={"Metadata-Flavor": "Google"})
    with urllib.request.urlopen(asked) as answer:
        token = json.load(answer)["access_token"]
    place = f"{storage}/storage/v1/b/{urllib.parse.quote(bucket, safe='')}/o/{urllib.parse.quote(key, safe='')}?alt=media"
    with urllib.request.urlopen(urllib.request.Request(place, headers={"Authorization": f"Bearer {token}"})) as answer:
        return answer.read()


STORES = {"local": from_folder, "aws": from_s3, "gcf": from_cloud_storage, "run": from_cloud_storage}
