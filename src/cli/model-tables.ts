/** The analysis of a model as text: nodes with their costs, values, feature maps. */
import { type Dim, formatShape, type Shape } from '../tensor/shape.js';
import type {
  FieldSummary,
  ModelAnalysis,
  NodeSummary,
  TapSummary,
  ValueSummary,
} from './model-analysis.js';
import { type Align, counted, grouped, textTable } from './text-table.js';

/** Rows of a list that is cut, and letters of a name. */
const longest = { rows: 40, name: 36 };

/** `1.24 M`, `21.8 k`, `512`; `?` for what is not known. */
export function formatCount(count: number | null): string {
  if (count === null) return '?';
  const units = ['', ' k', ' M', ' G', ' T'];
  let [value, unit] = [count, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return unit === 0 ? String(count) : `${value.toPrecision(3)}${units[unit]}`;
}

/** `3.31 MB`; `?` for what is not known. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '?';
  const text = formatCount(bytes)
    .replace('k', 'kB')
    .replace(/[MGT]$/, '$&B');
  return text.endsWith('B') ? text : `${text} B`;
}

/** `64 x 113 x 113`: a map without its batch. */
const formatMap = (...dims: readonly Dim[]): string => dims.join(' x ');

/** `23 x 23`, `~7 x 7` for a bound; fractions of pixels are told to two digits. */
function formatAxes(numbers: readonly number[], isBound = false): string {
  return `${isBound ? '~' : ''}${numbers.map(formatPixels).join(' x ')}`;
}

const formatPixels = (value: number): string => String(Number(value.toFixed(2)));

function fieldCells(field: FieldSummary | null, exact: boolean | null): string[] {
  return field
    ? [
        formatAxes(field.size, exact === false),
        formatAxes(field.stride),
        field.offset.map(formatPixels).join(', '),
      ]
    : ['', '', ''];
}

/** The rows to show, and a line that says how many are not. */
function cutRows<T>(rows: readonly T[], whole: boolean): { shown: readonly T[]; more: string[] } {
  const shown = whole ? rows : rows.slice(0, longest.rows);
  const more = rows.length - shown.length;
  return { shown, more: more > 0 ? [`  and ${grouped(more)} more: --whole shows them`] : [] };
}

/** The end of a name tells more than its beginning: exporters write paths. */
function cutName(name: string, whole: boolean): string {
  const letters = [...name];
  return whole || letters.length <= longest.name
    ? name
    : `…${letters.slice(1 - longest.name).join('')}`;
}

/** Every node with what it makes, costs and sees, and the sums. */
export function describeNodes(analysis: ModelAnalysis, whole: boolean): string {
  const { nodes, totals, values } = analysis;
  const byName = new Map(values.map((value) => [value.name, value]));
  const listed = nodes.filter(({ constant }) => whole || !constant);
  const { shown, more } = cutRows(listed, whole);
  const hidden = nodes.length - listed.length;
  const rows = shown.map((node) => nodeRow(node, byName, whole));
  const sums = [
    ...['together', '', '', formatCount(totals.parameters)],
    ...[formatCount(totals.macs), formatBytes(totals.bytes)],
  ];
  const heading = [
    ...['node', 'operator', 'output', 'parameters', 'multiply-adds', 'memory'],
    ...(analysis.image === null ? [] : ['sees', 'stride']),
  ];
  const align: Align[] = ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right'];
  const lines = textTable(heading, [...rows, sums], align).split('\n');
  return [
    `${counted(nodes.length, 'node')}${assumptions(analysis)}`,
    ...lines.slice(0, -1),
    ...more,
    ...lines.slice(-1),
    ...(hidden > 0
      ? [`  without ${counted(hidden, 'node')} of constants: --whole shows them`]
      : []),
  ].join('\n');
}

function nodeRow(
  { name, op, domain, outputs, parameters, macs, bytes }: NodeSummary,
  values: ReadonlyMap<string, ValueSummary>,
  whole: boolean,
): string[] {
  const made = values.get(outputs.find((output) => output !== '') ?? '');
  const [size = '', stride = ''] = fieldCells(made?.receptiveField ?? null, made?.exact ?? null);
  return [
    cutName(name, whole),
    domain === '' ? op : `${domain}.${op}`,
    made?.dtype && made.shape ? `${made.dtype}${formatShape(made.shape)}` : '?',
    parameters === 0 ? '' : formatCount(parameters),
    macs === 0 ? '' : formatCount(macs),
    formatBytes(bytes),
    ...(size === '' ? [] : [size, stride]),
  ];
}

/** What the figures stand on. */
function assumptions({ dimensions, image }: ModelAnalysis): string {
  const sizes = Object.entries(dimensions).map(([name, size]) => `${name} = ${size}`);
  const parts = [
    ...(sizes.length > 0 ? [`figures for ${sizes.join(', ')}`] : []),
    ...(image === null ? [] : [`sees and stride in pixels of "${image}", ~ is a bound`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

/** Every value with its type and what it sees. */
export function describeValues({ values }: ModelAnalysis, whole: boolean): string {
  const { shown, more } = cutRows(values, whole);
  const rows = shown.map(
    ({ name, kind, dtype, shape, bytes, receptiveField, exact, trainable }) => [
      cutName(name, whole),
      kind === 'initializer' && trainable ? 'trainable' : kind,
      typeOf(dtype, shape),
      formatBytes(bytes),
      ...fieldCells(receptiveField, exact),
    ],
  );
  const heading = ['value', 'kind', 'type', 'memory', 'sees', 'stride', 'offset'];
  const align: Align[] = ['left', 'left', 'left', 'right', 'right', 'right', 'right'];
  return [counted(values.length, 'value'), textTable(heading, rows, align), ...more].join('\n');
}

const typeOf = (dtype: string | null, shape: Shape | null): string =>
  `${dtype ?? '?'}${shape ? formatShape(shape) : '[?]'}`;

/** The maps fit for hypercolumns. */
export function describeTaps({ taps, image }: ModelAnalysis): string {
  if (taps.length === 0)
    return `no feature maps: ${image === null ? 'no input has height and width' : 'no value is (batch, channels, height, width) with a known receptive field'}`;
  const rows = taps.map(({ name, op, channels, height, width, receptiveField, exact }) => [
    ...[name, op, String(channels), formatMap(height, width)],
    ...fieldCells(receptiveField, exact),
  ]);
  const heading = ['feature map', 'operator', 'channels', 'map', 'sees', 'stride', 'offset'];
  const align: Align[] = ['left', 'left', 'right', 'right', 'right', 'right', 'right'];
  const sum = taps.reduce((all: number, { channels }: TapSummary) => all + channels, 0);
  return [
    `${counted(taps.length, 'feature map')}, ${counted(sum, 'channel')} together (in pixels of "${image}")`,
    textTable(heading, rows, align),
  ].join('\n');
}
