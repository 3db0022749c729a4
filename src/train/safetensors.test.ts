import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.js';
import { bytesPerElement, type DType, viewBytes } from '../tensor/dtype.js';
import { sizeOf } from '../tensor/shape.js';
import { scalar, type Tensor, tensor, toNumbers, zeros } from '../tensor/tensor.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';

/** Made by the reference implementation, safetensors 0.8.0 for Python with numpy 2.4.6: `numpy.save(...)`. */
const reference =
  'QAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJzdGVwIjoiMTIifSwibiI6eyJkdHlwZSI6Ikk2NCIsInNoYXBlIjpbXSwiZGF0YV9vZmZzZXRzIjpbMCw4XX0s' +
  'Im5vbmUiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzAsM10sImRhdGFfb2Zmc2V0cyI6WzgsOF19LCJ3Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDJd' +
  'LCJkYXRhX29mZnNldHMiOls4LDI0XX0sImhhbGYiOnsiZHR5cGUiOiJGMTYiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlsyNCwyOF19LCJtYXNrIjp7' +
  'ImR0eXBlIjoiQk9PTCIsInNoYXBlIjpbM10sImRhdGFfb2Zmc2V0cyI6WzI4LDMxXX19ICAgICAgIPv/////////AADAPwAAAMAAAIA+AABAQAA8ALgBAAE=';

const sameAsReference: Record<string, Tensor> = {
  w: tensor('float32', [2, 2], [1.5, -2, 0.25, 3]),
  n: scalar('int64', -5),
  mask: tensor('bool', [3], [1, 0, 1]),
  half: tensor('float16', [2], [0x3c00, 0xb800]),
  none: zeros('float32', [0, 3]),
};

/** A file with any header and `size` zero bytes of elements. */
function file(header: unknown, size = 0, padding = 0): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text + ' '.repeat(padding));
  const bytes = new Uint8Array(8 + json.length + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function entry(dtype: unknown, shape: unknown, offsets: unknown): unknown {
  return { dtype, shape, data_offsets: offsets };
}

const dtypes = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
] as const satisfies readonly Exclude<DType, 'string'>[];

const anyTensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(3), { maxLength: 3 }))
  .chain(([dtype, dims]) => {
    const length = sizeOf(dims) * bytesPerElement(dtype);
    const max = dtype === 'bool' ? 1 : 255;
    return fc
      .uint8Array({ minLength: length, maxLength: length, max })
      .map((bytes) => ({ dtype, dims, data: viewBytes(dtype, bytes) }));
  });

function bits(value: Tensor): unknown {
  const data = value.data as Exclude<Tensor['data'], string[]>;
  return [
    value.dtype,
    value.dims,
    [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)],
  ];
}

describe('encodeSafetensors', () => {
  it('writes the bytes of the reference implementation', () => {
    const bytes = encodeSafetensors(sameAsReference, { step: '12' });
    expect(Buffer.from(bytes).toString('base64')).toBe(reference);
  });

  it('gives equal bytes whatever the order of the names', () => {
    const reversed = Object.fromEntries(Object.entries(sameAsReference).reverse());
    expect(encodeSafetensors(reversed, { b: '1', a: '2' })).toEqual(
      encodeSafetensors(sameAsReference, { a: '2', b: '1' }),
    );
  });

  it('aligns every tensor in the file', () => {
    const bytes = encodeSafetensors({
      a: tensor('bool', [3], [1, 1, 0]),
      b: tensor('float64', [1], [1]),
      c: tensor('int16', [1], [1]),
      d: tensor('float32', [1], [1]),
    });
    for (const { dtype, data } of Object.values(decodeSafetensors(bytes).tensors)) {
      expect((data as Uint8Array).buffer).toBe(bytes.buffer);
      expect((data as Uint8Array).byteOffset % bytesPerElement(dtype)).toBe(0);
    }
  });

  it.each<[string, Record<string, Tensor>, RegExp]>([
    ['text', { t: tensor('string', [1], ['a']) }, /unsupported dtype string of tensor "t"/],
    ['the reserved name', { __metadata__: scalar('float32', 1) }, /cannot be named/],
    [
      'a wrong length',
      { t: { dtype: 'float32', dims: [2, 2], data: new Float32Array(3) } },
      /tensor "t" of shape \[2, 2\] needs 4 elements, got 3/,
    ],
  ])('refuses %s', (_, tensors, message) => {
    expect(() => encodeSafetensors(tensors)).toThrow(DataError);
    expect(() => encodeSafetensors(tensors)).toThrow(message);
  });
});

