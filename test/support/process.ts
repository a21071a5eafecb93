/** A node as a process of its own, and the command line as another: what a user starts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { putDatabase } from './database-template.ts';

const root = join(import.meta.dirname, '..', '..');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it said on stderr so far. */
  said(): string;
  /** The first match on stdout, past or to come. Rejects when the process ends without it. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Runs a script of this project with an environment of its own. `flags`: of Node. */
export function run(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
): Running {
  const child = spawn(process.execPath, [...flags, join(root, script), ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...output }));
  return {
    child,
    ended,
    said: () => output.stderr,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output.stdout);
          if (match !== null) resolve(match);
        };
        child.stdout.on('data', look);
        look();
        ended.then(({ code, stderr }) =>
          reject(new Error(`ended with ${code} before it said ${pattern}:\n${stderr}`)),
        );
      }),
  };
}

export interface RunningNode extends Running {
  readonly url: string;
}

/** Starts a node on a free port and waits until it is ready. */
export async function startNode(
  env: Readonly<Record<string, string>> & { readonly DATA_DIR: string },
  flags: readonly string[] = [],
): Promise<RunningNode> {
  if (env.DATABASE_URL === undefined) putDatabase(join(env.DATA_DIR, 'read-models'));
  const running = run('infra/main.ts', [], { PORT: '0', LOG_LEVEL: 'warn', ...env }, flags);
  const [, url = ''] = await running.says(/is ready at (\S+)/);
  return { ...running, url };
}

/** Runs the command line to its end. */
export function cli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return run('infra/cli/cognisync.js', args, env).ended;
}
