/**
 * The rules of the house, enforced: rooms and doors, purity, bans with their replacements, lists that
 * must stay complete.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCatalogue, limits } from '#runtime';

const root = join(import.meta.dirname, '..');
const rooms = ['runtime', 'actors', 'projections', 'adapters', 'infra', 'test'] as const;
type Room = (typeof rooms)[number];

interface Source {
  readonly path: string;
  readonly room: Room;
  readonly text: string;
  /** Specifiers, with those that types alone need. */
  readonly imports: readonly string[];
  /** Specifiers that are there when it runs. */
  readonly valueImports: readonly string[];
}

const sources: readonly Source[] = rooms.flatMap((room) =>
  readdirSync(join(root, room), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const path = relative(root, join(entry.parentPath, entry.name));
      const text = readFileSync(join(root, path), 'utf8');
      return {
        path,
        room,
        text,
        imports: specifiers(text),
        valueImports: specifiers(stripTypeScriptTypes(text, { mode: 'strip' })),
      };
    }),
);

/** Specifiers of all import and export statements; TypeScript reads like JavaScript in those. */
function specifiers(text: string): string[] {
  const statements = text.matchAll(
    /^(?:import|export)\s[^;'"]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm,
  );
  return [...statements].map((match) => (match[1] ?? match[2])!);
}

/** Every file for which `faultOf` has something to say. */
function faults(faultOf: (source: Source) => string | null | undefined): readonly string[] {
  return sources.flatMap((source) => {
    const fault = faultOf(source);
    return fault ? [`${source.path}: ${fault}`] : [];
  });
}

function mentions(pattern: RegExp): (source: Source) => string | null {
  return ({ text }) => {
    const line = text.split('\n').findIndex((one) => pattern.test(one));
    return line < 0 ? null : `line ${line + 1}: ${text.split('\n')[line]?.trim()}`;
  };
}

const isPure = ({ path }: Source) =>
  /^(runtime\/core|runtime\/ports|actors|projections)\//.test(path);

describe('the house', () => {
  it('has these rooms and nothing else at its top', () => {
    const allowed = [
      ...rooms,
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'biome.json',
      'vitest.config.ts',
      'README.md',
      'LICENSE',
      'node_modules',
      'data',
    ];
    const strangers = readdirSync(root).filter(
      (name) => !name.startsWith('.') && !allowed.includes(name),
    );
    expect(strangers).toEqual([]);
  });

  it('imports only from itself and from rooms to its left', () => {
    const order = ['runtime', 'actors', 'projections', 'adapters', 'infra'];
    const reach = (room: string) => (room === 'test' ? order.length : order.indexOf(room));
    expect(
      faults(({ room, imports }) =>
        imports.find((specifier) => {
          const target = /^#(\w+)/.exec(specifier)?.[1];
          return target !== undefined && target !== 'test' && reach(target) > reach(room);
        }),
      ),
    ).toEqual([]);
  });

  it('enters other rooms through their doors, and its own by relative paths', () => {
    expect(
      faults(({ path, room, imports }) =>
        imports.find((specifier) => {
          if (specifier === `#${room}`) return room !== 'test';
          if (!specifier.startsWith('.')) return false;
          const target = relative(root, join(root, dirname(path), specifier));
          const isForeign = !target.startsWith(`${room}/`) && room !== 'test';
          const isOtherAdapter = room === 'adapters' && target.split('/')[1] !== path.split('/')[1];
          const isOwnDoor = /(^|\/)index\.ts$/.test(target) && !path.endsWith('index.ts');
          return isForeign || isOtherAdapter || (isOwnDoor && room !== 'test');
        }),
      ),
    ).toEqual([]);
  });

  it('has no cycle of value imports', () => {
    const edges = new Map(
      sources.map(({ path, valueImports }) => [
        path,
        valueImports
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => relative(root, join(root, dirname(path), specifier))),
      ]),
    );
    const done = new Set<string>();
    const cycleFrom = (path: string, trail: readonly string[]): string | null => {
      if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path].join(' -> ');
      if (done.has(path)) return null;
      for (const next of edges.get(path) ?? []) {
        const cycle = cycleFrom(next, [...trail, path]);
        if (cycle !== null) return cycle;
      }
      done.add(path);
      return null;
    };
    expect([...edges.keys()].flatMap((path) => cycleFrom(path, []) ?? [])).toEqual([]);
  });

  it('keeps core, ports, actors and projections free of Node, clock, chance and console', () => {
    const impure =
      /from 'node:|\bDate\.now\(|new Date\(\)|Math\.random\(|\bconsole\.|\bsetTimeout\(|\bprocess\./;
    expect(faults((source) => (isPure(source) ? mentions(impure)(source) : null))).toEqual([]);
  });

  it('knows XState only in the step, the charts and their vocabulary', () => {
    const knows = sources.filter(
      ({ room, imports }) => room !== 'test' && imports.includes('xstate'),
    );
    expect(knows.map(({ path }) => path).sort()).toEqual([
      'actors/chart.ts',
      'actors/entity/machine.ts',
      'actors/relationship/machine.ts',
      'runtime/core/step.ts',
    ]);
  });

  it('reads the environment in infra/config.ts only', () => {
    expect(
      faults((source) =>
        source.path === 'infra/config.ts' || source.room === 'test'
          ? null
          : mentions(/process\.env\b/)(source),
      ),
    ).toEqual([]);
  });

  it('takes time and chance from the ports: Clock and Ids', () => {
    const allowed = /^(adapters\/system|test)\//;
    expect(
      faults((source) =>
        allowed.test(source.path) ? null : mentions(/\bDate\.now\(|Math\.random\(/)(source),
      ),
    ).toEqual([]);
  });

  it('names files in kebab-case, and none of them utils, helpers, common or types', () => {
    expect(
      faults(({ path }) => {
        const name = path.split('/').at(-1)!;
        if (!/^[a-z0-9]+([-.][a-z0-9]+)*\.ts$/.test(name)) return 'is not kebab-case';
        return /^(utils?|helpers?|common|misc|types|manager|service)\.ts$/.test(name)
          ? 'says nothing: name the noun that it owns'
          : null;
      }),
    ).toEqual([]);
  });

  it('keeps every file below 350 lines, and tests below 550', () => {
    expect(
      faults(({ text, room }) => {
        const lines = text.split('\n').length;
        return lines > (room === 'test' ? 550 : 350) ? `${lines} lines: split its owners` : null;
      }),
    ).toEqual([]);
  });

  it('opens every file with a header that says what it owns', () => {
    expect(
      faults(({ room, text }) =>
        room !== 'test' && !/^(#!.*\n)?\/\*\*/.test(text) ? 'has no header' : null,
      ),
    ).toEqual([]);
  });

  it('has no skipped, focused or sleeping test, no mock, and nothing left to do', () => {
    const banned =
      /\b(it|test|describe)\.(skip|only|todo)\b|\bvi\.(mock|fn)\(|\bTO{1}DO\b|\bFIXM{1}E\b/;
    expect(faults(mentions(banned))).toEqual([]);
  });

  it('has one owner for each bound, and no bound that nothing is held to', () => {
    const isList = ({ path }: Source) => path.startsWith('runtime/limits');
    const names = sources
      .filter(isList)
      .flatMap(({ text }) =>
        [...text.matchAll(/^ {2}([a-z][A-Za-z]*):/gm)].map(([, name]) => name!),
      );
    expect(names.filter((name, at) => names.indexOf(name) < at)).toEqual([]);
    expect(names.toSorted()).toEqual(Object.keys(limits).toSorted());
    const code = sources.filter((one) => one.room !== 'test' && !isList(one));
    const isHeldTo = (name: string) =>
      code.some(({ text }) => new RegExp(`\\b${name}\\b`).test(text));
    expect(names.filter((name) => !isHeldTo(name))).toEqual([]);
  });

  it('has every error of the catalogue thrown somewhere and provoked by a test', () => {
    const production = sources.filter(
      ({ room, path }) => room !== 'test' && path !== 'runtime/errors.ts',
    );
    const tests = sources.filter(({ path }) => /\.(test|long)\.ts$|^test\/contracts\//.test(path));
    const idle = Object.keys(errorCatalogue).flatMap((code) => {
      const isIn = ({ text }: Source) => text.includes(`'${code}'`);
      if (!production.some(isIn)) return [`${code} is thrown nowhere`];
      return tests.some(isIn) ? [] : [`${code} is provoked by no test`];
    });
    expect(idle).toEqual([]);
  });
});
