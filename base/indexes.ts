/**
 * Many numbers in few words.
 *
 * @module
 */

/** Pieces that are written out; the rest is counted. */
const MAX_PIECES = 50;

/**
 * Writes numbers, those that follow on one another as a range.
 *
 * @param indexes whole numbers, in ascending order
 * @returns such as "3, 7-9, 12"
 */
export function formatIndexes(indexes: readonly number[]): string {
  const pieces: { from: number; to: number }[] = [];
  for (const index of indexes) {
    const last = pieces.at(-1);
    if (last !== undefined && last.to === index - 1) last.to = index;
    else pieces.push({ from: index, to: index });
  }
  const shown = pieces.slice(0, MAX_PIECES).map(({ from, to }) => from === to ? `${from}` : `${from}-${to}`);
  const rest = pieces.slice(MAX_PIECES).reduce((sum, { from, to }) => sum + to - from + 1, 0);
  return [...shown, ...rest > 0 ? [`and ${rest} more`] : []].join(", ");
}
