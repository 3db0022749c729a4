/** Whether two implementations of a step compute the same: their losses side by side. */

export interface Agreement {
  readonly ours: readonly number[];
  readonly peer: readonly number[];
  readonly largestRelativeDifference: number;
}

/** Beyond this the two do not do the same work, and their times say nothing. */
const tolerance = 1e-3;

export function agreementOf(ours: readonly number[], peer: readonly number[]): Agreement {
  const differences = ours.map((loss, i) => {
    const other = peer[i] ?? Number.NaN;
    return Math.abs(loss - other) / Math.abs(other);
  });
  return { ours, peer, largestRelativeDifference: Math.max(...differences) };
}

export function agreementLines(
  { ours, peer, largestRelativeDifference }: Agreement,
  peerName = 'PyTorch',
): string[] {
  const row = (name: string, losses: readonly number[]): string =>
    `losses of ${name.padEnd(11)}${losses.map((loss) => loss.toPrecision(8).padStart(12)).join('')}`;
  const difference = largestRelativeDifference.toExponential(1);
  return [
    row('Espalier', ours),
    row(peerName, peer),
    `largest relative difference ${difference}; at most ${tolerance}`,
  ];
}

/** What is wrong with the agreement, in a sentence, if anything is. */
export function disagreement({ largestRelativeDifference }: Agreement): string[] {
  // Written so that NaN, the loss that a side does not have, is a disagreement too.
  if (largestRelativeDifference <= tolerance) return [];
  return [
    `losses differ by ${largestRelativeDifference} relative, at most ${tolerance} is allowed: the two sides do not compute the same`,
  ];
}
