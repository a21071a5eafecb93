/** Against Azurite, Microsoft's own emulator of Blob Storage, in a process of its own. */
import { rm } from 'node:fs/promises';
import { inspect } from 'node:util';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAzureBlobs } from '#adapters/blobs-azure';
import { type Running, run } from '#test/process';
import { temporaryFolder } from '#test/served';
import { describeBlobs } from '../contracts/blobs.ts';

/** Azurite's published account; it opens nothing but an emulator. */
const account = 'devstoreaccount1';
const key =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

let azurite: Running;
let folder: string;
let connectionString: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  const args = [
    '--blobPort',
    '0',
    '--location',
    folder,
    '--silent',
    '--skipApiVersionCheck',
    '--disableTelemetry',
  ];
  azurite = run('node_modules/azurite/dist/src/blob/main.js', args);
  const [, url] = await azurite.says(/Blob service successfully listens on (\S+)/);
  connectionString = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};BlobEndpoint=${url}/${account};`;
});

afterAll(async () => {
  azurite.child.kill('SIGKILL');
  await azurite.ended;
  await rm(folder, { recursive: true, force: true });
});

let containers = 0;

describeBlobs('blobs in Azure Blob Storage', async () => {
  const container = `container-${containers++}`;
  const open = () => openAzureBlobs({ connectionString, container });
  return { blobs: await open(), reopen: open, dispose: async () => undefined };
});

describe('a container of blobs', () => {
  it('that is gone is a fault and no missing blob', async () => {
    const blobs = await openAzureBlobs({ connectionString, container: 'going' });
    await BlobServiceClient.fromConnectionString(connectionString).deleteContainer('going');
    await expect(blobs.get('acme/one')).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' });
  });

  it('whose account does not answer can not be opened', async () => {
    const dead = connectionString.replace(/BlobEndpoint=\S+/, 'BlobEndpoint=http://127.0.0.1:9/x;');
    await expect(
      openAzureBlobs({ connectionString: dead, container: 'blobs' }),
    ).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' });
  });

  it('is not opened with an access of the wrong form, and the access is shown nowhere', async () => {
    const opened = openAzureBlobs({ connectionString: 'AccountKey=secret', container: 'blobs' });
    const error = await opened.catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(inspect(error)).not.toContain('secret');
  });
});
