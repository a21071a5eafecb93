/**
 * `npm start`: serves until a signal ends it.
 *
 * Compiled code is kept beside the packages, so that the next start takes half as long; where that
 * can't be written, it is compiled again.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/cognisync', import.meta.url)));
// Before the libraries that it looks into.
await import('./otel.ts');
const { serve } = await import('./serve.ts');
await serve();
