/** What is known of an option of a command, what that allows in words, and what a flag's text stands for. */

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
export interface JsonSchema {
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
