/** Models and collectors that the environment names; a node serves without each of them. */
import { connect } from 'node:net';
import { errorCatalogue, toRuntimeError } from '#runtime';
import { exportOf } from '../export-variables.ts';
import { openEmbedder } from '../models.ts';
import { doubtful, ill, well } from './finding.ts';
import { around, type Look } from './look.ts';

export const embedder: Look = async ({ answerMs, config: { embeddings } }) => {
  if (embeddings.kind !== 'endpoint' && embeddings.kind !== 'folder') return [];
  const name = 'embedding model';
  try {
    const opened = await openEmbedder(embeddings, around, { embedTryMs: answerMs });
    try {
      await opened?.embed(['word'], new AbortController().signal);
    } finally {
      await opened?.close();
    }
    return [well(name, `gives vectors of ${opened?.model.dimensions} dimensions`)];
  } catch (thrown) {
    const { code, message } = toRuntimeError(thrown);
    // A folder without a model is one mistake more of the configuration: no node starts with it.
    const finding = code === 'CONFIG_INVALID' ? ill : doubtful;
    const advice =
      code === 'CONFIG_INVALID'
        ? 'Name a folder with a model in EMBEDDINGS_MODEL_FOLDER.'
        : errorCatalogue[code].hint;
    return [finding(name, `gives no vectors: ${message}`, advice)];
  }
};

/** A question costs money, so no more is asked than whether somebody is there. */
export const chat: Look = async ({ answerMs, config }) => {
  if (config.chat === undefined) return [];
  const name = 'language model';
  const fault = await connectionFault(new URL(config.chat.url), answerMs);
  if (fault === null) return [well(name, 'takes connections')];
  const advice = 'Check CHAT_URL; everything but answers in words goes on without it.';
  return [doubtful(name, `does not answer: ${fault}`, advice)];
};

/** Where metrics and traces go, but for a socket of this machine. */
export const collector: Look = async ({ answerMs, environment }) => {
  const places = (['METRICS', 'TRACES'] as const).flatMap((signal) => {
    const { endpoint, exporters } = exportOf(environment, signal);
    const isAsked = exporters.includes('otlp') && !endpoint.startsWith('unix:');
    return isAsked ? [endpoint] : [];
  });
  const looks = [...new Set(places)].map(async (place) => {
    const url = new URL(place);
    const name = `collector ${url.host}`;
    const fault = await connectionFault(url, answerMs);
    if (fault === null) return well(name, 'takes connections');
    const advice = 'Start it, or check OTEL_EXPORTER_OTLP_*; nodes serve without it.';
    return doubtful(name, `does not answer: ${fault}`, advice);
  });
  return Promise.all(looks);
};

/** Why nobody takes a connection there; null where somebody does. */
function connectionFault(
  { hostname, port, protocol }: URL,
  answerMs: number,
): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80) });
  // After the loop has looked at the socket once more: loading the clients of others may have held it up.
  socket.setTimeout(answerMs, () =>
    setImmediate(() => resolve(`nobody answers within ${answerMs} ms`)),
  );
  socket.once('connect', () => resolve(null));
  socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  return promise.finally(() => socket.destroy());
}
