/** What an ONNX file holds, as data for JSON and as text. */
import type { Graph, Model, ValueInfo } from '../graph/graph.js';
import { type ClassifierSpec, readSpec } from '../onnx/metadata.js';
import { unreadInitializers } from '../onnx/read.js';
import { bytesPerElement, isFloat } from '../tensor/dtype.js';
import { formatShape, sizeOf } from '../tensor/shape.js';
import type { ModelAnalysis } from './model-analysis.js';
import { formatBytes, formatCount } from './model-tables.js';
import { operatorInfo } from './operator-info.js';
import { counted, grouped, textTable } from './text-table.js';

/** A weight or constant. */
export interface InitializerSummary {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly elements: number;
}

/** One kind of node. */
export interface OperatorSummary {
  readonly op: string;
  /** '' is the standard domain. */
  readonly domain: string;
  readonly nodes: number;
  /** `unknown` where the table does not have it. */
  readonly gradient: 'yes' | 'zero' | 'none' | 'unknown';
  readonly reason: string;
}

/** All that `inspect` says without being asked for more. */
export interface ModelSummary {
  readonly name: string;
  readonly producer: string;
  readonly irVersion: number;
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly Omit<ValueInfo, 'kept'>[];
  readonly outputs: readonly Omit<ValueInfo, 'kept'>[];
  /** Numbers in floating-point initializers: what could be trained. */
  readonly parameters: number;
  readonly initializers: readonly InitializerSummary[];
  /** Bytes of all initializers. */
  readonly bytes: number;
  /** Initializers of kinds that cannot be used, by name. */
  readonly unread: Readonly<Record<string, string>>;
  readonly operators: readonly OperatorSummary[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Classes and preprocessing, where the metadata tell them. */
  readonly spec: ClassifierSpec | null;
}

/** Sums a model up. @throws ModelError where its own metadata block is broken. */
export function summarize(model: Model): ModelSummary {
  const { graph, metadata, producer, irVersion, opsets } = model;
  const plain = ({ name, dtype, shape }: ValueInfo) => ({ name, dtype, shape });
  const tensors = [...graph.initializers].map(([name, { dtype, dims }]) => ({
    ...{ name, dtype, shape: dims, elements: sizeOf(dims) },
  }));
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  return {
    ...{ name: graph.name, producer, irVersion, opsets },
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(plain),
    outputs: graph.outputs.map(plain),
    parameters: sum(tensors.filter(({ dtype }) => isFloat(dtype)).map(({ elements }) => elements)),
    initializers: tensors,
    bytes: sum(
      tensors.map(({ dtype, elements }) =>
        dtype === 'string' ? 0 : elements * bytesPerElement(dtype),
      ),
    ),
    unread: Object.fromEntries(unreadInitializers(graph)),
    operators: countOperators(graph),
    metadata,
    spec: readSpec(metadata),
  };
}

function countOperators(graph: Graph): OperatorSummary[] {
  const counts = new Map<string, OperatorSummary>();
  for (const { op, domain } of graph.nodes) {
    const key = `${domain}:${op}`;
    const info = operatorInfo(op, domain);
    const known = counts.get(key) ?? {
      ...{ op, domain, nodes: 0, gradient: info?.gradient ?? ('unknown' as const) },
      reason: info?.reason ?? '',
    };
    counts.set(key, { ...known, nodes: known.nodes + 1 });
  }
  return [...counts.values()].sort((a, b) => b.nodes - a.nodes || (a.op < b.op ? -1 : 1));
}

/** Lists longer than this are cut, metadata longer than that too, unless `whole` is set. */
const longest = { initializers: 40, text: 160 };

/** The head of a summary as text: what the file is, and what it comes to. */
export function describeHead(
  file: string,
  summary: ModelSummary,
  { totals }: ModelAnalysis,
  whole: boolean,
): string {
  const { inputs, outputs, opsets, spec } = summary;
  const versions = Object.entries(opsets).map(([domain, n]) => `${domain || 'ai.onnx'} ${n}`);
  const { parameters, trainable, macs } = totals;
  return textTable(
    [],
    [
      ['file', file],
      ['graph', summary.name],
      ['written by', `${summary.producer || 'unknown'}, IR version ${summary.irVersion}`],
      ['operator sets', versions.join(', ')],
      ...inputs.map((value, i) => [i === 0 ? 'inputs' : '', formatInfo(value)]),
      ...outputs.map((value, i) => [i === 0 ? 'outputs' : '', formatInfo(value)]),
      ...(spec ? [['classes', cut(spec.classes.join(', '), whole)]] : []),
      [
        'parameters',
        `${grouped(parameters)} (${formatBytes(summary.bytes)})${trainable === null || trainable === parameters ? '' : `, ${grouped(trainable)} of them trainable`}`,
      ],
      [
        'multiply-adds',
        macs === null
          ? 'unknown'
          : macs < 1000
            ? String(macs)
            : `${formatCount(macs)} (${grouped(macs)})`,
      ],
    ],
  );
}

/** The lists of a summary as text: operators, weights, metadata. */
export function describeLists(summary: ModelSummary, whole: boolean): string[] {
  return [
    describeOperators(summary),
    ...(summary.initializers.length > 0 ? [describeInitializers(summary, whole)] : []),
    ...describeMetadata(summary, whole),
  ];
}

function describeOperators({ operators }: ModelSummary): string {
  const rows = operators.map(({ op, domain, nodes: count, gradient, reason }) => [
    domain === '' ? op : `${domain}.${op}`,
    String(count),
    gradient,
    reason,
  ]);
  return `${counted(operators.length, 'operator')}\n${textTable(
    ['operator', 'nodes', 'gradient', ''],
    rows,
    ['left', 'right'],
  )}`;
}

function describeInitializers({ initializers, unread }: ModelSummary, whole: boolean): string {
  const shown = whole ? initializers : initializers.slice(0, longest.initializers);
  const rows = shown.map(({ name, dtype, shape, elements }) => [
    name,
    `${dtype}${formatShape(shape)}`,
    grouped(elements),
  ]);
  const more = initializers.length - shown.length;
  const lines = [
    counted(initializers.length, 'initializer'),
    textTable(['name', 'type', 'numbers'], rows, ['left', 'left', 'right']),
    ...(more > 0 ? [`  and ${grouped(more)} more: --whole shows them`] : []),
    ...Object.entries(unread).map(([name, kind]) => `  ${name} is ${kind}, which is not read`),
  ];
  return lines.join('\n');
}

function describeMetadata({ metadata }: ModelSummary, whole: boolean): string[] {
  const rows = Object.entries(metadata).map(([key, value]) => [key, cut(value, whole)]);
  return rows.length === 0 ? [] : [`metadata\n${textTable([], rows)}`];
}

function cut(text: string, whole: boolean): string {
  return whole || text.length <= longest.text ? text : `${text.slice(0, longest.text)}…`;
}

/** `x: float32[batch, 10]`; `?` for what the file does not state. */
function formatInfo({ name, dtype, shape }: Omit<ValueInfo, 'kept'>): string {
  return `${name}: ${dtype ?? '?'}${shape ? formatShape(shape) : '[?]'}`;
}
