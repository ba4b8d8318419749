/**
 * Figures of repetitions.
 *
 * @module
 */

/**
 * The value below which a share of all lies: the nearest one that was measured.
 *
 * @param share From 0 to 1.
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round((sorted.length - 1) * share)] ?? NaN;
}

/** The middle one; of two the higher. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The first and the third quartile, as "0.981–1.024". */
export function quartiles(values: readonly number[], digits = 3): string {
  return [0.25, 0.75].map((share) => quantile(values, share).toFixed(digits)).join("–");
}
