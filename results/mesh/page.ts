/**
 * A mesh as a page: what was found, and a heat map a figure.
 *
 * @module
 */
import { formatDate } from "../../base/figures.ts";
import { page } from "../report/page.ts";
import { type Fragment, html, type Markup, raw, table } from "../report/markup.ts";
import type { MeshDocument } from "./document.ts";
import { type FigureMatrix, isNamed, matricesOf, meshSentences } from "./table.ts";

/** Shades of a heat map, from usual to worst. */
const SHADES = 6;
/** Rows of the table of pairs. */
const PAIR_ROWS = 2000;
const STYLE =
  `.scroll:has(.heat){max-height:none;overflow-y:visible}.heat{border-collapse:separate;border-spacing:2px;width:auto}.heat th,.heat td{padding:.3rem .4rem;min-width:2.6rem;
max-width:9rem;text-align:right;border:0;border-radius:4px;font-variant-numeric:tabular-nums;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.heat th{position:static;font-weight:600}.heat tbody th{text-align:left}.heat td:first-child{min-width:2.6rem}
${
    Array.from(
      { length: SHADES },
      (_, n) => `.h${n}{background:color-mix(in srgb,var(--bad-ink,#a61b1b) ${n * 13}%,var(--card))}`,
    ).join("")
  }.heat .named{outline:2px solid var(--bad-ink,#a61b1b);font-weight:700}.heat .none{color:var(--muted)}
@media (min-width:681px){.stacked td:first-child{min-width:6.5rem}.stacked td:last-child{min-width:12rem}}`;

/** The whole page. */
export function meshPage(document: MeshDocument, title: string): string {
  const { hosts, pairs, started, rounds, interrupted, findings, both } = document;
  const sentences = meshSentences(document);
  const named = findings.length > 0;
  const spoilt = pairs.some(({ verdict }) => verdict === "INVALID");
  const verdict = interrupted ? "INVALID" : named || spoilt ? "SUSPECT" : "VALID";
  const text = `${hosts.length} hosts, ${pairs.length} directions in ${rounds} rounds${
    both ? ", both directions at once" : ""
  }`;
  return page(
    title,
    html`
      <style>${raw(STYLE)}</style>
      <header>
        <div class="in">
          <p class="brand">ipbench mesh</p>
          <h1>${title}</h1>
          <p class="sub">${text} · ${formatDate(started)}</p>
          <div class="verdict ${verdict}"><b>${interrupted
            ? "CUT SHORT"
            : named
            ? "FOUND"
            : "EVEN"}</b><div><ul>${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul></div></div>
        </div>
      </header>
      <main id="main">${matricesOf(document).map((matrix) => heatMap(document, matrix))}
              <section aria-labelledby="h-pairs"><h2 id="h-pairs">Pairs</h2>${pairTable(document)}</section>
            </main>
      <footer>Written by ipbench from a document of version ${document.ipbench
        .version}. Times are round trips, from when a
              packet left. Rows send, columns answer.</footer>
    `,
  );
}

function heatMap(document: MeshDocument, matrix: FigureMatrix): Markup {
  const { hosts, findings } = document;
  const shade = shadesOf(matrix);
  const id = `h-${matrix.figure}`;
  return html`
    <section aria-labelledby="${id}">
      <h2 id="${id}">${matrix.title}, ${matrix.unit}</h2>
      <div class="scroll" role="region" aria-label="${matrix.title}" tabindex="0">
        <table class="heat">
          <thead>
            <tr><th scope="col">from \\ to</th>${hosts.map(({ name }, n) =>
              html`<th scope="col" title="${name}">${n + 1}</th>`
            )}</tr>
          </thead>
          <tbody>${matrix.values.map((row, i) =>
            html`<tr><th scope="row" title="${hosts[i]!.name}">${i + 1} ${hosts[i]!.name}</th>${
              row.map((value, j): Fragment => {
                if (i === j) return html`<td class="none">·</td>`;
                const to = `${hosts[i]!.name} to ${hosts[j]!.name}`;
                if (value === null) return html`<td class="none" title="${to}: not measured">?</td>`;
                const marked = isNamed(findings, matrix.figure, i, j) ? " named" : "";
                return html`<td class="h${shade(value)}${marked}" title="${to}: ${matrix.format(value)}">${
                  matrix.short(value)
                }</td>`;
              })
            }</tr>`
          )}</tbody>
        </table>
      </div>
    </section>
  `;
}

/** Shades between the middle value and the worst one: what is usual or better has none. */
function shadesOf({ values, worse }: FigureMatrix): (value: number) => number {
  const known = values.flat().filter((value) => value !== null).sort((a, b) => a - b);
  const middle = known[known.length >> 1]!;
  const worst = worse === "more" ? known.at(-1)! : known[0]!;
  const span = Math.abs(worst - middle);
  // Small differences are no heat: the worst has to be a fifth away from the middle to get the darkest shade.
  const full = Math.max(span, Math.abs(middle) * 0.2);
  return (value) => {
    const away = worse === "more" ? value - middle : middle - value;
    return full === 0 ? 0 : Math.max(0, Math.min(SHADES - 1, Math.floor(away / full * (SHADES - 1) + 0.5)));
  };
}

function pairTable(document: MeshDocument): Markup {
  const matrices = matricesOf(document), { hosts, pairs } = document;
  return table(
    "Pairs",
    [
      { name: "From" },
      { name: "To" },
      { name: "Round", numeric: true },
      ...matrices.map(({ title }) => ({ name: title, numeric: true })),
      { name: "Verdict" },
    ],
    pairs.slice(0, PAIR_ROWS).map(({ from, to, round, verdict, reason }): Fragment[] => [
      hosts[from]!.name,
      hosts[to]!.name,
      round,
      ...matrices.map(({ values, format }) => {
        const value = values[from]![to]!;
        return value === null ? "–" : format(value);
      }),
      html`<span class="tag ${verdict}">${verdict}</span> ${reason ?? ""}`,
    ]),
    { stacked: true },
  );
}
