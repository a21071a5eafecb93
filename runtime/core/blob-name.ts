/** What may name a blob: safe as a path on any file system and in any URL. */

const blobName = /^[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,63}\/[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,63}$/;

/** Whether a text, wherever it came from, is a `BlobName`. */
export function isBlobName(text: string): boolean {
  return blobName.test(text);
}
