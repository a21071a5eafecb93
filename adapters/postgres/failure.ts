/**
 * What a database says went wrong, as an error of the catalogue.
 */
import { RuntimeError } from '#runtime';

/** SQLSTATE classes and codes after which the same call may succeed: connection, resources, races. */
const passing = [
  '08', // connection
  '25006', // a standby that has not been promoted yet
  '28', // refused at the door: the server's settings may change
  '3D000', // the database is not there (yet)
  '3F000', // nor the schema: a projection makes it when it first applies something
  '42P01', // nor the table, or it was dropped by a build or a switch
  '40', // serialization failure, deadlock
  '53', // no disk, no memory, no connection left
  '55P03', // lock not available
  '57', // cancelled by a timeout or an operator, shutting down, starting up
  '58', // the disk below
];
const corrupt = ['XX001', 'XX002'];

interface DatabaseFailure {
  readonly message: string;
  readonly code?: string | undefined;
}

/** SQLSTATEs begin with these; codes of the operating system such as EPIPE do not. */
const sqlState = /^[0-9FHPX][0-9A-Z]{4}$/;

/** The error for a failure: by its SQLSTATE; one without it is the connection's, or a bug of ours. */
export function failureOf(failure: DatabaseFailure, sql?: string): RuntimeError {
  const { code, message } = failure;
  const data = { ...(code !== undefined && { code }), ...(sql !== undefined && { sql }) };
  const options = { data, cause: failure };
  if (failure instanceof TypeError || failure instanceof RangeError) {
    return new RuntimeError('INTERNAL', `a query could not be sent: ${message}`, options);
  }
  if (code === undefined || !sqlState.test(code)) {
    return new RuntimeError('READ_STORE_UNAVAILABLE', `the read store: ${message}`, options);
  }
  if (corrupt.includes(code)) {
    return new RuntimeError('DATA_CORRUPT', `the read store is damaged: ${message}`, options);
  }
  if (passing.some((prefix) => code.startsWith(prefix))) {
    return new RuntimeError('READ_STORE_UNAVAILABLE', `the read store: ${message}`, options);
  }
  return new RuntimeError('INTERNAL', `SQL failed (${code}): ${message}`, options);
}

/** What a store answers after `close`. */
export function closedStore(): RuntimeError {
  return new RuntimeError('SHUTTING_DOWN', 'the read store is closed');
}

/** What a store answers when limits.readsWaitingMax callers wait already. */
export function saturatedStore(waiting: number): RuntimeError {
  return new RuntimeError('READ_STORE_UNAVAILABLE', `${waiting} queries wait already`, {
    data: { waiting },
  });
}
