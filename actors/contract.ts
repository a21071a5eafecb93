/**
 * One contract in all its versions: what a message of each version must be, and how it is read today.
 *
 * A message is checked by the contract of the version that it says, then taken step by step to the
 * newest, and each step's result is checked in its turn. So a step sees nothing but what its own
 * version allowed, and a machine nothing but the newest.
 */
import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { type ErrorCode, RuntimeError } from '#runtime';

export type Body = Readonly<Record<string, unknown>>;

/** A version that producers may still send. */
export interface OlderVersion {
  readonly schema: TSchema;
  /** The same message in the next version. Pure. */
  readonly step: (message: never) => object;
}

export interface Contract {
  readonly newest: number;
  /** A message in the newest version. Throws MESSAGE_VERSION_UNKNOWN or MESSAGE_INVALID. */
  read(body: Body): Body;
}

/** A contract by its newest schema, and the versions before it, oldest first. */
export function contractOf(schema: TSchema, older: readonly OlderVersion[] = []): Contract {
  const newest = older.length + 1;
  const schemas = [...older.map((one) => one.schema), schema];
  const validators: Validator[] = [];
  // Compiled when the first message comes: 40 ms each, which a command line that reads none need not wait.
  const validatorOf = (version: number) => {
    const at = version - 1;
    validators[at] ??= Compile(schemas[at]!);
    return validators[at];
  };
  return {
    newest,
    read(body) {
      let version = versionOf(body);
      if (version > newest) {
        throw refusal(
          'MESSAGE_VERSION_UNKNOWN',
          body,
          `schemaVersion ${version} is newer than ${newest}`,
        );
      }
      let message = body;
      for (;;) {
        const validator = validatorOf(version);
        if (!validator.Check(message)) {
          throw refusal('MESSAGE_INVALID', body, faultsOf(validator, message).join('; '));
        }
        if (version === newest) return message;
        const { step } = older[version - 1]!;
        version += 1;
        message = { ...step(message as never), schemaVersion: version };
      }
    },
  };
}

/** Absent means 1. What is no version at all is left to the first contract, which refuses it. */
function versionOf({ schemaVersion }: Body): number {
  return Number.isInteger(schemaVersion) ? Math.max(1, schemaVersion as number) : 1;
}

/** At most ten faults, each with the field that it is about. */
function faultsOf(validator: Validator, value: unknown): readonly string[] {
  const faults = validator.Errors(value).slice(0, 10);
  return faults.map(({ instancePath, message }) => `${instancePath || '/'}: ${message}`);
}

/** The error for a message that can't be taken; it says of whom it was, where that can be read. */
export function refusal(code: ErrorCode, body: Body, detail: string): RuntimeError {
  const { tenantId, messageId } = body;
  return new RuntimeError(code, detail, {
    data: {
      ...(typeof tenantId === 'string' ? { tenantId } : {}),
      ...(typeof messageId === 'string' ? { messageId } : {}),
    },
  });
}
