import { describe, expect, it } from 'vitest';
import { builder } from '../ops/builder.js';
import { type Tensor, tensor, zeros } from '../tensor/tensor.js';
import type { Graph, Node } from './graph.js';
import { printGraph } from './print.js';

const node = (op: string, inputs: string[], outputs: string[], rest: Partial<Node> = {}): Node => ({
  name: '',
  domain: '',
  attributes: {},
  ...{ op, inputs, outputs },
  ...rest,
});

const graph = (nodes: readonly Node[], rest: Partial<Graph> = {}): Graph => ({
  name: 'g',
  inputs: [{ name: 'x', dtype: 'float32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: null }],
  initializers: new Map(),
  values: new Map(),
  nodes,
  ...rest,
});

describe('printGraph', () => {
  it('prints a classifier as it runs', () => {
    const b = builder();
    const x = b.input('x', 'float32', ['batch', 784]);
    const w = b.initializer('w', zeros('float32', [2, 784]));
    const bias = b.initializer('b', tensor('float32', [2], [0.5, -3]));
    const h = b.Gemm(x, w, bias, { transB: 1 });
    b.output(b.Softmax(h, { axis: 1 }), 'y');
    b.output(b.Mul(h, 0.1), 'scaled');
    expect(printGraph(b.build('net'))).toMatchInlineSnapshot(`
      "graph net
      inputs:
        %x: float32[batch, 784]
      initializers:
        %w: float32[2, 784]
        %b: float32[2] = [0.5, -3]
        %const: float32[] = 0.1
      nodes:
        %Gemm: float32[batch, 2]    = Gemm(%x, %w, %b) {transB: 1}
        %Softmax: float32[batch, 2] = Softmax(%Gemm) {axis: 1}
        %y: float32[batch, 2]       = Identity(%Softmax)  # Identity
        %Mul: float32[batch, 2]     = Mul(%Gemm, %const)
        %scaled: float32[batch, 2]  = Identity(%Mul)  # Identity_1
      outputs:
        %y: float32[batch, 2]
        %scaled: float32[batch, 2]"
    `);
  });

  it('says none for what is absent, and names nodes that have a name of their own', () => {
    const clip = node('Clip', ['x', '', 'high'], ['y', ''], { name: 'clip it' });
    const high = tensor('float32', [], [6]);
    const text = printGraph(graph([clip], { initializers: new Map([['high', high]]) }));
    expect(text).toContain('%y: float32[?], none = Clip(%x, none, %high)  # clip it');
    expect(text).toContain('%high: float32[] = 6');
  });

  it('lets given types win over stated ones', () => {
    const types = new Map([['y', { dtype: 'float32', shape: [7, 2] } as const]]);
    expect(printGraph(graph([node('Relu', ['x'], ['y'])]), types)).toContain(
      '%y: float32[7, 2] = Relu(%x)',
    );
  });

  it('shows attributes of every type, and foreign domains', () => {
    const inner = graph([node('Neg', ['x'], ['y'])], { name: 'body', inputs: [] });
    const odd = node('Odd', ['x'], ['y'], {
      domain: 'com.example',
      attributes: {
        i: { type: 'int', value: 1 },
        s: { type: 'string', value: 'a "b"' },
        l: { type: 'ints', value: [1, 2] },
        t: { type: 'tensor', value: tensor('int64', [2], [3, 4]) },
        big: { type: 'tensor', value: zeros('float32', [3, 3]) },
        body: { type: 'graph', value: inner },
        o: { type: 'opaque', kept: null },
      },
    });
    const lines = printGraph(graph([odd])).split('\n');
    expect(lines).toContain(
      '  %y: float32[?] = com.example.Odd(%x) {i: 1, s: "a \\"b\\"", l: [1, 2], t: [3, 4], big: float32[3, 3], body: below, o: not shown}',
    );
    expect(lines).toContain('    body:');
    expect(lines).toContain('        %y: float32[?] = Neg(%x)');
  });

  it('aligns nodes, but not to a very long one', () => {
    const long = 'n'.repeat(80);
    const nodes = [
      node('Neg', ['x'], ['ab']),
      node('Abs', ['ab'], ['c']),
      node('Neg', ['c'], [long]),
    ];
    const lines = printGraph(graph(nodes)).split('\n');
    expect(lines).toContain('  %ab = Neg(%x)');
    expect(lines).toContain('  %c  = Abs(%ab)');
    expect(lines).toContain(`  %${long} = Neg(%c)`);
  });

  it('shows the elements of small tensors only', () => {
    const initializers = new Map<string, Tensor>([
      ['half', tensor('float16', [1], new Uint16Array([0x3800]))],
      ['flags', tensor('bool', [2], new Uint8Array([1, 0]))],
      ['names', tensor('string', [1], ['a'])],
      ['many', zeros('float32', [9])],
    ]);
    const text = printGraph(graph([], { initializers }));
    expect(text).toContain('%half: float16[1] = [0.5]');
    expect(text).toContain('%flags: bool[2] = [true, false]');
    expect(text).toContain('%names: string[1] = ["a"]');
    expect(text).toMatch(/%many: float32\[9\]$/m);
  });
});
