/**
 * /docs: the OpenAPI document, made of the schemas that check the requests, with the message contracts
 * and every error code; /docs/json is the document alone.
 */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { publicContracts } from '#actors';
import { notificationSchemas } from '#projections';
import { errorCatalogue } from '#runtime';
import type { Http } from './http.ts';
import { operatorScheme } from './operators.ts';

export async function documentation(app: Http, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'CogniSync', version, description: introduction() },
      components: {
        schemas: { ...publicContracts, ...notificationSchemas } as Record<string, object>,
        securitySchemes: {
          [operatorScheme]: {
            type: 'http',
            scheme: 'bearer',
            description: 'A token of OPERATOR_TOKENS; not asked for where there are none.',
          },
        },
      },
      tags: [
        { name: 'webhooks', description: 'Sources tell what happened.' },
        { name: 'commands', description: 'Anybody tells what is so.' },
        {
          name: 'graph',
          description: 'What is known. A little behind what was told: see /projections.',
        },
        { name: 'retrieval', description: 'What fits a question, and where it is from.' },
        { name: 'feed', description: 'What changes, live.' },
        { name: 'projections', description: 'How far behind, and their upkeep.' },
        { name: 'dead letters', description: 'What could not be handled, and why.' },
        { name: 'health' },
      ],
    },
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // Served over plain http too; and the document is nobody else's business.
    transformStaticCSP: (policy) => policy.replace(/upgrade-insecure-requests;?/, ''),
    uiConfig: { validatorUrl: null },
  });
}

function introduction(): string {
  const rows = Object.entries(errorCatalogue).map(
    ([code, { status, kind, hint }]) => `| \`${code}\` | ${status} | ${kind} | ${hint} |`,
  );
  return [
    'A knowledge graph of Jira and Confluence, kept by event-sourced actors.',
    '',
    'Data belongs to tenants: `X-Tenant-Id`, `default` where it is absent. Ids in paths are',
    'percent-encoded (`:` and `/` occur in them). Lists answer `{ items, next }`; `next` is the',
    '`cursor` of the next page. A write is answered when it is durable; queries see it a little later,',
    'or at once where they give the write’s `x-log-position` as `atLeast`. Answers of the graph say in',
    '`x-graph-position` up to where all is in them.',
    '',
    '## Messages',
    '',
    `\`POST /commands\` takes ${Object.keys(publicContracts)
      .map((name) => `\`${name}\``)
      .join(', ')}; see Schemas.`,
    '',
    '## Errors',
    '',
    'Problem details (RFC 9457) with a `code`. `retry`: the same request may succeed later.',
    '',
    '| code | status | kind | what to do |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
