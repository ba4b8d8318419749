/**
 * What lists on pages have in common.
 *
 * @module
 */

import { type Fragment, html, type Markup } from "../../results/report/markup.ts";
import type { Wanted } from "../results.ts";

/** Rows of one page of a list. */
export const ROWS = 200;

/**
 * Which part of a list is shown, and the way to the others.
 *
 * @param path The list's address.
 * @param query What was asked for; `page` counts from 1.
 * @param count Rows in all.
 * @param name Of the parameter, where a page has several lists.
 */
export function pages(
  path: string,
  query: URLSearchParams,
  count: number,
  name = "page",
): { from: number; links: Fragment } {
  const last = Math.max(1, Math.ceil(count / ROWS));
  const asked = Number(query.get(name) ?? 1);
  const at = Number.isInteger(asked) ? Math.min(last, Math.max(1, asked)) : 1;
  const link = (n: number, text: string) => {
    const to = new URLSearchParams(query);
    to.set(name, String(n));
    return html`<a href="${path}?${to.toString()}">${text}</a>`;
  };
  return {
    from: (at - 1) * ROWS,
    links: last > 1 &&
      html`<p>${at > 1 && link(at - 1, "Before")} page ${at} of ${last} ${
        at < last && link(at + 1, "Next")
      }</p>`,
  };
}

/**
 * Reads what was typed: words, and labels such as board=tx2.
 *
 * @param text The parameter `q`.
 */
export function wantedOf(text: string): Pick<Wanted, "words" | "labels"> {
  const all = text.split(/\s+/).filter((word) => word !== "");
  const labels = all.flatMap((word) => {
    const [, name, value] = /^([A-Za-z][\w.-]*)=(.*)$/.exec(word) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value]];
  });
  return { words: all.filter((word) => !/^[A-Za-z][\w.-]*=/.test(word)), labels: Object.fromEntries(labels) };
}

/** Labels, each a link to the runs that have it. */
export function labelLinks(labels: Readonly<Record<string, string>>): Fragment {
  return Object.entries(labels).map(([name, value]) => {
    const query = new URLSearchParams({ q: `${name}=${value}` });
    return html`
      <a href="/?${query.toString()}">${name}=${value}</a>
    `;
  });
}

/** A run to be chosen for one side of a comparison. */
export function choice(side: "a" | "b", id: string, name: string): Markup {
  return html`<input type="checkbox" name="${side}" value="${id}" aria-label="${name} as ${side.toUpperCase()}">`;
}
