/**
 * What is shown where there is nothing else to show.
 *
 * @module
 */

import { html } from "../../results/report/markup.ts";
import { page } from "../../results/report/page.ts";
import { heading } from "./heading.ts";

/**
 * A page of a heading and a sentence.
 *
 * @param title The heading.
 * @param text What is wrong and what can be done.
 * @param next A link to go on with.
 */
export function errorPage(title: string, text: string, next?: { href: string; text: string }): string {
  return page(
    title,
    html`
      ${heading(title)}
      <main id="main"><p>${text}</p>${next !== undefined &&
        html`<p><a href="${next.href}">${next.text}</a></p>`}</main>
    `,
  );
}
