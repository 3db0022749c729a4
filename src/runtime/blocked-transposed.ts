/**
 * Transposed convolutions with strides, as the gradients of strided convolutions by their images are, in blocks of channels.
 * Positions of one row and one column modulo the stride meet the same taps of the kernel. So the rows of one place are an
 * ordinary convolution of the input, with taps of their own, which makes the channels of each place of columns in turn.
 */
import type { Attribute, Node } from '../graph/graph.js';
import { sizeOf } from '../tensor/shape.js';
import { zeros } from '../tensor/tensor.js';
import { fewestPositions } from './blocked-form.js';
import { mostPlaces, type Parts, placesOf, type Strides } from './blocked-places.js';
import { int, ints, type NodeMaker } from './node-maker.js';

/** Which tap of the kernel stands at each position of a convolution's own kernel along one axis; -1 for none. */
interface Taps {
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
}

/** A transposed convolution as one convolution for each place of rows. */
export interface TransposedForm {
  readonly strides: Strides;
  readonly rows: readonly (Taps | null)[];
  /** For each place of columns, all as many and with the same padding. */
  readonly columns: readonly Taps[];
}

/**
 * The form of a ConvTranspose, or null where it stays plain: its channels do not fill blocks, its strides are 1 or do not
 * divide its size, or it is in groups.
 * @param x dimensions of the input, (N, M, height, width)
 * @param w of the weights, (M, C, height, width)
 * @param y of the result, (N, C, height, width)
 */
export function transposedForm(
  { op, domain, inputs: [, , bias], attributes }: Node,
  [x, w, y]: readonly [readonly number[], readonly number[], readonly number[]],
  block: number,
): TransposedForm | null {
  if (op !== 'ConvTranspose' || domain !== '' || attributes['output_shape']) return null;
  const [padded, group] = [attributes['auto_pad'], attributes['group']];
  if (padded?.type === 'string' && padded.value !== 'NOTSET') return null;
  if (group?.type === 'int' && group.value !== 1) return null;
  if ([x, w, y].some(({ length }) => length !== 4) || sizeOf(w) === 0) return null;
  if ((x[1] ?? 1) % block !== 0 || (y[1] ?? 1) % block !== 0) return null;
  if (sizeOf(x) < (x[1] ?? 1) * fewestPositions) return null;
  const [strides, dilations] = [
    numbersOf(attributes['strides'], [1, 1]),
    numbersOf(attributes['dilations'], [1, 1]),
  ];
  const pads = numbersOf(attributes['pads'], [0, 0, 0, 0]);
  if (sizeOf(strides) < 2 || sizeOf(strides) > mostPlaces) return null;
  const along = (i: number, places: readonly number[]): Taps[] | null =>
    tapsOf(places, {
      found: (y[i + 2] ?? 0) / (strides[i] ?? 1),
      given: x[i + 2] ?? 0,
      kernel: w[i + 2] ?? 1,
      stride: strides[i] ?? 1,
      dilation: dilations[i] ?? 1,
      begin: pads[i] ?? 0,
    });
  const [down = 1, right = 1] = strides;
  if ((y[2] ?? 0) % down !== 0 || (y[3] ?? 0) % right !== 0) return null;
  const rows = placesOf(down).map((place) => along(0, [place]));
  const columns = along(1, placesOf(right));
  if (!columns || columns.length === 0 || rows.includes(null)) return null;
  const perRow = rows.map((taps) => taps?.[0] ?? null);
  return bias && perRow.includes(null) ? null : { strides: [down, right], rows: perRow, columns };
}

/**
 * Which taps reach each of some places, y[place + stride · i] = Σ w[tap] x[i + from], at the position of `from` in one kernel
 * for all of them. Empty where none reaches any, null where the input would have to be cut.
 */
