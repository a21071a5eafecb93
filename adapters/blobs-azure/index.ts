/** The door of the blobs in Azure Blob Storage. */
export { type AzureBlobsOptions, openAzureBlobs } from './container.ts';
