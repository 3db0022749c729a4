/** What the page calls its networks; apart from them, so that the page does not load the compiler. */
export const titles = {
  mlp: 'Fully connected, 784-128-64-10',
  ladder: 'Ladder network, 784-100-50-10',
  conv: 'Convolutions, 32-32-64-64-128',
} as const;

export type NetworkName = keyof typeof titles;
export const isNetworkName = (name: string): name is NetworkName => name in titles;
