/** The SDK's own client at a node's tools, over HTTP or over the command line's stdio. */
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';

export interface Told {
  readonly isError: boolean;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly structured: any;
}

export interface McpClient {
  readonly client: Client;
  call(name: string, args?: Readonly<Record<string, unknown>>): Promise<Told>;
}

export function overHttp(url: string, tenant?: string): Promise<McpClient> {
  const headers = tenant === undefined ? {} : { 'x-tenant-id': tenant };
  return connected(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }),
  );
}

export function overStdio(...args: readonly string[]): Promise<McpClient> {
  return connected(new StdioClientTransport(commandOf(args)));
}

/** The command line's `mcp`, as its user starts it. */
export function commandOf(args: readonly string[]) {
  const script = join(import.meta.dirname, '..', '..', 'infra', 'cli', 'cognisync.js');
  return { command: process.execPath, args: [script, 'mcp', ...args], stderr: 'ignore' as const };
}

async function connected(
  transport: StreamableHTTPClientTransport | StdioClientTransport,
): Promise<McpClient> {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport as Transport);
  return {
    client,
    call: async (name, args = {}) => {
      const {
        isError = false,
        content,
        structuredContent,
      } = await client.callTool({
        name,
        arguments: args,
      });
      const [{ text }] = content as [{ text: string }];
      return { isError: isError === true, text, structured: structuredContent };
    },
  };
}
