/** The stand-in for KurrentDB as a process of its own; says where it listens. Its argument is a port. */
import { KurrentStandIn } from './kurrentdb.ts';

const { url } = await KurrentStandIn.start({ port: Number(process.argv[2] ?? 0) });
process.stdout.write(`KurrentDB stands in at ${url}\n`);
