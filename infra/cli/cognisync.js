#!/usr/bin/env node
/*
 * The door of the command line, in plain JavaScript: whatever Node runs it, the rest runs on a Node that
 * reads TypeScript. `npm ci` has installed one beside us; it is used where this one is older than it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const nodeMajor = 24;

if (Number.parseInt(process.versions.node, 10) >= nodeMajor) {
  // Half of the time to the first answer is compiling; main.ts of the server says more.
  nodeModule.enableCompileCache(
    fileURLToPath(new URL('../../node_modules/.cache/cognisync', import.meta.url)),
  );
  await import('./main.ts');
} else {
  const node = ownNode();
  if (node === null) {
    process.stderr.write(
      `cognisync needs Node ${nodeMajor}; this is ${process.version}, and none is installed ` +
        'beside it. Run `npm ci` without --omit=dev, or use a newer Node.\n',
    );
    process.exit(1);
  }
  const script = fileURLToPath(import.meta.url);
  const child = spawn(node, [script, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal's Ctrl-C reaches the child by itself; what is sent to us alone must be passed on.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** The Node of the npm package `node`; null where it is not installed or not new enough. */
function ownNode() {
  try {
    const require = nodeModule.createRequire(import.meta.url);
    const manifest = require.resolve('node/package.json');
    const binary = join(dirname(manifest), 'bin', 'node');
    const isNewEnough = Number.parseInt(require(manifest).version, 10) >= nodeMajor;
    return isNewEnough && existsSync(binary) ? binary : null;
  } catch {
    return null;
  }
}
