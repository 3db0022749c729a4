/** Seeded damage to ONNX files: to their bytes, and to the fields of their messages. */
import {
  type DescField,
  fromBinary,
  isMessage,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import * as schemas from '../src/onnx/generated/onnx_pb.js';
import { ops } from '../src/ops/table.js';

/** Whole numbers from 0 to below `count`; the same for the same seed. */
export type Draw = (count: number) => number;

/** The mulberry32 generator: small, and good enough to choose damage. */
export function drawsFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (count) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count);
  };
}

const pick = <T>(draw: Draw, list: readonly T[]): T => list[draw(list.length)] as T;

/** Integers at which programs stumble. */
const integers = [
  ...[0n, 1n, -1n, 2n, 3n, -2n, 7n, 8n, 11n, 16n, 63n, 64n, 65n, 127n, 1000n, -1000n],
  ...[2n ** 31n - 1n, 2n ** 31n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)],
];
const strings = [
  '',
  'x',
  'y',
  '../x',
  'constructor',
  '__proto__',
  'If',
  'nearest',
  '\0',
  '?1',
  '3',
];

/** One to three bytes or runs changed, put in, taken out or repeated; or the end cut off. */
export function damageBytes(bytes: Uint8Array, draw: Draw): Uint8Array {
  let damaged = Buffer.from(bytes);
  for (let i = draw(3); i >= 0; i--) {
    const at = draw(damaged.length + 1);
    const end = Math.min(damaged.length, at + 1 + draw(draw(2) ? 4 : 200));
    const [head, run, tail] = [
      damaged.subarray(0, at),
      damaged.subarray(at, end),
      damaged.subarray(end),
    ];
    const value = pick(draw, [0, 1, 2, 8, 0x0a, 0x7f, 0x80, 0xff, draw(256)]);
    const changed = [
      () => [head, run.map(() => value), tail],
      () => [head, run.map((byte) => byte ^ (1 << draw(8))), tail],
      () => [head, Uint8Array.of(value), run, tail],
      () => [head, tail],
      () => [head, run, run, tail],
      () => [head],
    ];
    damaged = Buffer.concat(pick(draw, changed)());
  }
  return damaged;
}

/** One to four fields, of any messages inside, set to other values. `bytes` must be a whole file. */
export function damageFields(bytes: Uint8Array, draw: Draw): Uint8Array {
  const model = fromBinary(schemas.ModelProtoSchema, bytes);
  for (let i = draw(4); i >= 0; i--) {
    const messages = messagesIn(model);
    damageMessage(pick(draw, messages), draw, messages);
  }
  return toBinary(schemas.ModelProtoSchema, model);
}

const known = Object.values(schemas).filter(
  (each) => typeof each === 'object' && 'kind' in each && each.kind === 'message',
);

/** All messages inside, the outermost first. */
function messagesIn(value: unknown, found: Message[] = []): Message[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return found;
  if (isMessage(value)) found.push(value);
  if (Array.isArray(value) && typeof value[0] !== 'object') return found;
  for (const inner of Object.values(value)) messagesIn(inner, found);
  return found;
}

function damageMessage(message: Message, draw: Draw, all: readonly Message[]): void {
  const schema = known.find(({ typeName }) => typeName === message.$typeName);
  if (!schema || schema.fields.length === 0) return;
  const mirror = reflect(schema, message as never);
  const set = schema.fields.filter((field) => mirror.isSet(field));
  const field = pick(draw, draw(4) === 0 || set.length === 0 ? schema.fields : set);
  const raw = message as unknown as Record<string, unknown>;
  if (field.fieldKind === 'list') {
    const list = raw[field.localName] as unknown[];
    damageList(list, field, draw, all);
  } else if (draw(5) === 0) mirror.clear(field);
  else if (field.fieldKind === 'message' || field.oneof) return;
  else raw[field.localName] = valueFor(field, raw[field.localName], draw, all);
}

function damageList(list: unknown[], field: DescField, draw: Draw, all: readonly Message[]): void {
  const at = draw(list.length + 1);
  const choices = [
    () => list.splice(at, 1),
    () => list.splice(at, 0, ...list.slice(at, at + 1)),
    () => list.reverse(),
    () => list.splice(0),
  ];
  if (field.message || (list.length > 0 && draw(2) === 0)) pick(draw, choices)();
  else list.splice(at, draw(2), valueFor(field, list[at], draw, all));
}

function valueFor(field: DescField, old: unknown, draw: Draw, all: readonly Message[]): unknown {
  const number = pick(draw, integers);
  switch (field.scalar) {
    case ScalarType.STRING:
      if (field.localName === 'opType' && draw(2) === 0) return pick(draw, Object.keys(ops));
      return draw(3) === 0 ? pick(draw, strings) : textOf(pick(draw, all), draw);
    case ScalarType.BYTES: {
      const bytes = old instanceof Uint8Array ? old : new Uint8Array(4);
      const at = draw(bytes.length + 1);
      return pick(draw, [
        bytes.subarray(0, at),
        Buffer.concat([bytes, bytes.subarray(at)]),
        Buffer.from(pick(draw, strings)),
      ]);
    }
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return pick(draw, [0, -1, 0.5, 1e-30, 3e38, Number.NaN, Number.POSITIVE_INFINITY]);
    case ScalarType.INT64:
      return number;
    case ScalarType.UINT64:
      return BigInt.asUintN(64, number);
    default:
      return field.fieldKind === 'enum' ? draw(24) : Number(BigInt.asIntN(32, number));
  }
}

/** A text that the model has elsewhere: the names of values and operators, so that nodes read one another's. */
function textOf(message: Message, draw: Draw): string {
  const texts = Object.entries(message).flatMap(([key, value]): unknown[] =>
    key.startsWith('$') ? [] : Array.isArray(value) ? value : [value],
  );
  const found = texts.filter((each) => typeof each === 'string');
  return found.length === 0 ? '' : pick(draw, found);
}
