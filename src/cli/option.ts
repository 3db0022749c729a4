/**
 * The options of a command, read from its zod schema, so that flags, config keys, help and types cannot disagree.
 * What an option accepts is taken from the schema's JSON form, which is public, not from zod's own objects.
 */
import { z } from 'zod';
import { UsageError } from '../errors.js';

/** What a value may be. */
export type Accepts =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'text' }
  | { readonly kind: 'number'; readonly schema: JsonSchema }
  | { readonly kind: 'choice'; readonly choices: readonly (string | number)[] }
  | { readonly kind: 'list'; readonly item: Accepts }
  | { readonly kind: 'either'; readonly alternatives: readonly Accepts[] };

/** One option: a key of the schema. */
export interface OptionInfo {
  /** As in the schema and in config files: `batchSize`. */
  readonly key: string;
  /** As on the command line: `--batch-size`. */
  readonly flag: string;
  /** One letter that stands for the flag, `o` for `-o`: from the schema's `.meta({ short })`. */
  readonly short?: string;
  readonly description: string;
  readonly default: unknown;
  readonly isRequired: boolean;
  readonly accepts: Accepts;
  /** Word for the value in help: from the schema's `.meta({ placeholder })`, or by kind. */
  readonly placeholder: string;
}

/** The part of JSON Schema that option schemas are made of. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly placeholder?: string;
  readonly short?: string;
  readonly default?: unknown;
  readonly enum?: readonly (string | number)[];
  readonly const?: string | number;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** `batchSize` -> `--batch-size`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The options of a schema, in its order. */
export function optionsOf(schema: z.ZodObject): OptionInfo[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([key, property]) => {
    const json = property as JsonSchema;
    const accepts = acceptsOf(json);
    return {
      key,
      flag: flagOf(key),
      ...(json.short === undefined ? {} : { short: json.short }),
      description: json.description ?? '',
      default: json.default,
      isRequired: required.includes(key),
      accepts,
      placeholder: json.placeholder ?? placeholderOf(accepts),
    };
  });
}

function acceptsOf(schema: JsonSchema): Accepts {
  if (schema.anyOf) return { kind: 'either', alternatives: schema.anyOf.map(acceptsOf) };
  const choices = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (choices) return { kind: 'choice', choices };
  if (schema.type === 'boolean') return { kind: 'boolean' };
  if (schema.type === 'number' || schema.type === 'integer') return { kind: 'number', schema };
  if (schema.type === 'array') return { kind: 'list', item: acceptsOf(schema.items ?? {}) };
  return { kind: 'text' };
}

function placeholderOf(accepts: Accepts): string {
  if (accepts.kind === 'choice') return accepts.choices.join('|');
  if (accepts.kind === 'list') return `${placeholderOf(accepts.item)},...`;
  if (accepts.kind === 'either') return accepts.alternatives.map(placeholderOf).join('|');
  return accepts.kind;
}

/** What an option allows, in words that follow "must be": `a folder`, `a whole number from 1 on`. */
export function allowedFor({ accepts, placeholder }: OptionInfo): string {
  if (accepts.kind !== 'text' || placeholder === 'text') return describeAccepts(accepts);
  return `${/^[aeiou]/.test(placeholder) ? 'an' : 'a'} ${placeholder}`;
}

/** As `allowedFor`, by kind alone. */
export function describeAccepts(accepts: Accepts): string {
  switch (accepts.kind) {
    case 'boolean':
      return 'true or false';
    case 'text':
      return 'text';
    case 'number':
      return describeNumber(accepts.schema);
    case 'choice':
      return accepts.choices.length === 1
        ? String(accepts.choices[0])
        : `one of ${accepts.choices.join(', ')}`;
    case 'list':
      return `a list, each ${describeAccepts(accepts.item)}`;
    case 'either':
      return accepts.alternatives.map(describeAccepts).join(', or ');
  }
}

function describeNumber(schema: JsonSchema): string {
  const noun = schema.type === 'integer' ? 'a whole number' : 'a number';
  // zod states the safe integers as bounds of every integer.
  const isBound = (limit: number | undefined): limit is number =>
    limit !== undefined && Math.abs(limit) !== Number.MAX_SAFE_INTEGER;
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below } = schema;
  if (isBound(minimum) && isBound(maximum)) return `${noun} from ${minimum} to ${maximum}`;
  const bounds = [
    ...(isBound(minimum)
      ? [maximum === undefined || !isBound(maximum) ? `from ${minimum} on` : '']
      : []),
    ...(isBound(above) ? [`above ${above}`] : []),
    ...(isBound(maximum) ? [`of at most ${maximum}`] : []),
    ...(isBound(below) ? [`below ${below}`] : []),
  ];
  return [noun, bounds.filter(Boolean).join(' and ')].join(' ').trim();
}

/** A flag's text as the value that it stands for, or null where it stands for none. */
export function readText(accepts: Accepts, text: string): unknown {
  switch (accepts.kind) {
    case 'text':
      return text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : null;
    case 'number': {
      const number = text.trim() === '' ? Number.NaN : Number(text);
      return Number.isFinite(number) ? number : null;
    }
    case 'choice':
      return accepts.choices.find((choice) => String(choice) === text) ?? null;
    case 'list': {
      const items = text.split(',').map((item) => readText(accepts.item, item));
      return items.includes(null) ? null : items;
    }
    case 'either': {
      for (const alternative of accepts.alternatives) {
        const value = readText(alternative, text);
        if (value !== null) return value;
      }
      return null;
    }
  }
}

/** A value given for an option, and where: the flag itself or `epochs in config.yaml`. */
export interface Given {
  readonly value: unknown;
  readonly place: string;
}

/**
 * Checks what was given against the schema and fills in the defaults.
 * @throws UsageError naming each option at fault, the value seen and what is allowed.
 */
export function checkOptions<S extends z.ZodObject>(
  schema: S,
  given: ReadonlyMap<string, Given>,
): z.output<S> {
  const values = Object.fromEntries([...given].map(([key, { value }]) => [key, value]));
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const known = new Map(optionsOf(schema).map((option) => [option.key, option]));
  const problems = new Map<string, string>();
  for (const issue of result.error.issues) {
    const key = String(issue.path[0] ?? '');
    const option = known.get(key);
    if (problems.has(key)) continue;
    problems.set(key, option ? sentence(option, given.get(key), issue) : issue.message);
  }
  const [first] = problems.keys();
  throw new UsageError([...problems.values()].join('\n'), {
    actual: first === undefined ? undefined : values[first],
  });
}

function sentence(option: OptionInfo, given: Given | undefined, issue: z.core.$ZodIssue): string {
  const allowed = allowedFor(option);
  if (given === undefined) return `missing ${option.flag}: it must be ${allowed}`;
  const rule = issue.code === 'custom' ? issue.message : `must be ${allowed}`;
  return `${given.place}: ${rule}, got ${JSON.stringify(given.value)}`;
}
