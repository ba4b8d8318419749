/**
 * What the XML parser does not report: the shape of a text before it is parsed (so that deep or DOCTYPE-laden input never
 * reaches the parser), and where attributes stand.
 *
 * @module
 */

/** What a first pass over a text found; offsets, or `null`. */
export interface Shape {
  /** Of a DOCTYPE declaration. */
  doctype: number | null;
  /** Of the first element that is nested too deep. */
  tooDeep: number | null;
}

/** Sections in which "<" means nothing. */
const SECTIONS = [["<!--", "-->"], ["<![CDATA[", "]]>"], ["<?", "?>"]] as const;

/**
 * Walks over all tags once, without recursion. Malformed input ends the walk early; the parser names the mistake.
 *
 * @param text The whole text.
 * @param maxDepth Deepest nesting allowed.
 * @returns Where a DOCTYPE or the first element too deep is.
 */
export function scanShape(text: string, maxDepth: number): Shape {
  let depth = 0;
  let at = text.indexOf("<");
  while (at >= 0) {
    const section = SECTIONS.find(([open]) => text.startsWith(open, at));
    let end: number;
    if (section !== undefined) {
      const close = text.indexOf(section[1], at + section[0].length);
      end = close < 0 ? -1 : close + section[1].length;
    } else if (/^<!doctype/i.test(text.slice(at, at + 9))) {
      return { doctype: at, tooDeep: null };
    } else {
      end = tagEnd(text, at);
      if (text[at + 1] === "/") depth--;
      else if (text[end - 2] !== "/") depth++;
      if (depth > maxDepth) return { doctype: null, tooDeep: at };
    }
    if (end < 0) break;
    at = text.indexOf("<", end);
  }
  return { doctype: null, tooDeep: null };
}

/**
 * Finds the start tag of an element that is not closed.
 *
 * @param text The whole text.
 * @param name The element's name.
 * @param before Where its end is missing.
 * @returns The offset of the last start tag of that name that no end tag belongs to, or `null`.
 */
export function unclosedTag(text: string, name: string, before: number): number | null {
  const open: number[] = [];
  let at = text.indexOf("<");
  while (at >= 0 && at < before) {
    const section = SECTIONS.find(([start]) => text.startsWith(start, at));
    const close = section === undefined ? tagEnd(text, at) : text.indexOf(section[1], at);
    if (close < 0) break;
    const tag = section === undefined ? /^<(\/?)([^\s/>]+)/.exec(text.slice(at, close)) : null;
    if (tag?.[2] === name) {
      if (tag[1] === "/") open.pop();
      else if (text[close - 2] !== "/") open.push(at);
    }
    at = text.indexOf("<", close);
  }
  return open.at(-1) ?? null;
}

/** Offset after the tag's ">", which may also stand inside quotes; -1 when it never ends. */
function tagEnd(text: string, start: number): number {
  const stop = /[>"']/g;
  stop.lastIndex = start;
  for (let match = stop.exec(text); match !== null; match = stop.exec(text)) {
    if (match[0] === ">") return stop.lastIndex;
    const close = text.indexOf(match[0], stop.lastIndex);
    if (close < 0) return -1;
    stop.lastIndex = close + 1;
  }
  return -1;
}

/** Where an attribute stands. */
export interface AttributeOffsets {
  /** Offset of its name. */
  name: number;
  /** Offset of its value, inside the quotes. */
  value: number;
  /** The value as written. */
  source: string;
}

/**
 * Finds the attributes of one start tag.
 *
 * @param text The whole text, well-formed.
 * @param start Offset of the element's "<".
 * @returns For each attribute where it stands.
 */
export function attributeOffsets(text: string, start: number): Map<string, AttributeOffsets> {
  const found = new Map<string, AttributeOffsets>();
  const name = /<[^\s/>]+/y;
  name.lastIndex = start;
  if (!name.test(text)) return found;
  const attribute = /\s+([^\s=/>]+)\s*=\s*(?:"[^"]*"|'[^']*')/y;
  attribute.lastIndex = name.lastIndex;
  for (let match = attribute.exec(text); match !== null; match = attribute.exec(text)) {
    const quoted = match[0].search(/["']/);
    const nameAt = match.index + match[0].search(/\S/);
    const source = match[0].slice(quoted + 1, -1);
    found.set(match[1] ?? "", { name: nameAt, value: match.index + quoted + 1, source });
  }
  return found;
}
