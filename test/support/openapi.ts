/** Whether answers are what /docs says, to the field. */
import { Compile, type Validator } from 'typebox/compile';
import { type Answered, ask } from './served.ts';

interface OpenApi {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Record<string, Response> }>>>
  >;
}

interface Response {
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
}

/** Answers with the faults of an answer to `METHOD /path/{parameter}`; none where it fits. */
export async function documentedBy(
  url: string,
): Promise<(route: string, answer: Answered) => readonly string[]> {
  const { paths } = (await ask(url, '/docs/json')).body as OpenApi;
  const validators = new Map<string, Validator>();
  return (route, { status, headers, body }) => {
    const [method = '', path = ''] = route.split(' ');
    const { responses } = paths[path]?.[method.toLowerCase()] ?? { responses: {} };
    const type = headers.get('content-type')?.split(';')[0] ?? '';
    const response = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
    const schema = response?.content[type]?.schema;
    if (schema === undefined) return [`${route} documents no ${status} in ${type}`];
    const key = `${route} ${status} ${type}`;
    const validator = validators.get(key) ?? Compile(exact(schema) as object);
    validators.set(key, validator);
    return validator.Errors(body).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
}

/** The schema with no room for fields that it does not name. */
function exact(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(exact);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, exact(value)]),
  );
  return 'properties' in inner ? { additionalProperties: false, ...inner } : inner;
}
