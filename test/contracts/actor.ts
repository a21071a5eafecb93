/**
 * What holds for every actor: the order of arrival leaves no trace, a repeat changes nothing, a replay
 * is exact, and its chart and its fold agree.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActorDefinition, Envelope } from '#runtime';
import { live, replayed } from '#test/actor';

interface ActorUnderTest<Message extends Envelope> {
  readonly definition: ActorDefinition;
  /** Messages to one actor, few ids, names, values and instants, so that they meet. */
  readonly message: fc.Arbitrary<Message>;
  /** The phase that follows from a state. */
  readonly phase: (state: unknown) => string;
  /** The phase that the chart goes to. */
  readonly next: (phase: string, state: unknown, message: Message) => string;
}

export function describeActor<Message extends Envelope>(
  name: string,
  { definition, message, phase, next }: ActorUnderTest<Message>,
): void {
  const history = historyOf(message);
  const shuffled = shuffledOf(history);

  describe(`any ${name}`, () => {
    it('ends in the same state for every order of the same messages, with repeats', () => {
      fc.assert(
        fc.property(shuffled, ({ messages, other }) => {
          expect(live(definition, other).state).toEqual(live(definition, messages).state);
        }),
        { numRuns: 2_000 },
      );
    });

    it('is changed once by a message that comes any number of times', () => {
      fc.assert(
        fc.property(history, (messages) => {
          const once = live(definition, messages);
          expect(live(definition, messages, once).events).toEqual(once.events);
        }),
        { numRuns: 1_000 },
      );
    });

    it('is replayed from its events into the state that was live', () => {
      fc.assert(
        fc.property(shuffled, ({ other }) => {
          const lived = live(definition, other);
          expect(replayed(definition, lived)).toEqual(lived.state);
        }),
        { numRuns: 1_000 },
      );
    });

    it('is in the phase that its chart went to', () => {
      fc.assert(
        fc.property(shuffled, ({ other }) => {
          let lived = live(definition, []);
          for (const one of other) {
            const went = next(phase(lived.state), lived.state, one);
            lived = live(definition, [one], lived);
            expect(phase(lived.state)).toBe(went);
          }
        }),
        { numRuns: 1_000 },
      );
    });
  });
}

/** One to eight messages with ids of their own. */
export function historyOf<Message extends Envelope>(message: fc.Arbitrary<Message>) {
  return fc.uniqueArray(message, {
    minLength: 1,
    maxLength: 8,
    selector: ({ messageId }) => messageId,
  });
}

/** The same messages in another order, some of them again. */
export function shuffledOf<Message>(history: fc.Arbitrary<Message[]>) {
  return history.chain((messages) =>
    fc.record({
      messages: fc.constant(messages),
      other: fc
        .tuple(
          fc.shuffledSubarray(messages, { minLength: messages.length }),
          fc.array(fc.constantFrom(...messages), { maxLength: 6 }),
        )
        .chain(([all, again]) =>
          fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }),
        ),
    }),
  );
}
