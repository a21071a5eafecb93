/** Where replayed events go: text, another log, or the topic for other services. */
import { upcast } from '#actors';
import { systemClock, systemIds } from '#adapters/system';
import { outboundProjection } from '#projections';
import { categoryOf, eventText, type RecordedEvent, RuntimeError } from '#runtime';
import { accessIn, openBlobs } from '../bus.ts';
import { readConfig } from '../config.ts';
import { FreshFile } from './fresh-file.ts';
import { eventLine } from './history-file.ts';
import { openTarget } from './log-place.ts';
import { printLine } from './output.ts';

export interface Outlet {
  /** Resolves when all are taken, in order, with the number of those that were of use there. */
  take(events: readonly RecordedEvent[]): Promise<number>;
  /** Once, when all that was selected has been taken. */
  finish(): Promise<void>;
  /** Always, at the end of it all. */
  close(): Promise<void>;
  /** What to do to go on after position `position`, where it was ended early. */
  goOn(position: number): string;
}

const lineOf = (event: RecordedEvent) => eventLine(event, eventText(event));
const fromThere = (position: number) => `Go on with --from ${position + 1}.`;

/** A line of JSON an event, on stdout or in a file that appears when it is whole. */
export async function openLines(path: string | undefined): Promise<Outlet> {
  if (path === undefined) {
    return {
      take: async (events) => {
        await printLine(events.map(lineOf).join('\n'));
        return events.length;
      },
      finish: async () => undefined,
      close: async () => undefined,
      goOn: fromThere,
    };
  }
  const file = await FreshFile.begin(path);
  return {
    take: async (events) => {
      await file.write(events.map((event) => `${lineOf(event)}\n`).join(''));
      return events.length;
    },
    finish: () => file.publish(),
    close: () => file[Symbol.asyncDispose](),
    goOn: () => 'Nothing was kept; begin again.',
  };
}

/** Each event at its own revision, so what is there already stays once. */
export async function openLogOutlet(place: string): Promise<Outlet> {
  const { log, replica } = await openTarget(place);
  return {
    take: (events) => replica.extend(events),
    finish: async () => undefined,
    close: () => log.close(),
    goOn: fromThere,
  };
}

/** As the node told them, with the same ids. Throws CONFIG_INVALID where there is no topic for them. */
export async function openBusOutlet(): Promise<Outlet> {
  const config = readConfig();
  const access = accessIn(config);
  const topicName = config.serviceBus.outboundTopicName;
  if (access === null || topicName === undefined) {
    const names = 'SERVICE_BUS_OUTBOUND_TOPIC_NAME and a Service Bus';
    throw new RuntimeError('CONFIG_INVALID', `there is no topic to replay into: name ${names}`);
  }
  const surroundings = {
    clock: systemClock,
    ids: systemIds,
    telemetry: { record: () => undefined },
  };
  const { openOutboundTopic } = await import('#adapters/service-bus');
  const blobs = await openBlobs({ config, surroundings });
  const topic = await openOutboundTopic({ ...surroundings, access, topicName, blobs });
  const told = outboundProjection.filter?.categories ?? [];
  return {
    take: async (events) => {
      const messages = events
        .filter(({ stream }) => told.includes(categoryOf(stream)))
        .flatMap((event) => outboundProjection.project(upcast(event)));
      await topic.publish(messages);
      return messages.length;
    },
    finish: async () => undefined,
    close: () => topic.close(),
    goOn: fromThere,
  };
}
