/** Small graphs for the cases of If, Loop and Scan. */
import type { Graph, Node } from '../graph/graph.js';
import { tensor } from '../tensor/tensor.js';

const node = (op: string, inputs: readonly string[], outputs: readonly string[]): Node => ({
  name: outputs[0] ?? '',
  op,
  domain: '',
  inputs,
  outputs,
  attributes: {},
});

/** Branches that give constants of these shapes. */
export function branches(
  yes: readonly number[],
  no: readonly number[],
): { then_branch: Graph; else_branch: Graph } {
  const branch = (name: string, dims: readonly number[]): Graph => ({
    name,
    inputs: [],
    outputs: [{ name: `${name}/y`, dtype: 'float32', shape: dims }],
    nodes: [node('Identity', [`${name}/x`], [`${name}/y`])],
    initializers: new Map([
      [`${name}/x`, tensor('float32', dims, new Array(dims.reduce((a, c) => a * c, 1)).fill(1))],
    ]),
    values: new Map(),
  });
  return { then_branch: branch('yes', yes), else_branch: branch('no', no) };
}

/** Squares its value and collects what it was. */
export function loopBody(): Graph {
  return {
    name: 'body',
    inputs: [
      { name: 'body/i', dtype: 'int64', shape: [] },
      { name: 'body/go', dtype: 'bool', shape: [] },
      { name: 'body/v', dtype: 'float32', shape: null },
    ],
    outputs: [
      { name: 'body/on', dtype: 'bool', shape: [] },
      { name: 'body/square', dtype: 'float32', shape: null },
      { name: 'body/was', dtype: 'float32', shape: null },
    ],
    nodes: [
      node('Identity', ['body/go'], ['body/on']),
      node('Mul', ['body/v', 'body/v'], ['body/square']),
      node('Identity', ['body/v'], ['body/was']),
    ],
    initializers: new Map(),
    values: new Map(),
  };
}

/** Running sums. */
export function scanBody(): Graph {
  return {
    name: 'sum',
    inputs: [
      { name: 'sum/before', dtype: 'float32', shape: [2] },
      { name: 'sum/x', dtype: 'float32', shape: [2] },
    ],
    outputs: [
      { name: 'sum/after', dtype: 'float32', shape: [2] },
      { name: 'sum/y', dtype: 'float32', shape: [2] },
    ],
    nodes: [
      node('Add', ['sum/before', 'sum/x'], ['sum/after']),
      node('Identity', ['sum/after'], ['sum/y']),
    ],
    initializers: new Map(),
    values: new Map(),
  };
}
