/**
 * Normally distributed numbers for simulations and seeded samples.
 *
 * @module
 */
import { seededRandom } from "../../base/random.ts";

/** A normally distributed number, mean 0, deviation 1 (Box and Muller). */
export function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The same from a seed: equal on every machine. */
export function seededNormal(seed: number): () => number {
  const random = seededRandom(seed);
  return () => normal(random);
}
