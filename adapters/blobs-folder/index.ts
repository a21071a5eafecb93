/** The door of the blobs in a folder; the embedded default. */
export { type BlobFolderOptions, openBlobFolder } from './folder.ts';
