import { describe, expect, it } from 'vitest';
import { loggedUrl } from '../../../adapters/http/request-log.ts';

describe('a logged URL', () => {
  it.each([
    ['/entities/a%2Fb?x=1', '/entities/a%2Fb?x=1'],
    ['/webhooks/jira', '/webhooks/jira'],
    ['/webhooks/jira?token=s3cret', '/webhooks/jira?token=[secret]'],
    ['/webhooks/jira?a=1&token=s3cret&b=2', '/webhooks/jira?a=1&token=[secret]&b=2'],
    ['/webhooks/jira?TOKEN=s3cret', '/webhooks/jira?TOKEN=[secret]'],
    ['/webhooks/jira?access_token=s3cret', '/webhooks/jira?access_token=[secret]'],
    ['/webhooks/jira?token=a?token=s3cret', '/webhooks/jira?token=[secret]'],
    ['/webhooks/wiki/page_updated/s3cret', '/webhooks/wiki/[…]'],
    ['/webhooks/wiki/s3cret?event=a', '/webhooks/wiki/[…]?event=a'],
  ])('%s is shown as %s', (url, shown) => {
    expect(loggedUrl(url)).toBe(shown);
  });
});
