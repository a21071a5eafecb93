/** Confluence's events, Cloud and Data Center, in bodies made for the test. */
import { describe, expect, test } from 'vitest';
import { page, pageEvent, person, sentAt } from './bodies.ts';
import { confluence, entityIn, gist, linkIn, read, site } from './delivered.ts';
import { play } from './played.ts';

const pageId = (local: number | string) => `confluence:${site}:page:${local}`;
const spaceId = (key: string) => `confluence:${site}:space:${key}`;
const account = (name: string) => `atlassian:account:${name}`;
const invalid = expect.objectContaining({ code: 'WEBHOOK_INVALID' });

const say = (event: string, body: object) => read(confluence, body, { event });

describe('a page', () => {
  test('is a document by its author in its space', () => {
    const found = say('page_created', pageEvent(page(7, { spaceId: 42 })));
    expect(entityIn(found, pageId(7))).toMatchObject({
      messageType: 'CREATE_ENTITY',
      entityType: 'DOCUMENT',
      properties: {
        kind: 'page',
        title: 'Page 7',
        version: 3,
        createdAt: '2026-11-01T08:00:00.000Z',
        updatedAt: '2026-11-20T10:00:00.400Z',
      },
      source: {
        system: 'confluence',
        id: '7',
        url: `https://${site}/wiki/spaces/ENG/pages/7/Page`,
      },
      metadata: { extractedAt: '2026-11-20T10:00:00.400000001Z' },
    });
    expect(entityIn(found, spaceId('ENG'))).toMatchObject({
      messageType: 'UPDATE_ENTITY',
      entityType: 'PROJECT',
      properties: { kind: 'space', key: 'ENG', spaceId: '42' },
    });
    expect(play(found.messages).edges).toEqual([
      `${pageId(7)} AUTHORED_BY ${account('ann')} (author)`,
      `${pageId(7)} RELATED_TO ${spaceId('ENG')} (container)`,
    ]);
  });

  test.each([
    ['a number', page(7, { idAsString: undefined })],
    ['a string', page('7', { idAsString: undefined })],
    ['both', page(7)],
    ['digits that only the string has', page(2 ** 60, { idAsString: '7' })],
  ])('is the same page with %s for an id', (_, content) => {
    expect(say('page_updated', pageEvent(content)).messages.map(gist)).toContain(
      `UPDATE_ENTITY ${pageId(7)}`,
    );
  });

  test.each([
    ['created', 'CREATE_ENTITY'],
    ['updated', 'UPDATE_ENTITY'],
    ['moved', 'UPDATE_ENTITY'],
    ['archived', 'UPDATE_ENTITY'],
    ['restored', 'CREATE_ENTITY'],
    ['trashed', 'DELETE_ENTITY'],
    ['removed', 'DELETE_ENTITY'],
  ])('that was %s is said by %s', (verb, type) => {
    expect(say(`page_${verb}`, pageEvent(page(7))).messages.map(gist)[0]).toBe(
      `${type} ${pageId(7)}`,
    );
  });

  test('that moved is at its new place though its version is the old one, in either order', () => {
    const before = say('page_updated', pageEvent(page(7)));
    const moved = say('page_moved', pageEvent(page(7, { spaceKey: 'RUN' })));
    for (const order of [
      [before, moved],
      [moved, before],
    ]) {
      const { nodes, edges } = play(order.flatMap(({ messages }) => messages));
      expect(edges).toContain(`${pageId(7)} RELATED_TO ${spaceId('RUN')} (container)`);
      expect(edges.join()).not.toContain(spaceId('ENG'));
      expect(nodes.get(pageId(7))).toHaveProperty('movedAt');
    }
  });

  test('that was archived is there, and says so until it is moved or restored', () => {
    const archived = (verb: string) =>
      entityIn(say(`page_${verb}`, pageEvent(page(7))), pageId(7)).properties.isArchived;
    expect(['archived', 'moved', 'restored', 'updated'].map(archived)).toEqual([
      true,
      false,
      false,
      undefined,
    ]);
  });

  test('by an app has no author', () => {
    const content = page(7, { creatorAccountId: undefined });
    const found = say('page_created', pageEvent(content, { accountType: 'app' }));
    expect(play(found.messages).edges).toEqual([
      `${pageId(7)} RELATED_TO ${spaceId('ENG')} (container)`,
    ]);
  });

  test.each([
    ['no page', {}],
    ['a page of another type', { page: [1] }],
    ['no id', { page: { title: 'x' } }],
  ])('with %s is refused', (_, body) => {
    expect(() => say('page_updated', { timestamp: sentAt, ...body })).toThrow(invalid);
  });

  test('of Data Center is its id, and at first its maker', () => {
    const body = {
      timestamp: sentAt,
      event: 'page_created',
      userKey: 'ff80',
      page: { id: 1015809 },
    };
    const { messages } = read(confluence, body);
    expect(play(messages).edges).toEqual([
      `${pageId(1015809)} AUTHORED_BY confluence:${site}:user:ff80 (author)`,
    ]);
    const update = read(confluence, { ...body, event: 'page_updated' });
    expect(update.messages.map(gist)).toEqual([`UPDATE_ENTITY ${pageId(1015809)}`]);
  });

  test.each(['page_viewed', 'page_children_reordered', 'page_permissions_updated', 'label_added'])(
    'is not changed by %s',
    (event) => {
      expect(say(event, pageEvent(page(7)))).toMatchObject({ event, ignored: true });
    },
  );
});

