/** Labels beside the ends of lines: as near to their lines as they can be without touching each other. */

/**
 * Moves positions apart until neighbours are `gap` apart, keeping their order, inside `[low, high]`, with the
 * least sum of squared moves: touching labels form a block that sits at the mean of its wishes. Where they do
 * not all fit, the gap shrinks.
 */
export function spread(
  positions: readonly number[],
  gap: number,
  low: number,
  high: number,
): number[] {
  const room = positions.length > 1 ? (high - low) / (positions.length - 1) : gap;
  const between = Math.min(gap, room);
  const order = positions
    .map((_, i) => i)
    .sort((a, b) => (positions[a] ?? 0) - (positions[b] ?? 0));
  // Less the room that earlier labels need, "gap apart" becomes "not decreasing": pool adjacent violators.
  const blocks: { sum: number; size: number }[] = [];
  order.forEach((index, rank) => {
    let block = { sum: (positions[index] ?? 0) - rank * between, size: 1 };
    for (let last = blocks.at(-1); last && mean(last) > mean(block); last = blocks.at(-1)) {
      block = { sum: last.sum + block.sum, size: last.size + block.size };
      blocks.pop();
    }
    blocks.push(block);
  });
  const settled = blocks.flatMap((block) => new Array<number>(block.size).fill(mean(block)));
  const ceiling = high - (positions.length - 1) * between;
  const placed = new Array<number>(positions.length).fill(low);
  order.forEach((index, rank) => {
    const offset = Math.min(Math.max(settled[rank] ?? low, low), ceiling);
    placed[index] = offset + rank * between;
  });
  return placed;
}

function mean(block: { readonly sum: number; readonly size: number }): number {
  return block.sum / block.size;
}