function tapsOf(
  places: readonly number[],
  axis: {
    /** Positions of each place, and those of the input. */
    readonly found: number;
    readonly given: number;
    readonly kernel: number;
    readonly stride: number;
    readonly dilation: number;
    readonly begin: number;
  },
): Taps[] | null {
  const { found, given, kernel, stride, dilation, begin } = axis;
  const reached = places.map((place) => {
    const tapFrom = new Map<number, number>();
    for (let tap = 0; tap < kernel; tap++) {
      const distance = place + begin - tap * dilation;
      if (distance % stride === 0) tapFrom.set(distance / stride, tap);
    }
    return tapFrom;
  });
  const all = reached.flatMap((tapFrom) => [...tapFrom.keys()]);
  if (all.length === 0) return [];
  const [first, last] = [Math.min(...all), Math.max(...all)];
  // Not -first, which may be -0.
  const [before, after] = [0 - first, found + last - given];
  if (before < 0 || after < 0) return null;
  return reached.map((tapFrom) => {
    const taps = Array.from({ length: last - first + 1 }, (_, i) => tapFrom.get(first + i) ?? -1);
    return { taps, before, after };
  });
}

/**
 * The parts of a transposed convolution.
 * @param x its input in blocks
 * @param dims dimensions of weights and result
 * @returns nodes that lay the weights out, and the parts
 */
export function transposedParts(
  maker: NodeMaker,
  { inputs: [, w = '', bias], outputs: [y = ''] }: Node,
  { strides, rows, columns }: TransposedForm,
  x: string,
  [[made = 1, each = 1, height = 1, width = 1], dims]: readonly [
    readonly number[],
    readonly number[],
  ],
  block: number,
): [Node[], Parts] {
  const named = (name: string): string => maker.name(`${y}/${name}`);
  const [apart, turned, split] = [named('taps apart'), named('taps turned'), named('taps split')];
  const [ordered, flat, kernels] = [named('taps ordered'), named('taps flat'), named('kernels')];
  const [taps, inner, outer] = [height * width, made / block, each / block];
  const none = zeros('float32', [outer, 1, block * block]);
  // From (M, C, taps) to (C / block, M / block · taps, block of M · block of C), and a tap of zeros behind.
  const nodes = [
    maker.reshape(w, [(made * each) / block, block, taps, 1], apart),
    maker.node('ReorderInput', [apart], turned),
    maker.reshape(turned, [inner, block, outer, taps, block], split),
    maker.node('Transpose', [split], ordered, { perm: ints([2, 0, 3, 1, 4]) }, ''),
    maker.reshape(ordered, [outer, inner * taps, block * block], flat),
    maker.node(
      'Concat',
      [flat, maker.constant(`${y}/no tap`, none)],
      kernels,
      { axis: int(1) },
      '',
    ),
  ];
  const added: string[] = [];
  if (bias) {
    const [view, tiled, all] = [named('bias apart'), named('bias of places'), named('bias')];
    nodes.push(
      maker.reshape(bias, [outer, 1, block], view),
      maker.node(
        'Concat',
        columns.map(() => view),
        tiled,
        { axis: int(1) },
        '',
      ),
      maker.reshape(tiled, [each * columns.length], all),
    );
    added.push(all);
  }
  const parts = rows.map((row, place) => {
    if (!row) return null;
    const at = (name: string): string => maker.name(`${y}/rows ${place}/${name}`);
    const [cut, kernel, blocked] = [at('taps'), at('kernel'), at('blocked')];
    const shape = [row.taps.length, columns[0]?.taps.length ?? 1];
    // For each block of C: places of columns, blocks of M, taps.
    const list = columns.flatMap((column) =>
      Array.from({ length: inner }, (_, m) =>
        row.taps.flatMap((down) =>
          column.taps.map((right) =>
            down < 0 || right < 0 ? inner * taps : m * taps + down * width + right,
          ),
        ),
      ).flat(),
    );
    return {
      blocked,
      nodes: [
        maker.node('Gather', [kernels, maker.list(`${cut}/list`, list)], cut, { axis: int(1) }, ''),
        maker.reshape(cut, [each * columns.length, made, ...shape], kernel),
        maker.node('Conv', [x, kernel, ...added], blocked, {
          kernel_shape: ints(shape),
          pads: ints([row.before, columns[0]?.before ?? 0, row.after, columns[0]?.after ?? 0]),
        }),
      ],
    };
  });
  return [nodes, { dims, strides, parts }];
}

const numbersOf = (
  attribute: Attribute | undefined,
  absent: readonly number[],
): readonly number[] => (attribute?.type === 'ints' ? attribute.value : absent);
