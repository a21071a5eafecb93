/**
 * Answers to what is no request: bytes that are not HTTP, headers beyond the limit, a request that does
 * not arrive in time. There is no request to reply to, only its socket.
 */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type Limits, RuntimeError } from '#runtime';
import { problemMediaType, problemOf } from './problem.ts';

export function refuseConnection(
  error: Error & { readonly code?: string },
  socket: Socket,
  limits: Limits,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(errorOf(error.code, limits));
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
      `Content-Type: ${problemMediaType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}

function errorOf(code: string | undefined, limits: Limits): RuntimeError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const message = `URL and headers have more than ${limits.httpHeaderBytesMax} bytes`;
    return new RuntimeError('HEADERS_TOO_LARGE', message);
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const message = `the request did not arrive within ${limits.httpRequestMs} ms`;
    return new RuntimeError('REQUEST_TIMEOUT', message);
  }
  return new RuntimeError('REQUEST_INVALID', 'this is no HTTP request');
}
