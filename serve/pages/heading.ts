/**
 * The head of a page: where it belongs, and what it is about.
 *
 * @module
 */

import { type Fragment, html, type Markup } from "../../results/report/markup.ts";

/**
 * Makes it.
 *
 * @param title What the page is about.
 * @param more What follows below the title.
 * @param way The pages between the first one and this one.
 */
export function heading(title: string, more: Fragment = false, way: Fragment = false): Markup {
  return html`
    <header>
      <div class="in">
        <p class="brand"><a href="/">ipbench serve</a>${way}</p>
        <h1>${title}</h1>
        ${more}
      </div>
    </header>
  `;
}
