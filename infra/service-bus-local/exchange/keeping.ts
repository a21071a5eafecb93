/** What clients change besides messages: the states of sessions, and the rules of subscriptions. */
import type { BrokerBounds } from '../bounds.ts';
import { asRefusal, conditions, Refusal } from '../core/refusal.ts';
import { type Rule, type RuleDefinition, ruleOf } from '../filter/rule.ts';
import { FilterMistake } from '../filter/subject.ts';
import type { QueueEntity, Subscription } from './entity.ts';
import type { Reply } from './receiver.ts';
import type { Turn } from './turn.ts';

export class Keeping {
  readonly #turn: Turn;
  readonly #bounds: BrokerBounds;

  constructor(turn: Turn, bounds: BrokerBounds) {
    this.#turn = turn;
    this.#bounds = bounds;
  }

  /** The caller has checked that the client holds the session. */
  keepState(entity: QueueEntity, session: string, state: Uint8Array | null, reply: Reply): void {
    const bytes = state?.length ?? 0;
    const { messageBytesMax, entityBytesMax } = this.#bounds;
    if (bytes > messageBytesMax) {
      reply(
        new Refusal(conditions.tooLarge, `A session's state is at most ${messageBytesMax} bytes.`),
      );
      return;
    }
    if (entity.bytes + bytes > entityBytesMax) {
      const text = `The maximum entity size has been reached or exceeded for '${entity.path}'.`;
      reply(new Refusal(conditions.full, text));
      return;
    }
    this.#turn.plan({
      changes: [{ kind: 'session', entity: entity.storeId, session, state }],
      done: () => {
        entity.queue.keepState(session, state);
        reply(null);
      },
      failed: reply,
    });
  }

  addRule({ entity, rules }: Subscription, definition: RuleDefinition, reply: Reply): void {
    const { name, filter } = definition;
    let rule: Rule;
    try {
      this.#checkRule(rules, name);
      rule = ruleOf(definition, this.#bounds.expressionCharsMax);
    } catch (thrown) {
      const isMistake = thrown instanceof FilterMistake;
      reply(isMistake ? new Refusal(conditions.argument, thrown.message) : asRefusal(thrown));
      return;
    }
    this.#turn.plan({
      changes: [{ kind: 'rule', entity: entity.storeId, name, filter }],
      done: () => {
        rules.set(name, rule);
        reply(null);
      },
      failed: reply,
    });
  }

  removeRule({ entity, rules }: Subscription, name: string, reply: Reply): void {
    if (!rules.has(name)) {
      const text = `The messaging entity '${entity.path}/Rules/${name}' could not be found.`;
      reply(new Refusal(conditions.notFound, text));
      return;
    }
    this.#turn.plan({
      changes: [{ kind: 'rule', entity: entity.storeId, name, filter: null }],
      done: () => {
        rules.delete(name);
        reply(null);
      },
      failed: reply,
    });
  }

  #checkRule(rules: ReadonlyMap<string, Rule>, name: string): void {
    const { ruleNameCharsMax, rulesMax } = this.#bounds;
    if (name.length === 0 || name.length > ruleNameCharsMax) {
      const text = `The name of a rule has 1 to ${ruleNameCharsMax} characters.`;
      throw new Refusal(conditions.argument, text);
    }
    if (rules.has(name)) {
      throw new Refusal(conditions.alreadyExists, `The rule '${name}' exists already.`);
    }
    if (rules.size >= rulesMax) {
      throw new Refusal(conditions.full, `A subscription has at most ${rulesMax} rules.`);
    }
  }
}
