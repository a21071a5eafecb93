/** What a tenant's id may be. Names of streams, channels and keys are made of it, so none is another's. */
import { RuntimeError } from '../errors.ts';
import { limits } from '../limits.ts';

/** As a regular expression, for schemas: no separator of ours can be in it. */
export const tenantPattern = `^[A-Za-z0-9][A-Za-z0-9_.-]{0,${limits.tenantCharsMax - 1}}$`;

const pattern = new RegExp(tenantPattern);

/** For who makes names of it and trusts that it was checked at the edge. Throws INVARIANT_BROKEN. */
export function assertTenant(tenantId: string): void {
  if (pattern.test(tenantId)) return;
  throw new RuntimeError('INVARIANT_BROKEN', 'no tenant has this id', { data: { tenantId } });
}
