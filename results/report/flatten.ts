/**
 * A nested record as a flat list of names and texts, bounded.
 *
 * @module
 */

/** Entries that are kept of one record. */
const FLAT_ENTRIES = 400;
/** Deepest level that is opened; what is below is shown as JSON. */
const FLAT_DEPTH = 6;

/**
 * Flattens a record: `{ cpu: { model: "x" } }` becomes `cpu.model` → `x`. Short lists of plain values are joined.
 */
export function flatten(record: Record<string, unknown>): Map<string, string> {
  const result = new Map<string, string>();
  visit(record, "", 0, result);
  return result;
}

function visit(value: unknown, path: string, depth: number, result: Map<string, string>): void {
  if (result.size >= FLAT_ENTRIES) return;
  if (Array.isArray(value)) {
    const plain = value.every((item) => typeof item !== "object" || item === null);
    if (plain) result.set(path, short(value.slice(0, 32).map(String).join(", ")));
    else if (depth >= FLAT_DEPTH) result.set(path, short(JSON.stringify(value)));
    else {for (const [i, item] of value.slice(0, 64).entries()) {
        visit(item, `${path}[${i}]`, depth + 1, result);
      }}
    return;
  }
  if (typeof value !== "object" || value === null) {
    if (value !== null && value !== undefined && path !== "") result.set(short(path), short(String(value)));
    return;
  }
  if (depth >= FLAT_DEPTH) {
    result.set(short(path), short(JSON.stringify(value)));
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    visit(item, path === "" ? key : `${path}.${key}`, depth + 1, result);
  }
}

function short(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`;
}
