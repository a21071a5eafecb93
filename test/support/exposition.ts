/** Reads Prometheus' text format, strictly: what is no line of it fails the test. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Families by name. A sample must stand under the family that it belongs to, after its type. */
export function familiesIn(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, Family & { readonly samples: Sample[] }>();
  let family: { name: string; type: string; unit: string; help: string; samples: Sample[] } | null =
    null;
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|UNIT|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      if (families.has(name)) throw new Error(`${name} comes twice`);
      family = { name, type: '', unit: '', help: rest, samples: [] };
      families.set(name, family);
    } else if (family === null || (kind !== undefined && name !== family.name)) {
      throw new Error(`out of place: ${line}`);
    } else if (kind === 'UNIT') family.unit = rest;
    else if (kind === 'TYPE') family.type = rest;
    else family.samples.push(sampleIn(line, family.name, family.type));
  }
  const series = text.split('\n').filter((line) => /^\w/.test(line));
  const names = series.map((line) => line.slice(0, line.lastIndexOf(' ')));
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) throw new Error(`${twice} comes twice`);
  return families;
}

function sampleIn(line: string, family: string, type: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (match === null) throw new Error(`no sample: ${line}`);
  const [, name = '', labels = '', value = ''] = match;
  const belongs = type === 'histogram' ? `^${family}_(bucket|sum|count)$` : `^${family}$`;
  if (!new RegExp(belongs).test(name)) throw new Error(`${name} is not of ${family}, a ${type}`);
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
  if (Number.isNaN(number)) throw new Error(`no number: ${line}`);
  const pairs = [...labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g)];
  if (pairs.map(([pair]) => pair).join('') !== labels) throw new Error(`no labels: ${line}`);
  return {
    name,
    labels: Object.fromEntries(pairs.map(([, key, one]) => [key, one])),
    value: number,
  };
}

/** The labels that a family has, but for a bucket's bound. */
export function labelsOf({ samples }: Family): readonly string[] {
  const labels = samples.flatMap((sample) => Object.keys(sample.labels));
  return [...new Set(labels)].filter((label) => label !== 'le').sort();
}

/** The value of the first sample of a name that has these labels, and perhaps others. */
export function valueIn(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const samples = [...families.values()].flatMap((family) => family.samples);
  const wanted = Object.entries(labels);
  return samples.find(
    (sample) =>
      sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
  )?.value;
}