test('a blog post is a document of its own kind', () => {
  const body = { ...pageEvent({}), page: undefined, blog: page(7, { contentType: 'blogpost' }) };
  const found = say('blog_created', body);
  expect(entityIn(found, `confluence:${site}:blogpost:7`)).toMatchObject({
    messageType: 'CREATE_ENTITY',
    properties: { kind: 'blogpost', title: 'Page 7' },
  });
  expect(say('blog_trashed', body).messages.map(gist)).toEqual([
    `DELETE_ENTITY confluence:${site}:blogpost:7`,
  ]);
});

describe('a comment', () => {
  const commentId = (local: number) => `confluence:${site}:comment:${local}`;
  const comment = (id: number, more: object) => ({
    id,
    creatorAccountId: 'bob',
    contentType: 'comment',
    creationDate: sentAt,
    modificationDate: sentAt,
    version: 1,
    ...more,
  });
  const edges = (theComment: object, more: object = {}) =>
    play(say('comment_created', { timestamp: sentAt, comment: theComment, ...more }).messages)
      .edges;
  const on = `${commentId(9)} RELATED_TO ${pageId(7)} (container)`;

  test('on a page is by its author on that page', () => {
    expect(edges(comment(9, { parent: page(7) }))).toEqual([
      `${commentId(9)} AUTHORED_BY ${account('bob')} (author)`,
      on,
      `${pageId(7)} AUTHORED_BY ${account('ann')} (author)`,
      `${pageId(7)} RELATED_TO ${spaceId('ENG')} (container)`,
    ]);
  });

  const answered = { contentType: 'comment', id: 8, creatorAccountId: 'ann' };

  test.each<[string, object, object]>([
    ['further up', { parent: { ...answered, parent: page(7) } }, {}],
    ['beside it', { parent: answered }, { page: page(7) }],
  ])('that answers another is on the page %s', (_, place, more) => {
    expect(edges(comment(9, place), more)).toEqual(
      expect.arrayContaining([on, `${commentId(9)} RELATED_TO ${commentId(8)} (in-reply-to)`]),
    );
  });

  test.each([
    [`https://${site}/wiki/spaces/ENG/pages/7/P?focusedCommentId=9`, pageId(7)],
    ['https://elsewhere.example/wiki/spaces/ENG/pages/7/P', pageId(7)],
    [`https://${site}/wiki/spaces/E/blog/2026/11/10/7/N`, `confluence:${site}:blogpost:7`],
  ])('whose page only its address names is on it: %s', (self, target) => {
    const found = say('comment_created', { comment: comment(9, { parent: answered, self }) });
    expect(linkIn(found, `${commentId(9)}/container`).payload).toMatchObject({
      targetEntityId: target,
    });
  });

  test('on a space overview, whose address has no id, is on no page', () => {
    const self = `https://${site}/wiki/spaces/ENG/overview?focusedCommentId=9`;
    const found = say('comment_created', { comment: comment(9, { parent: answered, self }) });
    expect(found.messages.map(gist).join()).not.toContain(`${commentId(9)}/container`);
  });

  test('on something that is not kept is on nothing', () => {
    const whiteboard = { id: 3, contentType: 'whiteboard' };
    expect(edges(comment(9, { parent: whiteboard }))).toHaveLength(1);
  });

  test('that is removed is gone', () => {
    const found = say('comment_removed', { timestamp: sentAt, comment: comment(9, {}) });
    expect(found.messages.map(gist)).toEqual([`DELETE_ENTITY ${commentId(9)}`]);
  });
});

