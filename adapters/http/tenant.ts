/**
 * Whose request it is. The one place that knows; real authentication replaces what stands here.
 *
 * Queries and dead letters belong to the tenant of `X-Tenant-Id`, or to `default` where it is absent. A
 * command names its tenant itself, as the specification has it: without the header that name counts,
 * so that a producer that knows nothing of the header works unchanged; with the header the two must be
 * the same, so that a gateway that sets it confines its producers. A webhook's tenant is its
 * connection's, whatever the header says.
 */
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { RuntimeError, tenantPattern } from '#runtime';

const pattern = new RegExp(tenantPattern);

/** For the documentation; the check is below, with an error of its own. */
export const TenantHeader = Type.Object({
  'x-tenant-id': Type.Optional(
    Type.String({
      description: `Whose data; \`default\` where absent. Must match ${tenantPattern}.`,
    }),
  ),
});

/** The tenant of a request. Throws TENANT_INVALID. */
export function tenantOf(request: FastifyRequest): string {
  return statedTenant(request) ?? 'default';
}

/** Checks that a request may write for a tenant. Throws TENANT_INVALID or TENANT_MISMATCH. */
export function assertMayWriteFor(tenantId: string, request: FastifyRequest): void {
  const stated = statedTenant(request);
  if (stated === undefined || stated === tenantId) return;
  throw new RuntimeError(
    'TENANT_MISMATCH',
    `the header is of tenant '${stated}', the request of '${tenantId}'`,
  );
}

/**
 * The tenant of a request that may also name it in its query, as `named`. Throws TENANT_INVALID, or
 * TENANT_MISMATCH where the header names another.
 */
export function tenantNamed(named: string | undefined, request: FastifyRequest): string {
  if (named === undefined) return tenantOf(request);
  if (!pattern.test(named)) {
    throw new RuntimeError('TENANT_INVALID', 'the parameter tenant names no tenant');
  }
  assertMayWriteFor(named, request);
  return named;
}

function statedTenant({ headers }: FastifyRequest): string | undefined {
  const stated = headers['x-tenant-id'];
  if (stated === undefined) return undefined;
  if (typeof stated === 'string' && pattern.test(stated)) return stated;
  throw new RuntimeError('TENANT_INVALID', 'the header X-Tenant-Id names no tenant');
}
