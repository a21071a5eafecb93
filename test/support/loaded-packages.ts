/** `node --import` of this: says on stderr which packages are loaded, and in which thread. */
import { registerHooks } from 'node:module';
import { threadId } from 'node:worker_threads';

const seen = new Set<string>();

registerHooks({
  load: (url, context, next) => {
    const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
    if (name !== undefined && !seen.has(name)) {
      seen.add(name);
      process.stderr.write(`loaded ${name} in thread ${threadId}\n`);
    }
    return next(url, context);
  },
});
