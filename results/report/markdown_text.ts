/**
 * Text that comes from elsewhere, made fit for Markdown and for one line.
 *
 * @module
 */

/** Escapes what Markdown or HTML inside it would take for markup. */
export function md(text: string): string {
  return plain(text).replace(
    /[\\`*_[\]<>|#&]/g,
    (character) => character === "<" ? "&lt;" : character === "&" ? "&amp;" : `\\${character}`,
  );
}

/** One line without control characters, those that turn the direction of writing among them. */
export function plain(text: string): string {
  // deno-lint-ignore no-control-regex -- these are what is looked for
  return text.replace(/[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]+/g, " ");
}
