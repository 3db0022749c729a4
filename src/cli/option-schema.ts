/**
 * The options of a command, read from its zod schema, so that flags, config keys, help and types cannot disagree.
 * What an option accepts is taken from the schema's JSON form, which is public, not from zod's own objects.
 */
import { z } from 'zod';
import { UsageError } from '../errors.js';
import {
  type Accepts,
  allowedFor,
  type Given,
  type JsonSchema,
  type OptionInfo,
} from './option.js';

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
