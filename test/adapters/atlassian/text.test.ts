/** Text out of the Atlassian Document Format, storage format and wiki markup. */
import { describe, expect, test } from 'vitest';
import { limits } from '#runtime';
// The readers have no door of their own: nobody but this adapter needs them.
import { readAdf } from '../../../adapters/atlassian/adf.ts';
import { readStorage } from '../../../adapters/atlassian/storage-format.ts';
import { issue, issueEvent, updated } from './bodies.ts';
import { entityIn, fixture, gist, hasFixtures, jira, read, site } from './delivered.ts';

const doc = (...content: object[]) => ({ type: 'doc', version: 1, content });
const paragraph = (...content: object[]) => ({ type: 'paragraph', content });
const text = (words: string, ...marks: object[]) => ({ type: 'text', text: words, marks });
const node = (type: string, attrs: object, ...content: object[]) => ({ type, attrs, content });

describe('a document in ADF', () => {
  test.each([
    ['blocks on lines of their own', [paragraph(text('a')), paragraph(text('b'))], 'a\nb'],
    ['words of a line together', [paragraph(text('a'), text(' b'), text('c'))], 'a bc'],
    ['hard breaks', [paragraph(text('a'), { type: 'hardBreak' }, text('b'))], 'a\nb'],
    [
      'lists and tables',
      [
        node('bulletList', {}, node('listItem', {}, paragraph(text('one')))),
        node('table', {}, node('tableRow', {}, node('tableCell', {}, paragraph(text('two'))))),
        node('taskList', {}, node('taskItem', { state: 'DONE' }, text('three'))),
        node('decisionList', {}, node('decisionItem', {}, text('four'))),
      ],
      'one\ntwo\nthree\nfour',
    ],
    [
      'code with its indentation',
      [node('codeBlock', { language: 'py' }, text('if x:\n    y()\n'))],
      'if x:\n    y()',
    ],
    [
      'what people see of mentions, emoji, dates, states and cards',
      [
        paragraph(
          node('mention', { id: 'ann', text: '@Ann' }),
          text(' '),
          node('emoji', { shortName: 'wave' }),
          node('emoji', { shortName: ':tada:', text: '🎉' }),
          text(' '),
          node('date', { timestamp: '1704067200000' }),
          text(' '),
          node('status', { text: 'DONE' }),
          text(' '),
          node('inlineCard', { url: 'https://acme.net/x' }),
        ),
      ],
      '@Ann :wave:🎉 2024-01-01 DONE https://acme.net/x',
    ],
    [
      'titles of expands, descriptions of pictures, keys of issue macros',
      [
        node('expand', { title: 'More' }, paragraph(text('inside'))),
        node('mediaSingle', {}, node('media', { alt: 'A ferry', id: 'x' })),
        node('extension', {
          extensionKey: 'jira',
          parameters: { macroParams: { key: { value: 'OPS-1' } } },
        }),
      ],
      'More\ninside\nA ferry\nOPS-1',
    ],
    ['nodes that nobody knows', [node('hologram', {}, paragraph(text('seen')))], 'seen'],
    ['nothing of placeholders', [paragraph(node('placeholder', { text: 'type here' }))], ''],
    ['nothing of junk', [{}, { type: 7 }, { type: 'text', text: 7 }, { content: 'x' }], ''],
  ])('gives %s', (_, content, expected) => {
    expect(readAdf(doc(...content)).text).toBe(expected);
  });

  test('names the people, and the pages, that it mentions; neither groups nor apps', () => {
    const { references } = readAdf(
      doc(
        paragraph(
          node('mention', { id: 'ann' }),
          node('mention', { id: 'here', userType: 'SPECIAL' }),
          node('mention', { id: 'bot', userType: 'APP' }),
          text('see', { type: 'link', attrs: { href: 'https://acme.net/1' } }),
        ),
        node('blockCard', { url: 'https://acme.net/2' }),
      ),
    );
    expect([...references.accountIds]).toEqual(['ann']);
    expect([...references.urls]).toEqual(['https://acme.net/1', 'https://acme.net/2']);
  });

  test('of any depth does not exhaust the stack', () => {
    let deep: object = paragraph(text('bottom'));
    for (let depth = 0; depth < 200_000; depth++) deep = { type: 'panel', content: [deep] };
    expect(readAdf(doc(deep)).text).toBe('bottom');
  });

  test('of any size is cut and marked', () => {
    const many = Array.from({ length: 50_000 }, () => paragraph(text('0123456789')));
    const { text: kept } = readAdf(doc(...many));
    expect(kept).toHaveLength(limits.textCharsMax);
    expect(kept.endsWith('\n[…]')).toBe(true);
  });
});

