/**
 * mcp: a node's MCP server for programs that start their servers themselves and speak over stdio.
 *
 *     client ──stdin──▶ this process ──POST /mcp──▶ node
 *            ◀─stdout──              ◀────────────
 *
 * Messages pass as they are, both ways. Each request is answered once: by the node, or with what keeps it
 * from answering. The node holds no session, so one that restarts is no more than a few such answers. stdout
 * carries the protocol and nothing else. Ends when stdin does, after what is under way.
 */
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  ErrorCode,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCErrorResponse,
  type JSONRPCRequest,
} from '@modelcontextprotocol/sdk/types.js';
import type { Problem } from '#adapters/http';
import { type Client, complaintOf, strangerAt } from './client.ts';
import { Complaint, complain } from './complaint.ts';
import { lineOf } from './text.ts';

/** At it, no more is read from stdin until some are answered. */
const underWayMax = 64;

export async function serveMcp(client: Client): Promise<void> {
  const stdio = new StdioServerTransport();
  const node = new StreamableHTTPClientTransport(new URL(`${client.url}/mcp`), {
    fetch: (url, init) => asked(client, url, init),
  });
  const underWay = new Set<Promise<void>>();
  const track = (work: Promise<void>) => {
    underWay.add(work);
    if (underWay.size >= underWayMax) process.stdin.pause();
    const finish = () => {
      underWay.delete(work);
      if (underWay.size < underWayMax) process.stdin.resume();
    };
    work.then(finish, finish);
  };
  stdio.onmessage = (message) => {
    const sent = node.send(message).catch((thrown) => {
      const complaint = complaintIn(thrown, client);
      if (!isJSONRPCRequest(message)) return complain(complaint, false);
      return stdio.send(errorFor(message, complaint));
    });
    track(sent);
  };
  stdio.onerror = ({ message }) => {
    complain(new Complaint(`not understood: ${lineOf(message, 300)}`), false);
  };
  node.onmessage = (message) => {
    const version = isJSONRPCResultResponse(message) && message.result.protocolVersion;
    if (typeof version === 'string') node.setProtocolVersion(version);
    track(stdio.send(message));
  };
  await node.start();
  await stdio.start();
  await endOf(stdio);
  while (underWay.size > 0) await Promise.allSettled(underWay);
  await node.close();
}

/** The end of what the client says; it also ends with a message longer than the SDK takes (10 MB). */
function endOf(stdio: StdioServerTransport): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdin.once('end', resolve).once('error', reject);
    stdio.onclose = () => {
      process.exitCode = 1;
      process.stdin.destroy();
      resolve();
    };
  });
}

/** A refusal of the message becomes a complaint; that there is nothing to listen to (405) is expected. */
async function asked(client: Client, url: string | URL, init: RequestInit = {}): Promise<Response> {
  const response = await client.fetch(url, init);
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json');
  if (!isProblem || response.status === 405) return response;
  throw complaintOf((await response.json()) as Problem);
}

function complaintIn(thrown: unknown, { url }: Client): Complaint {
  return thrown instanceof Complaint ? thrown : strangerAt(url, (thrown as Error).message);
}

function errorFor(
  { id }: JSONRPCRequest,
  { message, code, hint }: Complaint,
): JSONRPCErrorResponse {
  const text = hint === null ? message : `${message}. ${hint}`;
  return {
    jsonrpc: '2.0',
    id,
    error: { code: ErrorCode.InternalError, message: text, data: { code, hint } },
  };
}
