/**
 * Blobs in a container of Azure Blob Storage. An upload is there whole or not at all, which is what
 * the port asks; transient faults are repeated by the client, and what remains is BLOBS_UNAVAILABLE.
 *
 * A blob whose message could not be sent after all stays: give the container a lifecycle rule that
 * deletes what is older than the longest a message or a dead letter may wait.
 */
import { DefaultAzureCredential } from '@azure/identity';
import {
  BlobServiceClient,
  type ContainerClient,
  RestError,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import { type BlobName, type Blobs, isBlobName, RuntimeError } from '#runtime';

export type AzureBlobsOptions = {
  /** Made where there is none. */
  readonly container: string;
} & (
  | { readonly connectionString: string }
  /** `https://<account>.blob.core.windows.net`, entered with the identity that the process has. */
  | { readonly accountUrl: string }
);

const pipeline: StoragePipelineOptions = {
  retryOptions: {
    maxTries: 4,
    retryDelayInMs: 200,
    maxRetryDelayInMs: 2_000,
    tryTimeoutInMs: 8_000,
  },
};

/** Opens a container. Throws BLOBS_UNAVAILABLE where it can't be reached or may not be entered. */
export async function openAzureBlobs(options: AzureBlobsOptions): Promise<Blobs> {
  const container = containerOf(options);
  await inAzure(container.containerName, () => container.createIfNotExists());
  return new AzureBlobs(container);
}

function containerOf(options: AzureBlobsOptions): ContainerClient {
  try {
    const service =
      'connectionString' in options
        ? BlobServiceClient.fromConnectionString(options.connectionString, pipeline)
        : new BlobServiceClient(options.accountUrl, new DefaultAzureCredential(), pipeline);
    return service.getContainerClient(options.container);
  } catch {
    // Without its cause: the client quotes what it can't read, which may be a key.
    throw new RuntimeError('CONFIG_INVALID', 'the access to Blob Storage has the wrong form');
  }
}

class AzureBlobs implements Blobs {
  readonly #container: ContainerClient;

  constructor(container: ContainerClient) {
    this.#container = container;
  }

  async put(name: BlobName, bytes: Uint8Array): Promise<void> {
    if (!isBlobName(name)) throw new RuntimeError('INVARIANT_BROKEN', `no blob's name: ${name}`);
    await inAzure(name, () => this.#container.getBlockBlobClient(name).uploadData(bytes));
  }

  async get(name: BlobName): Promise<Uint8Array | null> {
    if (!isBlobName(name)) return null;
    return inAzure(name, async () => {
      try {
        return await this.#container.getBlobClient(name).downloadToBuffer();
      } catch (thrown) {
        if (isMissing(thrown)) return null;
        throw thrown;
      }
    });
  }

  async remove(name: BlobName): Promise<void> {
    if (!isBlobName(name)) return;
    await inAzure(name, () => this.#container.getBlobClient(name).deleteIfExists());
  }
}

/** A blob that is not there; a container that is not there is a fault. */
function isMissing(thrown: unknown): boolean {
  if (!(thrown instanceof RestError) || thrown.statusCode !== 404) return false;
  const { errorCode } = (thrown.details ?? {}) as { errorCode?: string };
  return (errorCode ?? thrown.code) === 'BlobNotFound';
}

async function inAzure<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { message } = cause as Error;
    throw new RuntimeError('BLOBS_UNAVAILABLE', `Blob Storage, ${what}: ${message}`, { cause });
  }
}
