/**
 * JSON as columns: whatever stands at one place of a document, such as `clients[].series[].sent`, one after another.
 *
 * Documents of one series have hardly more than their figures of their own: a column that is the same in another document
 * need not be written again.
 *
 * @module
 */

/** A value, or what one has inside: the keys of an object (`null`: those of the object before), an array's length. */
type Cell = string | number | boolean | null | { keys: string[] | null } | { length: number } | { own: Json };
type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Places and their columns, in the order in which places are met. */
export type Columns = Map<string, Cell[]>;

/**
 * Takes a value apart.
 *
 * @param value What JSON was parsed to.
 * @param replace What stands for a string, by its key; `null`: itself.
 */
export function toColumns(value: Json, replace: (text: string, key: string) => Json | null): Columns {
  const columns: Columns = new Map();
  const before = new Map<string, string>();
  const visit = (value: Json, place: string, key: string) => {
    let column = columns.get(place);
    if (column === undefined) columns.set(place, column = []);
    if (Array.isArray(value)) {
      column.push({ length: value.length });
      for (const each of value) visit(each, `${place}[]`, key);
    } else if (typeof value === "object" && value !== null) {
      const keys = Object.keys(value), text = JSON.stringify(keys);
      column.push({ keys: before.get(place) === text ? null : keys });
      before.set(place, text);
      for (const each of keys) visit(value[each]!, `${place}.${each}`, each);
    } else {
      const own = typeof value === "string" ? replace(value, key) : null;
      column.push(own === null ? value : { own });
    }
  };
  visit(value, "", "");
  return columns;
}

/**
 * Puts a value together again.
 *
 * @param columns From {@linkcode toColumns}.
 * @param original The string that something stands for.
 * @throws {RangeError} when they are not whole.
 */
export function fromColumns(columns: Columns, original: (own: Json) => string): Json {
  const next = new Map<string, number>(), before = new Map<string, string[]>();
  const visit = (place: string): Json => {
    const at = next.get(place) ?? 0;
    const cell = columns.get(place)?.[at];
    if (cell === undefined) throw new RangeError(`a document has nothing at ${place}`);
    next.set(place, at + 1);
    if (typeof cell !== "object" || cell === null) return cell;
    if ("own" in cell) return original(cell.own);
    if ("length" in cell) return Array.from({ length: cell.length }, () => visit(`${place}[]`));
    const keys = cell.keys ?? before.get(place);
    if (keys === undefined) throw new RangeError(`a document has no keys at ${place}`);
    before.set(place, keys);
    return Object.fromEntries(keys.map((key) => [key, visit(`${place}.${key}`)]));
  };
  return visit("");
}
