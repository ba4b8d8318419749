/**
 * What a person can do about a text that is no XML.
 *
 * @module
 */

import { unclosedTag } from "./xml_scan.ts";

/** What the parser objects to, by a part of its message, and what to write instead. */
const REMEDIES: readonly (readonly [part: string, remedy: string])[] = [
  ["Attribute value expected", 'put the value in quotes, such as port="7"'],
  ["Unescaped `<`", "write &lt; for it"],
  ["Unterminated reference", "write &amp; for an & that stands for itself"],
  ["Duplicate attribute", "delete one of the two"],
];

/**
 * Says what is wrong with a malformed text, and where.
 *
 * @param text The whole text.
 * @param at Where the parser gave up.
 * @param objection Its message, without the place.
 * @returns The place of the culprit, and a sentence.
 */
export function explainMalformed(
  text: string,
  at: number,
  objection: string,
): { at: number; message: string } {
  if (text.trim() === "") return { at: 0, message: "the file is empty; expected <ipbench> … </ipbench>" };
  if (objection.startsWith("Root element is missing")) {
    return { at, message: "malformed XML: there is no element here; expected <ipbench> … </ipbench>" };
  }
  const name = /^Missing end tag for element (\S+)/.exec(objection)?.[1];
  const start = name === undefined ? null : unclosedTag(text, name, at);
  if (start !== null) {
    return {
      at: start,
      message: `malformed XML: <${name}> is not closed; write <${name} …/>, or </${name}> behind it`,
    };
  }
  const remedy = REMEDIES.find(([part]) => objection.includes(part))?.[1];
  return { at, message: `malformed XML: ${objection}${remedy === undefined ? "" : `; ${remedy}`}` };
}
