// The content of an object that an event tells of, which Azure's host would bring, read from where the function runs.
import { readFile } from "node:fs/promises";
import path from "node:path";

const stores = { local: fromFolder, aws: fromS3, gcf: fromCloudStorage, run: fromCloudStorage };

async function contentOf(object, platform) {
  try {
    return await stores[platform](object);
  } catch (err) {
    throw new Error(`the content of ${object.bucket}/${object.key} cannot be read: ${err.name}: ${err.message}`, { cause: err });
  }
}

function fromFolder({ bucket, key }) {
  return readFile(path.join(process.env.FERRY_BUCKETS, encodeURIComponent(bucket), key));
}

let s3;

// fromS3 reads by the SDK of the managed runtime.
async function fromS3({ bucket: Bucket, key: Key }) {
  s3 ??= new (required("@aws-sdk/client-s3").S3)({});
  const { Body } = await s3.getObject({ Bucket, Key });
  return Buffer.from(await Body.transformToByteArray());
}

// fromCloudStorage reads in the name of the function's service account.
async function fromCloudStorage({ bucket, key }) {
  const { GCE_METADATA_HOST: metadata = "metadata.google.internal", STORAGE_EMULATOR_HOST: storage = "https://storage.googleapis.com" } = process.env;
  const asked = (url, headers) => fetch(url, { headers }).then(async (answer) => {
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return answer;
  });
  const { access_token: token } = await (await asked(`http://${metadata}/computeMetadata/v1/instance/service-accounts/default/token`, { "metadata-flavor": "Google" })).json();
  const place = `${storage}/storage/v1/b/${encodeURIComponent(bucket)}/o/${encodeURIComponent(key)}?alt=media`;
  return Buffer.from(await (await asked(place, { authorization: `Bearer ${token}` })).arrayBuffer());
}
