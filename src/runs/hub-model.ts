/** A classifier in the form that transformers.js asks for: `pixel_values` in, `logits` out. */
import { ModelError } from '../errors.js';
import type { Attribute, Graph, Model, Node, ValueInfo } from '../graph/graph.js';
import { type ClassifierSpec, describeClassifier, type Preprocessing } from '../onnx/metadata.js';
import { type Shape, sizeOf } from '../tensor/shape.js';
import { type Tensor, tensor } from '../tensor/tensor.js';

/** The names that transformers.js hands images in by, and takes scores out by. */
const names = { input: 'pixel_values', output: 'logits' } as const;

/** ITU-R BT.601: how much red, green and blue there is in grey. */
const greyWeights = [0.299, 0.587, 0.114];

/** Numbers of the ONNX dtypes that are cast from and to. */
const onnxTypes = { float32: 1, float16: 10 } as const;

/** A model with the spec that is true of it. */
export interface HubModel {
  readonly model: Model;
  readonly spec: ClassifierSpec & { readonly preprocessing: Preprocessing };
}

/** Which of a model's inputs and outputs are meant, where there are several. */
export interface HubNames {
  readonly input?: string | undefined;
  readonly output?: string | undefined;
}

/**
 * The model with one input `pixel_values`, float32 (batch, 3, height, width) in red, green, blue, and one output
 * `logits`, float32 (batch, classes). Images become what the model itself takes by nodes before it: grey, other
 * orders of axes or colours. A softmax at the end is left out, since transformers.js makes its own.
 * @throws ModelError where the spec has no preprocessing, is of no classifier of images, or no input or output fits.
 */
export function hubModel(model: Model, spec: ClassifierSpec, given: HubNames = {}): HubModel {
  const { preprocessing } = spec;
  if (preprocessing === null || spec.task !== 'classification')
    throw new ModelError(
      `only a classifier of images whose preprocessing is known can be exported to a Hugging Face folder. ${preprocessing === null ? 'Say how images go in.' : 'This one labels pixels.'}`,
      { actual: spec.task },
    );
  const input = chooseInput(model.graph, given.input);
  const scores = chooseScores(model.graph, given.output, spec.classes.length);
  const before = imageNodes(input, preprocessing, model.graph);
  const after = scoreNodes(scores, before.graph);
  const hubSpec = { ...spec, preprocessing: inColour(preprocessing) };
  const batch = input.shape?.[0] ?? 'batch';
  const graph: Graph = {
    ...after.graph,
    inputs: [
      {
        name: names.input,
        dtype: 'float32',
        shape: [batch, 3, preprocessing.height, preprocessing.width],
      },
      // Weights that old files list among the inputs.
      ...after.graph.inputs.filter(({ name }) => after.graph.initializers.has(name)),
    ],
    outputs: [{ name: names.output, dtype: 'float32', shape: [batch, spec.classes.length] }],
    nodes: needed(after.graph.nodes, names.output),
  };
  const metadata = { ...model.metadata, ...describeClassifier(hubSpec) };
  return { model: { ...model, graph, metadata }, spec: hubSpec };
}

/** How RGB images go in: the numbers of a grey image for each colour, those of BGR in the other order. */
function inColour(preprocessing: Preprocessing): Preprocessing {
  const { colour, mean, std } = preprocessing;
  const spread = (values: readonly number[]): number[] =>
    colour === 'grey'
      ? [0, 1, 2].map(() => values[0] ?? 0)
      : colour === 'bgr'
        ? values.toReversed()
        : [...values];
  const numbers = { mean: spread(mean), std: spread(std) };
  return { ...preprocessing, ...numbers, channels: 3, colour: 'rgb', layout: 'NCHW' };
}

function chooseInput(graph: Graph, wanted: string | undefined): ValueInfo {
  const inputs = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  const [only, ...more] = inputs;
  const chosen =
    wanted === undefined ? (more.length === 0 ? only : undefined) : inputs.find(isCalled(wanted));
  if (chosen) return chosen;
  throw new ModelError(
    `the model takes ${inputs.map(({ name }) => name).join(', ') || 'no input'}: ${wanted === undefined ? 'a classifier of images has one' : `there is no "${wanted}" among them`}`,
    { expected: wanted, actual: inputs.map(({ name }) => name) },
  );
}

const isCalled = (wanted: string) => (info: ValueInfo) => info.name === wanted;

/** The output of scores: the one asked for, or called `logits`, or of one row of `classes` numbers an image. */
function chooseScores({ outputs }: Graph, wanted: string | undefined, classes: number): ValueInfo {
  const fits = ({ shape }: ValueInfo): boolean =>
    shape === null ||
    (shape.length > 1 && (typeof shape[1] === 'string' || shape[1] === classes) && isRow(shape));
  const chosen =
    wanted === undefined
      ? (outputs.find(isCalled(names.output)) ?? outputs.find(fits))
      : outputs.find(isCalled(wanted));
  if (chosen) return chosen;
  const seen = outputs.map(({ name }) => name);
  throw new ModelError(
    `the model gives ${seen.join(', ')}: ${wanted === undefined ? `none is a row of ${classes} scores for each image` : `there is no "${wanted}" among them`}`,
    { expected: wanted ?? classes, actual: seen },
  );
}

const isRow = (shape: Shape): boolean => shape.slice(2).every((dim) => dim === 1);

/** A graph on the way, and the name that a value of it has by now. */
interface Renamed {
  readonly graph: Graph;
  readonly name: string;
}