describe('decodeSafetensors', () => {
  it('reads a file of the reference implementation', () => {
    const { tensors, metadata } = decodeSafetensors(Buffer.from(reference, 'base64'));
    expect(tensors).toEqual(sameAsReference);
    expect(metadata).toEqual({ step: '12' });
  });

  it('brings back every dtype, shape, name and bit', () => {
    const names = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');
    fc.assert(
      fc.property(
        fc.dictionary(names, anyTensor, { maxKeys: 6, noNullPrototype: true }),
        fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true }),
        fc.nat(7),
        (tensors, metadata, offset) => {
          const encoded = encodeSafetensors(tensors, metadata);
          const shifted = Buffer.concat([Buffer.alloc(offset), encoded]).subarray(offset);
          const decoded = decodeSafetensors(shifted);
          expect(Object.keys(decoded.tensors).sort()).toEqual(Object.keys(tensors).sort());
          for (const [name, value] of Object.entries(tensors))
            expect(bits(decoded.tensors[name] ?? scalar('bool', 0))).toEqual(bits(value));
          expect(decoded.metadata).toEqual(metadata);
        },
      ),
      { seed: 7, numRuns: 200 },
    );
  });

  it('reads tensors that lie unaligned, inside a Node Buffer too', () => {
    // "b" shifts "x" to an odd place; the header is not padded.
    const header = {
      b: entry('U8', [1], [0, 1]),
      x: entry('F64', [1], [1, 9]),
    };
    const bytes = file(header, 9);
    new DataView(bytes.buffer).setFloat64(bytes.length - 8, 2.5, true);
    for (const offset of [0, 1, 2, 3, 4, 5, 6, 7]) {
      const whole = Buffer.concat([Buffer.alloc(offset), bytes]);
      const { x } = decodeSafetensors(whole.subarray(offset)).tensors;
      expect(x && toNumbers(x)).toEqual([2.5]);
    }
  });

  it('keeps a name that is special in JavaScript an ordinary one', () => {
    const tensors = JSON.parse('{"__proto__": null}') as Record<string, Tensor>;
    Object.defineProperty(tensors, '__proto__', { value: scalar('uint8', 3), enumerable: true });
    const decoded = decodeSafetensors(encodeSafetensors(tensors)).tensors;
    expect(Object.keys(decoded)).toEqual(['__proto__']);
  });

  it('finds every truncation of a file', () => {
    const bytes = encodeSafetensors(sameAsReference, { step: '12' });
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeSafetensors(bytes.subarray(0, length), 'last')).toThrow(
        /^last: truncated: /,
      );
  });

  it.each<[string, Uint8Array, RegExp]>([
    [
      'a header over the limit',
      file('', 0).fill(255, 0, 8),
      /a header of 18446744073709551615 bytes is over the limit/,
    ],
    ['a header that is not an object', file('[]'), /does not begin with "\{"/],
    ['a header that is not JSON', file('{"a":'), /is not JSON in UTF-8/],
    ['a header that is not UTF-8', file('{"é":1}').fill(0xff, 10, 11), /is not JSON in UTF-8/],
    ['metadata that is not text', file({ __metadata__: { a: 1 } }), /"a" is not text/],
    ['metadata that is no object', file({ __metadata__: [] }), /__metadata__ is not an object/],
    ['an entry that is no object', file({ a: 1 }), /tensor "a" is not described by an object/],
    [
      'an unknown dtype',
      file({ a: entry('F8', [1], [0, 1]) }, 1),
      /unsupported dtype "F8" of tensor "a"/,
    ],
    ['a negative dimension', file({ a: entry('U8', [-1], [0, 1]) }, 1), /invalid shape \[-1\]/],
    [
      'a fractional dimension',
      file({ a: entry('U8', [0.5], [0, 1]) }, 1),
      /invalid shape \[0\.5\]/,
    ],
    ['a shape that overflows', file({ a: entry('U8', [2 ** 40, 2 ** 40], [0, 1]) }, 1), /span 1/],
    [
      'missing offsets',
      file({ a: entry('U8', [1], undefined) }, 1),
      /invalid data_offsets undefined/,
    ],
    ['three offsets', file({ a: entry('U8', [1], [0, 1, 2]) }, 1), /invalid data_offsets/],
    ['offsets that run back', file({ a: entry('U8', [1], [2, 1]) }, 2), /span -1/],
    ['offsets of another size', file({ a: entry('F32', [2], [0, 4]) }, 4), /takes 8 bytes.*span 4/],
    [
      'a tensor past the end',
      file({ a: entry('U8', [4], [0, 4]) }, 3),
      /ends at byte 4 of 3 present/,
    ],
    [
      'an overlap',
      file({ a: entry('U8', [2], [0, 2]), b: entry('U8', [2], [1, 3]) }, 3),
      /tensor "b" overlaps the one before it at byte 1/,
    ],
    [
      'a hole',
      file({ a: entry('U8', [1], [0, 1]), b: entry('U8', [1], [2, 3]) }, 3),
      /bytes 1 to 2, before tensor "b", belong to none/,
    ],
    ['bytes left over', file({ a: entry('U8', [1], [0, 1]) }, 3), /2 bytes after the last tensor/],
    ['a BOOL that is 9', file({ a: entry('BOOL', [1], [0, 1]) }, 1).fill(9, -1), /neither 0 nor 1/],
  ])('refuses %s and names the place', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'model.safetensors')).toThrow(DataError);
    expect(() => decodeSafetensors(bytes, 'model.safetensors')).toThrow(message);
    expect(() => decodeSafetensors(bytes, 'model.safetensors')).toThrow(/^model\.safetensors: /);
  });
});