describe('an attachment', () => {
  const attachment = {
    id: 'att6',
    title: 'plan.pdf',
    mediaType: 'application/pdf',
    fileSize: 99,
    creatorAccountId: 'bob',
    contentType: 'attachment',
    modificationDate: sentAt,
  };
  const attachmentId = `confluence:${site}:attachment:6`;

  test.each<[string, object]>([
    ['names as its parent', { attachment: { ...attachment, parent: page(7) } }],
    ['is attached to', { attachedTo: page(7), attachments: [attachment] }],
    ['comes with', { attachment, page: page(7) }],
  ])('is a document on the page that it %s', (_, body) => {
    const found = say('attachment_created', { timestamp: sentAt, ...body });
    expect(entityIn(found, attachmentId)).toMatchObject({
      messageType: 'CREATE_ENTITY',
      properties: {
        kind: 'attachment',
        title: 'plan.pdf',
        mediaType: 'application/pdf',
        sizeBytes: 99,
      },
    });
    expect(play(found.messages).edges).toEqual(
      expect.arrayContaining([
        `${attachmentId} AUTHORED_BY ${account('bob')} (author)`,
        `${attachmentId} RELATED_TO ${pageId(7)} (container)`,
      ]),
    );
  });

  test('goes to the trash, comes back, goes for good', () => {
    const gists = ['trashed', 'restored', 'removed'].map(
      (verb) => say(`attachment_${verb}`, { timestamp: sentAt, attachment }).messages.map(gist)[0],
    );
    expect(gists).toEqual([
      `DELETE_ENTITY ${attachmentId}`,
      `CREATE_ENTITY ${attachmentId}`,
      `DELETE_ENTITY ${attachmentId}`,
    ]);
  });

  test('without any id is refused', () => {
    expect(() => say('attachment_created', { attachments: [{}, 7] })).toThrow(invalid);
  });
});

describe('a space', () => {
  const space = {
    key: 'ENG',
    name: 'Engineering',
    id: 42,
    self: `https://${site}/wiki/spaces/ENG`,
  };

  test.each([
    ['created', 'CREATE_ENTITY'],
    ['updated', 'UPDATE_ENTITY'],
    ['removed', 'DELETE_ENTITY'],
  ])('that was %s is said by %s', (verb, type) => {
    const found = say(`space_${verb}`, { timestamp: sentAt, space });
    expect(found.messages.map(gist)).toEqual([`${type} ${spaceId('ENG')}`]);
  });

  test('has its name, key and number', () => {
    const found = say('space_updated', { timestamp: sentAt, space });
    expect(entityIn(found, spaceId('ENG'))).toMatchObject({
      entityType: 'PROJECT',
      properties: { kind: 'space', key: 'ENG', name: 'Engineering', spaceId: '42' },
      source: { url: space.self },
    });
    expect(() => say('space_updated', { space: { name: 'x' } })).toThrow(invalid);
  });

  test('that a page names is not renamed to nothing', () => {
    const named = say('space_updated', { timestamp: sentAt - 86_400_000, space });
    const mentioned = say('page_updated', pageEvent(page(7)));
    const { nodes } = play([...named.messages, ...mentioned.messages]);
    expect(nodes.get(spaceId('ENG'))).toMatchObject({ name: 'Engineering' });
  });
});

describe('a content event', () => {
  const content = {
    id: '7',
    type: 'page',
    status: 'current',
    title: 'Page 7',
    space: { key: 'ENG', name: 'Engineering', id: 42 },
    history: {
      createdBy: { type: 'known', accountId: 'ann', publicName: 'Ann' },
      createdDate: '2026-11-01T08:00:00.000Z',
    },
    version: { number: 3, when: '2026-11-20T10:00:00.400Z' },
    _links: { base: `https://${site}/wiki`, webui: '/spaces/ENG/pages/7/Page' },
  };

  test('of a page lands on the entity of the page', () => {
    const general = entityIn(say('content_updated', content), pageId(7));
    const particular = entityIn(say('page_updated', pageEvent(page(7))), pageId(7));
    expect(general).toEqual(particular);
    expect(say('content_trashed', content).messages.map(gist)).toEqual([
      `DELETE_ENTITY ${pageId(7)}`,
    ]);
  });

  test('of a property or of another kind of content is not used', () => {
    expect(say('content_created', { ...content, type: 'x:content-property' }).ignored).toBe(true);
    expect(say('content_created', { ...content, type: 'whiteboard' }).ignored).toBe(true);
    expect(read(confluence, { ...content, type: 'x:content-property' }).ignored).toBe(true);
  });

  test('without type or id is refused', () => {
    expect(() => say('content_updated', { id: '7' })).toThrow(invalid);
    expect(() => say('content_updated', { type: 'page' })).toThrow(invalid);
  });
});

describe('a person', () => {
  test.each([
    ['user_created', { user: person('ann') }, 'CREATE_ENTITY'],
    ['user_updated', { userProfile: person('ann') }, 'UPDATE_ENTITY'],
    ['user_removed', { user: person('ann') }, 'DELETE_ENTITY'],
    ['user_deleted', { accountId: 'ann' }, 'DELETE_ENTITY'],
  ])('of %s is said by %3$s', (event, body, type) => {
    expect(say(event, { timestamp: sentAt, ...body }).messages.map(gist)).toEqual([
      `${type} ${account('ann')}`,
    ]);
  });

  test('that is switched off is still there', () => {
    const found = say('user_deactivated', { timestamp: sentAt, user: person('ann') });
    expect(entityIn(found, account('ann')).properties).toMatchObject({ isActive: false });
    expect(() => say('user_created', { timestamp: sentAt })).toThrow(invalid);
  });
});