describe('a document in storage format', () => {
  test.each([
    ['blocks on lines of their own', '<p>a</p>\n  <p>b<br/>c</p><h1>d</h1>', 'a\nb\nc\nd'],
    ['entities of HTML', '<p>caf&eacute;&nbsp;&amp; &lt;tea&gt; &#8364;</p>', 'café & <tea> €'],
    [
      'code as it stands',
      '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">py</ac:parameter>' +
        '<ac:plain-text-body><![CDATA[if a < b && c:\n    d(&amp;)]]></ac:plain-text-body></ac:structured-macro>',
      'if a < b && c:\n    d(&amp;)',
    ],
    ['preformatted text', '<pre>a\n  b</pre>', 'a\n  b'],
    [
      'titles that people read, and no other parameters',
      '<ac:structured-macro ac:name="expand"><ac:parameter ac:name="title">More</ac:parameter>' +
        '<ac:rich-text-body><p>in</p></ac:rich-text-body></ac:structured-macro>' +
        '<p>is <ac:structured-macro ac:name="status"><ac:parameter ac:name="colour">Red</ac:parameter>' +
        '<ac:parameter ac:name="title">LATE</ac:parameter></ac:structured-macro> now</p>' +
        '<ac:structured-macro ac:name="jira"><ac:parameter ac:name="server">Jira</ac:parameter>' +
        '<ac:parameter ac:name="key">OPS-1</ac:parameter></ac:structured-macro>',
      'More\nin\nis LATE now\nOPS-1',
    ],
    [
      'the text of a link, else the title of its page',
      '<p><ac:link><ri:page ri:content-title="Plan &amp; map"/></ac:link>, ' +
        '<ac:link><ri:page ri:content-title="Plan"/><ac:link-body>the plan</ac:link-body></ac:link></p>',
      'Plan & map, the plan',
    ],
    ['nothing of placeholders', '<p>a<ac:placeholder>type</ac:placeholder></p>', 'a'],
    ['what can be read of broken markup', '<p>a<b>b</p><ac:x', 'ab'],
    ['plain text', 'just words', 'just words'],
    ['nothing of nothing', '', ''],
  ])('gives %s', (_, markup, expected) => {
    expect(readStorage(markup).text).toBe(expected);
  });

  test('names the people, and the pages, that it mentions', () => {
    const { references } = readStorage(
      '<p><ac:link><ri:user ri:account-id="ann"/></ac:link><a href="https://acme.net/?a=1&amp;b=2">x</a></p>',
    );
    expect([...references.accountIds]).toEqual(['ann']);
    expect([...references.urls]).toEqual(['https://acme.net/?a=1&b=2']);
  });

  test('of any depth and size is cut and marked', () => {
    expect(readStorage(`<p>top</p>${'<b>'.repeat(1_000_000)}`).text).toBe('top');
    const { text: kept } = readStorage(`<p>${'é'.repeat(20)}</p>`.repeat(50_000));
    expect(kept).toHaveLength(limits.textCharsMax);
  });

  test('keeps an entity whole wherever the parser cuts the text', () => {
    for (const pad of [65_533, 65_534, 65_535]) {
      expect(readStorage(`${'x'.repeat(pad)}&eacute;`).text.at(-1)).toBe('é');
    }
  });
});

test.skipIf(!hasFixtures).each(['basic', 'web-macro'])(
  'the same page (%s) in both formats has the same text',
  (name) => {
    const file = (end: string) =>
      new TextDecoder().decode(fixture(`BjoernSchotte__atlcli/pair-${name}.${end}`));
    const adf = readAdf(JSON.parse(file('adf.json'))).text;
    expect(readStorage(file('storage.xml')).text).toBe(adf);
    expect(adf.split('\n').length).toBeGreaterThan(2);
  },
);

describe('a description', () => {
  const said = (description: unknown) =>
    read(jira, issueEvent('updated', issue('1', { description, updated })));
  const textOf = (description: unknown) =>
    entityIn(said(description), `jira:${site}:issue:1`).properties.text;

  test('in wiki markup stays as it is', () => {
    expect(textOf('h1. *Bold*\r\n{noformat}x{noformat}')).toBe(
      'h1. *Bold*\r\n{noformat}x{noformat}',
    );
  });

  test('in ADF becomes text', () => {
    expect(textOf(doc(paragraph(text('hello'))))).toBe('hello');
  });

  test('that is null is known to be empty, one that is absent or odd is not known', () => {
    expect(textOf(null)).toBeNull();
    expect(textOf(undefined)).toBeUndefined();
    expect(textOf({ nonsense: 1 })).toBeUndefined();
  });

  test('relates the issue to people and pages whose id is in it, and to nothing else', () => {
    const wiki =
      'ask [~accountid:ann] or [~bob], see [the plan|https://acme.atlassian.net/wiki/spaces/E/pages/77/Plan] ' +
      'and https://acme.atlassian.net/wiki/spaces/E/blog/2026/11/10/78/News ' +
      'and https://wiki.acme.example/pages/viewpage.action?pageId=79 ' +
      'and https://acme.atlassian.net/browse/OPS-1 and https://example.com/pages/no';
    const from = `jira:${site}:issue:1`;
    expect(
      said(wiki)
        .messages.map(gist)
        .filter((each) => each.startsWith('LINK')),
    ).toEqual([
      `LINK ${from} RELATED_TO atlassian:account:ann`,
      `LINK ${from} RELATED_TO confluence:acme.atlassian.net:page:77`,
      `LINK ${from} RELATED_TO confluence:acme.atlassian.net:blogpost:78`,
      `LINK ${from} RELATED_TO confluence:wiki.acme.example:page:79`,
    ]);
  });
});
