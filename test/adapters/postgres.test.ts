/** PGlite and PostgreSQL keep what every read store promises. */

import { storeKinds } from '#test/read-stores';
import { describeReadStore } from '../contracts/read-store.ts';

for (const kind of storeKinds) describeReadStore(kind);
