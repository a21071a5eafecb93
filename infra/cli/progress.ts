/**
 * How far a long piece of work is, on stderr: a bar that redraws itself on a terminal, a line now and then
 * elsewhere, nothing for `--json`.
 */
import { countOf, durationOf } from './text.ts';

export interface Step {
  readonly done: number;
  readonly total: number;
  /** What is counted a second, and what it is; absent while nothing can be said. */
  readonly rate?: { readonly perSecond: number; readonly unit: string };
  readonly secondsLeft?: number | null;
  readonly note?: string;
}

const barChars = 28;
const redrawMs = 100;
const lineMs = 5_000;

export class Progress {
  readonly #label: string;
  readonly #isShown: boolean;
  readonly #isTerminal = process.stderr.isTTY === true;
  /** What is done before the first line is due needs none. */
  #drawnMs = performance.now();
  #isDrawn = false;

  constructor(label: string, { isShown }: { isShown: boolean }) {
    this.#label = label;
    this.#isShown = isShown;
  }

  show(step: Step): void {
    const nowMs = performance.now();
    const pauseMs = this.#isTerminal ? redrawMs : lineMs;
    if (!this.#isShown || nowMs - this.#drawnMs < pauseMs) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    const text = this.#textOf(step);
    if (!this.#isTerminal) process.stderr.write(`${text}\n`);
    else process.stderr.write(`\r\u001b[2K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }

  /** Takes the bar away, so that what is printed next begins on a clean line. */
  end(): void {
    if (this.#isDrawn && this.#isTerminal) process.stderr.write('\r\u001b[2K');
    this.#isDrawn = false;
  }

  #textOf({ done, total, rate, secondsLeft, note }: Step): string {
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const full = Math.round(share * barChars);
    const bar = this.#isTerminal ? ` ${'█'.repeat(full)}${'░'.repeat(barChars - full)}` : '';
    const facts = [
      `${Math.floor(share * 100)} %`,
      note,
      rate && `${countOf(rate.perSecond)} ${rate.unit}/s`,
      secondsLeft != null && `${durationOf(secondsLeft)} left`,
    ].filter(Boolean);
    return `${this.#label}${bar} ${facts.join(' · ')}`;
  }
}
