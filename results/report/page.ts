/**
 * What all pages of ours have around their body.
 *
 * @module
 */
import { html, type Markup, raw } from "./markup.ts";
import { STYLE } from "./style.ts";

/** What a page may have that is served, and a file has not. */
export interface PageExtras {
  /** Path on the same server of the script that it runs. */
  script?: string;
  /** Rules of its own, after the common ones. */
  style?: string;
}

/**
 * A page of ours around a body. Without a script nothing runs in it, whatever is written in the documents that it shows.
 *
 * @param title Its title.
 * @param body Header, navigation and `<main id="main">`.
 * @param extras What it has beyond that.
 */
export function page(title: string, body: Markup, { script, style = "" }: PageExtras = {}): string {
  const scripts = script === undefined ? "" : "; script-src 'self'; connect-src 'self'";
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:${raw(scripts)}">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta name="referrer" content="no-referrer">
        <link rel="icon" href="data:,">
        <title>${title}</title>
        <style>${raw(STYLE + style)}</style>
        ${script !== undefined && html`<script type="module" src="${script}"></script>`}
      </head>
      <body>
    <a class="skip" href="#main">Skip to the content</a>
    ${body}
      </body>
    </html>
  `.text.trimStart();
}
