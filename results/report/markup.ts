/**
 * HTML from templates in which every value is escaped unless it is markup already.
 *
 * @module
 */

/** Text that is HTML already: made by {@linkcode html}, or by a drawing of our own. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What may stand in a template. */
export type Fragment = Markup | string | number | null | undefined | false | readonly Fragment[];

/** Escapes a text for HTML, attributes in either quotes included. Control characters that HTML forbids become "�". */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")
    // deno-lint-ignore no-control-regex -- these are what is looked for
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]/g, "\ufffd")
    .toWellFormed();
}

/**
 * HTML with the values escaped.
 *
 * @example
 * ```ts
 * import { html } from "./markup.ts";
 * html`<b>${"<script>"}</b>`.text; // "<b>&lt;script&gt;</b>"
 * ```
 */
export function html(parts: TemplateStringsArray, ...values: Fragment[]): Markup {
  let text = parts[0]!;
  for (const [i, value] of values.entries()) text += render(value) + parts[i + 1]!;
  return new Markup(text);
}

/** Markup that was made elsewhere, as it is. */
export function raw(text: string): Markup {
  return new Markup(text);
}

function render(value: Fragment): string {
  if (value === null || value === undefined || value === false) return "";
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(render).join("");
  return escapeHtml(String(value));
}

/** A column of a table. */
export interface Column {
  name: string;
  /** Numbers stand right. */
  numeric?: boolean;
}

/** A table that scrolls in its own box, by keyboard too. */
export function table(
  label: string,
  columns: readonly Column[],
  rows: readonly (readonly Fragment[])[],
  options: { stacked?: boolean } = {},
): Markup {
  const stacked = options.stacked === true;
  const name = (i: number) =>
    stacked
      ? html`
        data-name="${columns[i]?.name ?? ""}"
      `
      : "";
  return html`
    <div class="scroll" role="region" aria-label="${label}" tabindex="0">
      <table ${stacked ? raw(' class="stacked"') : ""}>
        <thead>
          <tr>${columns.map((column) =>
            html`
              <th scope="col" ${column.numeric === true ? raw(' class="n"') : ""}>${column.name}</th>
            `
          )}</tr>
        </thead>
        <tbody>${rows.map((row) =>
          html`
            <tr>${row.map((cell, i) =>
              html`<td${columns[i]?.numeric === true ? raw(' class="n"') : ""}${name(i)}>${cell}</td>`
            )}</tr>
          `
        )}</tbody>
      </table>
    </div>
  `;
}
