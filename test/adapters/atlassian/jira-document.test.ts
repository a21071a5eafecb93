/** Comments and attachments of issues, in bodies made for the test. */
import { describe, expect, test } from 'vitest';
import { changelog, fragment, issue, issueEvent, person, sentAt, updated } from './bodies.ts';
import { entityIn, gist, jira, read, site } from './delivered.ts';
import { play } from './played.ts';

const id = (local: string | number) => `jira:${site}:issue:${local}`;
const account = (name: string) => `atlassian:account:${name}`;
const invalid = expect.objectContaining({ code: 'WEBHOOK_INVALID' });
const edgesOf = (...bodies: object[]) =>
  play(bodies.flatMap((body) => read(jira, body).messages)).edges;

describe('a comment', () => {
  const comment = {
    id: '5',
    body: 'Hi [~accountid:eve]',
    author: person('ann'),
    created: updated,
    updated,
  };
  const event = (verb: string, more: object = {}) => ({
    timestamp: sentAt,
    webhookEvent: `comment_${verb}`,
    comment,
    issue: fragment('1'),
    ...more,
  });
  const commentId = `jira:${site}:comment:5`;

  test('is a document by its author on its issue', () => {
    const found = read(jira, event('created'));
    expect(entityIn(found, commentId)).toMatchObject({
      messageType: 'CREATE_ENTITY',
      entityType: 'DOCUMENT',
      properties: { kind: 'comment', text: 'Hi [~accountid:eve]' },
      source: { url: `https://${site}/browse/KEY-1?focusedCommentId=5` },
    });
    expect(play(found.messages).edges).toEqual([
      `${commentId} AUTHORED_BY ${account('ann')} (author)`,
      `${commentId} RELATED_TO ${account('eve')} (mentions)`,
      `${commentId} RELATED_TO ${id(1)} (container)`,
    ]);
  });

  test('whose issue only its address names is on that issue', () => {
    const self = `https://${site}/rest/api/2/issue/1/comment/5`;
    const found = read(jira, event('created', { comment: { ...comment, self }, issue: undefined }));
    expect(play(found.messages).edges).toContain(`${commentId} RELATED_TO ${id(1)} (container)`);
  });

  test('without an issue anywhere is still a comment', () => {
    expect(
      entityIn(read(jira, event('updated', { issue: undefined })), commentId).messageType,
    ).toBe('UPDATE_ENTITY');
  });

  test('inside its issue, beside it and by itself is one comment', () => {
    const inside = issueEvent('updated', issue('1', { comment: { comments: [comment] } }), {
      comment,
    });
    expect(
      play([...read(jira, event('created')).messages, ...read(jira, inside).messages]).edges,
    ).toHaveLength(3);
  });

  test('that an issue repeats with every update makes no event again', () => {
    const at = (time: string) =>
      read(
        jira,
        issueEvent(
          'updated',
          issue('1', {
            updated: `2026-11-20T${time}:00.000+0000`,
            comment: { comments: [{ ...comment, author: undefined }] },
          }),
        ),
      ).messages;
    const [one, two] = [at('10:00'), at('11:00')];
    expect(play([...one, ...two]).events - play(one).events).toBe(1);
  });

  test('that is deleted is gone, and nothing else is said', () => {
    expect(read(jira, event('deleted')).messages.map(gist)).toEqual([`DELETE_ENTITY ${commentId}`]);
    expect(() => read(jira, event('deleted', { comment: {} }))).toThrow(invalid);
  });
});

describe('an attachment', () => {
  const attachment = {
    id: '6',
    filename: 'chart.png',
    mimeType: 'image/png',
    size: 1234,
    author: person('ann'),
    created: updated,
    content: `https://${site}/rest/api/2/attachment/content/6`,
  };
  const event = (verb: string) => ({
    timestamp: sentAt,
    webhookEvent: `attachment_${verb}`,
    attachment,
    issue: fragment('1'),
  });
  const attachmentId = `jira:${site}:attachment:6`;

  test('is a document by its author on its issue', () => {
    const found = read(jira, event('created'));
    expect(entityIn(found, attachmentId)).toMatchObject({
      messageType: 'CREATE_ENTITY',
      entityType: 'DOCUMENT',
      properties: {
        kind: 'attachment',
        title: 'chart.png',
        mediaType: 'image/png',
        sizeBytes: 1234,
      },
      source: { url: attachment.content },
    });
    expect(play(found.messages).edges).toEqual([
      `${attachmentId} AUTHORED_BY ${account('ann')} (author)`,
      `${attachmentId} RELATED_TO ${id(1)} (container)`,
    ]);
  });

  test('shows no address outside its site', () => {
    const body = {
      ...event('created'),
      attachment: { ...attachment, content: 'https://evil.example/x' },
    };
    expect(entityIn(read(jira, body), attachmentId).source.url).toBe('');
  });

  test('listed by its issue is the same; one that the changelog takes away is gone', () => {
    const listing = issueEvent('updated', issue('1', { attachment: [attachment] }));
    const change = changelog({ field: 'Attachment', from: '6', fromString: 'chart.png', to: null });
    const without = issueEvent('updated', issue('1', { attachment: [] }), change);
    expect(edgesOf(listing)).toEqual(edgesOf(event('created')));
    expect(read(jira, without).messages.map(gist)).toContain(`DELETE_ENTITY ${attachmentId}`);
    expect(read(jira, event('deleted')).messages.map(gist)).toEqual([
      `DELETE_ENTITY ${attachmentId}`,
    ]);
  });
});
