/**
 * Who meets whom, so that each host is in one pair of a round at the most.
 *
 * @module
 */

/** Two hosts, by their numbers. */
export type Meeting = readonly [number, number];

/**
 * All pairs of hosts in as few rounds as there can be: one less than there are hosts, or of an odd number as many as there
 * are, one host pausing in each. That is the circle method of tournaments (M. Reiss, Crelle's Journal 56, 1859): host 0 stands still
 * and the others move on around it.
 *
 * @param count how many hosts, at least 2
 */
export function roundsOf(count: number): Meeting[][] {
  const even = count + count % 2;
  const circle = Array.from({ length: even }, (_, n) => n);
  const rounds: Meeting[][] = [];
  for (let round = 0; round < even - 1; round++) {
    const meetings: Meeting[] = [];
    for (let k = 0; k < even / 2; k++) {
      const [a, b] = [circle[k]!, circle[even - 1 - k]!];
      if (a >= count || b >= count) continue; // its partner is nobody
      // Host 0 would be first in each of its pairs.
      meetings.push((k === 0 && round % 2 === 1) ? [b, a] : [a, b]);
    }
    rounds.push(meetings);
    circle.splice(1, 0, circle.pop()!);
  }
  return rounds;
}
