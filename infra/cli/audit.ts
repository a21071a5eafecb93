/** audit: who did what, from the file of the record, beside its node or without one. */
import { type AuditLine, type AuditPlace, auditLines, verifyAudit } from '#adapters/sqlite';
import type { AuditRecord } from '#runtime';
import { readDataDir } from '../config.ts';
import { auditFileIn } from '../data-folder.ts';
import { printJson, printLine } from './output.ts';
import { countOf, lineOf } from './text.ts';

interface Options {
  readonly isJson: boolean;
  readonly dataDir?: string | undefined;
}

interface Wanted {
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly who?: string | undefined;
  readonly kind?: string | undefined;
}

export async function showAudit({ isJson, dataDir, ...wanted }: Options & Wanted): Promise<void> {
  for (const line of auditLines(auditFileIn(dataDir ?? readDataDir()))) {
    if (!isWanted(line.record, wanted)) continue;
    await (isJson ? printJson(flat(line)) : printLine(lineFor(line)));
  }
}

/** Whether every line is as it was written, and everything is there up to the place that was kept. */
export async function checkAudit(
  { isJson, dataDir }: Options,
  kept: AuditPlace | undefined,
): Promise<boolean> {
  const file = auditFileIn(dataDir ?? readDataDir());
  const { lines, end, fault } = verifyAudit(file, kept);
  if (isJson) await printJson({ file, lines, fault, end });
  else if (fault !== null) await printLine(`DAMAGED: ${fault}`);
  else await printLine(`${file}: ${countOf(lines)} lines, whole up to ${placeText(end)}`);
  return fault === null;
}

/** `12:3fa4…`, which `--kept` takes. */
export function placeText({ sequence, hash }: AuditPlace): string {
  return `${sequence}:${hash}`;
}

function isWanted({ at, kind, who }: AuditRecord, wanted: Wanted): boolean {
  if (wanted.since !== undefined && Date.parse(at) < Date.parse(wanted.since)) return false;
  if (wanted.kind !== undefined && wanted.kind !== kind) return false;
  return wanted.who === undefined || wanted.who === who;
}

function flat({ sequence, record, hash }: AuditLine) {
  return { sequence, ...record, hash };
}

function lineFor({ sequence, record }: AuditLine): string {
  const { action, at, code, count, from, kind, outcome, target, who } = record;
  const times = count === undefined || count === 1 ? '' : ` ×${countOf(count)}`;
  const words = [`${outcome}${times}`, code, who, action, target, from && `from ${from}`];
  const head = `${String(sequence).padStart(6)}  ${at.slice(0, 19)}Z  ${kind.padEnd(14)}  `;
  const width = Math.max(40, (process.stdout.columns ?? 240) - head.length);
  return head + lineOf(words.filter((word) => word !== undefined).join('  '), width);
}
