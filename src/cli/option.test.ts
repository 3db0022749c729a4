import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { allowedFor, type Given, type OptionInfo, readText } from './option.js';
import { checkOptions, flagOf, optionsOf } from './option-schema.js';

const schema = z.object({
  batchSize: z.int().min(1).default(100).describe('images a step'),
  share: z.number().min(0).lt(1).optional(),
  quality: z.int().min(1).max(9).optional(),
  rate: z.number().positive().optional(),
  mode: z.enum(['full', 'none']).default('full'),
  channels: z.literal([1, 3]).optional(),
  labels: z.union([z.int().min(1), z.literal('all')]).default('all'),
  lambdas: z.array(z.number()).default([1, 2]),
  output: z.string().meta({ placeholder: 'folder' }).describe('where'),
  strict: z.boolean().default(false),
  even: z
    .number()
    .refine((n) => n % 2 === 0, 'must be even')
    .optional(),
});
const options = Object.fromEntries(optionsOf(schema).map((each) => [each.key, each]));
const option = (key: string): OptionInfo => {
  const found = options[key];
  if (!found) throw new Error(key);
  return found;
};

describe('optionsOf', () => {
  it('takes flags, descriptions and defaults from the schema', () => {
    expect(option('batchSize')).toMatchObject({
      flag: '--batch-size',
      description: 'images a step',
      default: 100,
      isRequired: false,
      placeholder: 'number',
    });
    expect(option('output')).toMatchObject({ isRequired: true, placeholder: 'folder' });
    expect(flagOf('topK')).toBe('--top-k');
  });

  it.each([
    ['batchSize', 'a whole number from 1 on'],
    ['share', 'a number from 0 on and below 1'],
    ['quality', 'a whole number from 1 to 9'],
    ['rate', 'a number above 0'],
    ['mode', 'one of full, none'],
    ['channels', 'one of 1, 3'],
    ['labels', 'a whole number from 1 on, or all'],
    ['lambdas', 'a list, each a number'],
    ['output', 'a folder'],
    ['strict', 'true or false'],
  ])('says what %s allows: %s', (key, allowed) => {
    expect(allowedFor(option(key))).toBe(allowed);
  });
});

describe('readText', () => {
  it.each([
    ['batchSize', '5', 5],
    ['batchSize', '1e3', 1000],
    ['batchSize', 'five', null],
    ['batchSize', '', null],
    ['batchSize', 'Infinity', null],
    ['mode', 'none', 'none'],
    ['mode', 'non', null],
    ['channels', '3', 3],
    ['channels', '2', null],
    ['labels', 'all', 'all'],
    ['labels', '100', 100],
    ['labels', 'some', null],
    ['lambdas', '1000,10,0.1', [1000, 10, 0.1]],
    ['lambdas', '1,,2', null],
    ['strict', 'false', false],
    ['strict', 'no', null],
  ])('%s: %j is %j', (key, text, value) => {
    expect(readText(option(key).accepts, text)).toEqual(value);
  });

  it('reads back every finite number', () => {
    const { accepts } = option('share');
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(readText(accepts, String(number))).toBe(Number(String(number)));
      }),
    );
  });
});

describe('checkOptions', () => {
  const given = (values: Readonly<Record<string, unknown>>): Map<string, Given> =>
    new Map(Object.entries(values).map(([key, value]) => [key, { value, place: `--${key}` }]));
  const problem = (values: Readonly<Record<string, unknown>>): UsageError => {
    try {
      checkOptions(schema, given(values));
    } catch (error) {
      if (error instanceof UsageError) return error;
    }
    throw new Error('no UsageError');
  };

  it('fills in defaults', () => {
    expect(checkOptions(schema, given({ output: 'here' }))).toEqual({
      batchSize: 100,
      mode: 'full',
      labels: 'all',
      lambdas: [1, 2],
      output: 'here',
      strict: false,
    });
  });

  it('names each option at fault, the value seen and what is allowed', () => {
    const { message, details } = problem({ output: 'here', batchSize: 0.5, lambdas: [1, 'x'] });
    expect(message.split('\n')).toEqual([
      '--batchSize: must be a whole number from 1 on, got 0.5',
      '--lambdas: must be a list, each a number, got [1,"x"]',
    ]);
    expect(details.actual).toBe(0.5);
  });

  it('names what is missing, and rules of its own', () => {
    expect(problem({}).message).toBe('missing --output: it must be a folder');
    expect(problem({ output: 'x', even: 3 }).message).toBe('--even: must be even, got 3');
  });
});
