/**
 * doctor: what is not well, and what to do about it. A node that answers is believed about itself; where
 * none does, what it would need on this machine is looked at instead.
 */
import type { HealthView } from '#adapters/http';
import { errorCatalogue, isErrorCode } from '#runtime';
import type { Client } from './client.ts';
import { Complaint } from './complaint.ts';
import { surroundingsOf } from './doctor-surroundings.ts';
import { diskWords, type Finding } from './finding.ts';
import { printJson, printLine } from './output.ts';
import { countOf, durationOf, lineOf } from './text.ts';

/** Answers whether everything is well. */
export async function doctor(
  client: Client,
  { isJson }: { readonly isJson: boolean },
): Promise<boolean> {
  const findings = await findingsOf(client);
  const isWell = findings.every(({ status }) => status === 'healthy');
  if (isJson) await printJson({ isWell, findings });
  else for (const finding of findings) await printLine(linesOf(finding));
  return isWell;
}

async function findingsOf(client: Client): Promise<readonly Finding[]> {
  try {
    const { body } = await client.send({ method: 'GET', path: '/health' });
    if (isReport(body)) return findingsIn(body);
    const words = `something answers at ${client.url}, but without the health of a node`;
    const advice =
      'Is another program on that port, or an older CogniSync? Name the node with --url.';
    return [{ name: 'node', status: 'unhealthy', words, advice }];
  } catch (thrown) {
    if (!(thrown instanceof Complaint)) throw thrown;
    const { hint, message } = thrown;
    const absent: Finding = { name: 'node', status: 'unhealthy', words: message, advice: hint };
    return [absent, ...(await surroundingsOf())];
  }
}

function isReport(body: unknown): body is HealthView {
  const { checks, phase } = (body ?? {}) as Partial<HealthView>;
  return Array.isArray(checks) && typeof phase === 'string';
}

function findingsIn({ checks, phase }: HealthView): readonly Finding[] {
  const node: Finding =
    phase === 'ready'
      ? { name: 'node', status: 'healthy', words: 'takes requests', advice: null }
      : {
          name: 'node',
          status: 'unhealthy',
          words: `is ${phase}`,
          advice:
            phase === 'starting'
              ? 'Ask again in a moment; if it stays so, its log (stderr) says what it waits for.'
              : 'It was told to stop. Another node, or a restart, takes what comes.',
        };
  return [node, ...checks.flatMap(findingsOfCheck)];
}

function findingsOfCheck(check: HealthView['checks'][number]): readonly Finding[] {
  const standings = Object.entries(check.details).filter(isStanding);
  return standings.length > 0 ? standings.map(findingOfProjection) : [findingOfCheck(check)];
}

interface Standing {
  readonly isWell: boolean;
  readonly status: string;
  readonly lagEvents: number;
  readonly lagMs: number;
  readonly error?: string;
}

function isStanding(entry: [string, unknown]): entry is [string, Standing] {
  return typeof (entry[1] as Partial<Standing> | null)?.isWell === 'boolean';
}

function findingOfProjection([projection, standing]: [string, Standing]): Finding {
  const { error, isWell, lagEvents, lagMs, status } = standing;
  const name = `projection ${projection}`;
  if (isWell) return { name, status: 'healthy', words: `is ${status}`, advice: null };
  if (status === 'stopped') {
    const words = `has stopped: ${error ?? 'for no known reason'}`;
    return { name, status: 'degraded', words, advice: hintOf(error) };
  }
  const words = `is ${countOf(lagEvents)} events behind, ${durationOf(lagMs / 1_000)} (${status})`;
  const advice =
    error === undefined
      ? 'It goes on by itself. If the lag grows, the read store is too slow for what comes in.'
      : hintOf(error);
  return { name, status: 'degraded', words, advice };
}

function hintOf(code = 'INTERNAL'): string {
  return errorCatalogue[isErrorCode(code) ? code : 'INTERNAL'].hint;
}

function findingOfCheck({ details, name, status }: HealthView['checks'][number]): Finding {
  if (status === 'healthy') return { name, status, words: 'is well', advice: null };
  const advice = String(details.hint ?? errorCatalogue.INTERNAL.hint);
  return { name, status, words: wordsOf(details), advice };
}

function wordsOf({
  aheadMs,
  error,
  failed,
  freeBytes,
}: HealthView['checks'][number]['details']): string {
  if (typeof freeBytes === 'number') return diskWords(freeBytes);
  if (typeof aheadMs === 'number') {
    const seconds = durationOf(Math.abs(aheadMs) / 1_000);
    return `is ${seconds} ${aheadMs < 0 ? 'behind' : 'ahead of'} that of PostgreSQL`;
  }
  if (error !== undefined) return `does not answer as it should: ${error}`;
  if (typeof failed === 'number') return `has ${countOf(failed)} documents that the model refuses`;
  return 'is not well';
}

/** What a node says is shown as text only: it may be any program that answers. */
function linesOf({ advice, name, status, words }: Finding): string {
  const mark = { healthy: 'ok', degraded: 'LOOK', unhealthy: 'ILL' }[status];
  const line = `${mark.padEnd(5)} ${lineOf(`${name}: ${words}`, 200)}`;
  return advice === null ? line : `${line}\n      ${lineOf(advice, 300)}`;
}
