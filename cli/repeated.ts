/**
 * Options that may be given many times.
 *
 * @module
 */

/** Commander's parser for them: the values that were given, in their order. */
export function repeated(value: string, before: string[] | undefined): string[] {
  return [...before ?? [], value];
}
