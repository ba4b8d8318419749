/**
 * The known name that somebody who mistyped may have meant.
 *
 * @module
 */

/** Names longer than this are not compared. */
const MAX_LENGTH = 64;

/**
 * Number of edits (insert, delete, replace, swap of neighbours) from one name to another.
 *
 * @param a One name.
 * @param b The other.
 * @returns The distance.
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/**
 * Finds the known name closest to what was typed.
 *
 * @param typed What was typed.
 * @param known The names that there are.
 * @returns The nearest one, or `null` when none is close enough to be meant.
 */
export function nearest(typed: string, known: Iterable<string>): string | null {
  return ranked(typed, known)[0] ?? null;
}

/** Known names that are close enough to what was typed to be meant, the nearest first, of equal ones in their order. */
function ranked(typed: string, known: Iterable<string>): string[] {
  if (typed.length > MAX_LENGTH) return [];
  const lower = typed.toLowerCase();
  const most = Math.max(1, Math.floor(typed.length * 0.4));
  const found: { name: string; distance: number; edits: number }[] = [];
  for (const name of known) {
    const contains = lower.length >= 3 &&
      (name.includes(lower) || (name.length >= 3 && lower.includes(name)));
    const edits = editDistance(lower, name.toLowerCase());
    const distance = contains ? 1 : edits;
    if (distance <= most) found.push({ name, distance, edits });
  }
  // Of two that are as near, one of which is only a part of what was typed, the other one was meant.
  return found.sort((a, b) => a.distance - b.distance || a.edits - b.edits).map(({ name }) => name);
}

/**
 * A question for whoever mistyped a name, where several may be meant.
 *
 * @param typed What was typed.
 * @param known The names that there are.
 * @param most How many are asked about.
 * @returns `did you mean "p90" or "p99"?`, or `null` when none is close enough to be meant.
 */
export function askedName(typed: string, known: Iterable<string>, most = 3): string | null {
  const names = ranked(typed, known).slice(0, most).map((name) => JSON.stringify(name));
  if (names.length === 0) return null;
  const last = names.pop()!;
  return `did you mean ${names.length === 0 ? last : `${names.join(", ")} or ${last}`}?`;
}

/**
 * The end of an error message about an unknown name.
 *
 * @param typed What was typed.
 * @param known The names that there are.
 * @returns "; did you mean "x"?" or "; known are a, b, c".
 */
export function suggestion(typed: string, known: readonly string[]): string {
  const meant = nearest(typed, known);
  if (meant !== null) return `; did you mean "${meant}"?`;
  return known.length === 0 ? "; none is expected here" : `; known: ${known.join(", ")}`;
}