/** The graph with the nodes from `pixel_values` to what its own input was. */
function imageNodes(
  input: ValueInfo,
  { colour, layout }: Preprocessing,
  original: Graph,
): { readonly graph: Graph } {
  const isSame = colour === 'rgb' && layout === 'NCHW' && input.dtype !== 'float16';
  if (isSame && input.name === names.input) return { graph: original };
  const { graph, name } = freed(original, names.input, input.name);
  const steps: ((from: string, to: string) => Node)[] = [];
  const kernel = freshName(graph, 'channel_kernel');
  if (colour !== 'rgb') steps.push((from, to) => makeNode('Conv', [from, kernel], to));
  if (layout === 'NHWC') {
    const perm: Attribute = { type: 'ints', value: [0, 2, 3, 1] };
    steps.push((from, to) => makeNode('Transpose', [from], to, { perm }));
  }
  if (layout === 'flat') steps.push((from, to) => makeNode('Flatten', [from], to));
  if (input.dtype === 'float16') steps.push((from, to) => castNode(from, to, 'float16'));
  if (steps.length === 0) steps.push((from, to) => makeNode('Identity', [from], to));
  let from: string = names.input;
  const nodes = steps.map((step, i) => {
    const to = i === steps.length - 1 ? name : freshName(graph, `images_${i + 1}`);
    const node = step(from, to);
    from = to;
    return node;
  });
  const initializers = new Map(graph.initializers);
  if (colour !== 'rgb') initializers.set(kernel, channelKernel(colour));
  return { graph: { ...graph, initializers, nodes: [...nodes, ...graph.nodes] } };
}

/** A 1 x 1 kernel from RGB to grey or BGR. */
function channelKernel(colour: 'grey' | 'bgr'): Tensor {
  if (colour === 'grey') return tensor('float32', [1, 3, 1, 1], greyWeights);
  const rows = [2, 1, 0].flatMap((source) => [0, 1, 2].map((c) => (c === source ? 1 : 0)));
  return tensor('float32', [3, 3, 1, 1], rows);
}

/** The graph with `logits` made of the scores, or of what a final softmax makes them of. */
function scoreNodes(scores: ValueInfo, original: Graph): { readonly graph: Graph } {
  const source = beforeSoftmax(scores.name, original);
  const isFlat = scores.shape === null || scores.shape.length === 2;
  const isHalf = scores.dtype === 'float16';
  if (source === names.output && isFlat && !isHalf) return { graph: original };
  const { graph, name } = freed(original, names.output, source);
  const flat = isHalf ? freshName(graph, 'scores') : names.output;
  const added = [
    makeNode(isFlat ? 'Identity' : 'Flatten', [name], flat),
    ...(isHalf ? [castNode(flat, names.output, 'float32')] : []),
  ];
  return { graph: { ...graph, nodes: [...graph.nodes, ...added] } };
}

/** The name of what a final softmax takes, or of the scores themselves; Identity nodes stand for what they read. */
function beforeSoftmax(scores: string, { nodes }: Graph): string {
  let name = scores;
  for (const node of nodes.toReversed()) {
    if (!node.outputs.includes(name) || node.domain !== '') continue;
    if (node.op === 'Softmax') return node.inputs[0] ?? scores;
    if (node.op !== 'Identity') return scores;
    name = node.inputs[0] ?? '';
  }
  return scores;
}

const makeNode = (
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Node['attributes'] = {},
): Node => ({ name: output, op, domain: '', inputs, outputs: [output], attributes });

const castNode = (from: string, to: string, dtype: keyof typeof onnxTypes): Node =>
  makeNode('Cast', [from], to, { to: { type: 'int', value: onnxTypes[dtype] } });

function isTaken(graph: Graph, name: string): boolean {
  return (
    graph.initializers.has(name) ||
    graph.inputs.some(isCalled(name)) ||
    graph.nodes.some(({ outputs }) => outputs.includes(name))
  );
}

function freshName(graph: Graph, stem: string): string {
  let name = stem;
  for (let i = 1; isTaken(graph, name); i++) name = `${stem}_${i}`;
  return name;
}

/** Gives the value called `wanted`, if there is one, another name; `name` is followed. */
function freed(graph: Graph, wanted: string, name: string): Renamed {
  if (!isTaken(graph, wanted)) return { graph, name };
  if (hasGraphs(graph.nodes))
    throw new ModelError(
      `the model has a value of its own called "${wanted}", which transformers.js uses for another. Rename it.`,
      { actual: wanted },
    );
  const other = freshName(graph, `own_${wanted}`);
  const rename = (old: string): string => (old === wanted ? other : old);
  const renameInfo = <T extends ValueInfo>(info: T): T => ({ ...info, name: rename(info.name) });
  return {
    name: rename(name),
    graph: {
      ...graph,
      inputs: graph.inputs.map(renameInfo),
      initializers: new Map([...graph.initializers].map(([key, data]) => [rename(key), data])),
      values: new Map([...graph.values].map(([key, info]) => [rename(key), renameInfo(info)])),
      nodes: graph.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
      })),
    },
  };
}

/** Whether nodes hold graphs, which may read any value around them. */
function hasGraphs(nodes: readonly Node[]): boolean {
  return nodes.some(({ attributes }) =>
    Object.values(attributes).some(({ type }) => type === 'graph' || type === 'opaque'),
  );
}

/** The nodes that `output` depends on; all of them where some hold graphs. */
function needed(nodes: readonly Node[], output: string): Node[] {
  if (hasGraphs(nodes)) return [...nodes];
  const wanted = new Set([output]);
  return nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((name) => wanted.has(name))) return false;
      for (const input of node.inputs) wanted.add(input);
      return true;
    })
    .toReversed();
}

/** Numbers in a model's float weights, for its card. */
export function weightCount({ graph }: Model): number {
  let count = 0;
  for (const { dtype, dims } of graph.initializers.values())
    if (dtype.startsWith('float')) count += sizeOf(dims);
  return count;
}
