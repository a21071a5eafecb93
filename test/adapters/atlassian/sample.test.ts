/** The sample company, delivery by delivery, into the true actors. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ActorMessage } from '#actors';
import { confluence, jira, read, type Sample, samples } from './delivered.ts';
import { play } from './played.ts';

const company = 'fjordlight.atlassian.net';
const connections = {
  jira: { ...jira, site: company },
  confluence: { ...confluence, site: company },
};
const all = samples();

function messagesOf(sample: Sample): readonly ActorMessage[] {
  const { connection, event, headers, body } = sample;
  const lower = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const sent = event === undefined ? {} : { eventFromPath: event };
  return read(connections[connection], body, { headers: lower, ...sent }).messages;
}

const issue = (id: number) => `jira:${company}:issue:${id}`;
const page = (id: number) => `confluence:${company}:page:${id}`;
const tomasz = 'atlassian:account:5f8a1c4417c2de0068d0a4f3';

describe('the sample company', () => {
  const { nodes, edges } = play(all.flatMap(messagesOf));
  const edgesOf = (id: string, type: string) =>
    edges.filter((edge) => edge.startsWith(`${id} ${type} `));

  test('has at least forty deliveries, and all but the sprint say something', () => {
    expect(all.length).toBeGreaterThanOrEqual(40);
    const silent = all.filter((sample) => messagesOf(sample).length === 0);
    expect(silent.map(({ name }) => name)).toEqual(['038-jira-sprint-started.json']);
  });

  test('a link told by both its issues and itself is one edge, from the blocked to the blocking', () => {
    expect(edges.filter((edge) => edge.includes(' DEPENDS_ON '))).toEqual([
      `${issue(10101)} DEPENDS_ON ${issue(10110)} (link Blocks)`,
    ]);
  });

  test('a reassignment leaves the last assignee, though the first is delivered again later', () => {
    expect(edgesOf(issue(10103), 'ASSIGNED_TO')).toEqual([
      `${issue(10103)} ASSIGNED_TO ${tomasz} (assignee)`,
    ]);
  });

  test('an issue that nobody has is assigned to nobody', () => {
    expect(edgesOf(issue(10102), 'ASSIGNED_TO')).toEqual([]);
  });

  test('a moved issue keeps its id and has its new key and project', () => {
    expect(nodes.get(issue(10112))).toMatchObject({ key: 'TIX-5' });
    expect(edges).toContain(`${issue(10112)} RELATED_TO jira:${company}:project:10000 (container)`);
    expect(edgesOf(issue(10112), 'RELATED_TO')).toHaveLength(1);
  });

  test('an older version of a page that comes later changes nothing', () => {
    expect(nodes.get(page(131100))).toMatchObject({ title: 'Refund architecture', version: 3 });
  });

  test('a moved page is in one space', () => {
    expect(edgesOf(page(131101), 'RELATED_TO')).toEqual([
      `${page(131101)} RELATED_TO confluence:${company}:space:RUN (container)`,
    ]);
  });

  test('what was restored is there, what was purged or deleted is not', () => {
    expect(nodes.has(page(131150))).toBe(true);
    expect(nodes.has(page(131151))).toBe(false);
    expect(nodes.has(issue(10105))).toBe(false);
    expect(nodes.has('atlassian:account:5fb3c90ad8e77a006f2b4c61')).toBe(false);
  });

  test('epics, sub-tasks, comments, answers and mentions are related', () => {
    const comment = (id: number) => `confluence:${company}:comment:${id}`;
    for (const edge of [
      `${issue(10101)} RELATED_TO ${issue(10100)} (parent epic)`,
      `${issue(10111)} RELATED_TO ${issue(10110)} (parent subtask)`,
      `jira:${company}:comment:10500 RELATED_TO ${issue(10110)} (container)`,
      `jira:${company}:comment:10500 RELATED_TO ${page(131101)} (mentions)`,
      `${comment(131121)} RELATED_TO ${page(131100)} (container)`,
      `${comment(131121)} RELATED_TO ${comment(131120)} (in-reply-to)`,
      `${issue(10104)} RELATED_TO ${issue(10103)} (link Duplicate)`,
    ]) {
      expect(edges).toContain(edge);
    }
    expect(edgesOf(`jira:${company}:comment:10503`, 'AUTHORED_BY')).toEqual([]);
  });

  test('people keep their newest name over both products', () => {
    const mei = nodes.get('atlassian:account:5fa0417be2f19d0075a1c2d8');
    expect(mei).toMatchObject({ name: 'Mei-Ling Chen-Larsen' });
    expect(nodes.get(`jira:${company}:project:10001`)).toMatchObject({ name: 'Platform' });
  });

  test('delivered in any order, with repeats, it is the same company', () => {
    const messages = all.flatMap(messagesOf);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(messages, { minLength: messages.length }),
        fc.shuffledSubarray(messages),
        (shuffled, repeated) => {
          const again = play([...shuffled, ...repeated]);
          expect(again.edges).toEqual(edges);
          expect([...again.nodes]).toEqual([...nodes]);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('delivered twice, it says nothing new', () => {
    const messages = all.flatMap(messagesOf);
    expect(play([...messages, ...messages]).events).toBe(play(messages).events);
  });
});
