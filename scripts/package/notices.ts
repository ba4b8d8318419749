/**
 * The licence of ipbench, and those of what its programs hold.
 *
 * @module
 */

import { ROOT } from "../lib/steps.ts";
import type { Component } from "./components.ts";

/** Where a Debian system has texts that are too common to repeat. */
const COMMON = "/usr/share/common-licenses/";
/** As these begin; packages hold the text, Debian's refer to it. */
const APACHE = /^\s*Apache License\s+Version 2\.0, January 2004/;

/**
 * @param parts what the programs hold
 * @param onDebian whether common texts can be referred to
 * @returns a text for people
 */
export async function notices(parts: readonly Component[], onDebian: boolean): Promise<string> {
  const own = (await Deno.readTextFile(ROOT + "LICENSE")).trim();
  const others = parts.filter(({ place }) => place !== "image").map(
    ({ name, version, license, texts, purl }) => {
      const head = `${name} ${version}${license === undefined ? "" : `, ${license}`} (${purl})`;
      const shown = texts.map((text) =>
        onDebian && APACHE.test(text)
          ? `The text of the licence is in ${COMMON}Apache-2.0.`
          : text.replaceAll("\r", "").trim()
      );
      return [head, "-".repeat(Math.min(head.length, 78)), ...shown].join("\n\n");
    },
  );
  return [
    "ipbench\n=======",
    own,
    "What its programs hold besides\n==============================",
    ...others,
  ].join("\n\n") + "\n";
}
