/**
 * A configuration file as a small tree in which every element and every attribute knows its place.
 *
 * @module
 */

import { parseXml, type XmlElement, XmlError, XmlNode, type XmlText } from "@rgrove/parse-xml";
import { ConfigError, type Position } from "../config_error.ts";
import { MAX_CONFIG_BYTES, MAX_CONFIG_DEPTH } from "../limits.ts";
import { LineIndex } from "./line_index.ts";
import { explainMalformed } from "./malformed.ts";
import { attributeOffsets, scanShape } from "./xml_scan.ts";

/** An attribute. */
export interface ConfigAttribute {
  name: string;
  value: string;
  /** Place of the name. */
  position: Position;
  /** Place of the value's first character, inside the quotes. */
  valuePosition: Position;
  /** The value as it is written, references such as &quot; included. */
  source: string;
  /** Place of a character of `source`, by its offset there. */
  placeOf: (offset: number) => Position;
}

/** An element. */
export interface ConfigElement {
  name: string;
  /** Place of its "<". */
  position: Position;
  /** By name, in the order of the file. */
  attributes: Map<string, ConfigAttribute>;
  children: ConfigElement[];
  /** Text that is not white space, with its place, if there is any. */
  text: { value: string; position: Position } | null;
}

/**
 * Decodes a file's bytes: UTF-8, or the encoding that a byte order mark or the XML declaration names.
 *
 * @param bytes The whole file.
 * @param file Its name, for messages.
 * @returns The text.
 * @throws {ConfigError} when it is too large, or not text of that encoding.
 */
export function decodeConfig(bytes: Uint8Array, file: string): string {
  const where = { file, line: 1, column: 1 };
  if (bytes.length > MAX_CONFIG_BYTES) {
    throw new ConfigError([{
      where,
      message: `the file has ${bytes.length} bytes; at most ${MAX_CONFIG_BYTES} are read`,
    }]);
  }
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const name = encoding.toUpperCase();
    throw new ConfigError([{ where, message: `the file is not ${name} text; save it as UTF-8` }], { cause });
  }
}

/** First bytes of UTF-16 text: a byte order mark, or "<" without one. */
const UTF_16: readonly (readonly [first: number, second: number, encoding: string])[] = [
  [0xff, 0xfe, "utf-16le"],
  [0x3c, 0x00, "utf-16le"],
  [0xfe, 0xff, "utf-16be"],
  [0x00, 0x3c, "utf-16be"],
];
/** The XML declaration stands in the file's first bytes, in ASCII but for UTF-16. */
const DECLARATION_BYTES = 200;

function encodingOf(bytes: Uint8Array): string {
  const wide = UTF_16.find(([first, second]) => bytes[0] === first && bytes[1] === second);
  if (wide !== undefined) return wide[2];
  const head = String.fromCharCode(...bytes.subarray(0, DECLARATION_BYTES));
  return /^(?:\u00ef\u00bb\u00bf)?<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][\w.-]*)["']/.exec(head)?.[1] ??
    "utf-8";
}

/**
 * Parses XML into the tree.
 *
 * @param source The text of the file.
 * @param file Its name, for positions.
 * @returns The root element.
 * @throws {ConfigError} when it is malformed, too deep, too large, or has a DOCTYPE.
 */
export function parseXmlTree(source: string, file: string): ConfigElement {
  // The parser is quadratic in long runs of CRLF, and lines are counted by "\n" alone.
  const text = source.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const lines = new LineIndex(text, file);
  const fail = (offset: number, message: string, cause?: unknown): never => {
    throw new ConfigError([{ where: lines.position(offset), message }], { cause });
  };
  if (text.length > MAX_CONFIG_BYTES) {
    fail(0, `the file is too large; at most ${MAX_CONFIG_BYTES} bytes are read`);
  }
  const shape = scanShape(text, MAX_CONFIG_DEPTH);
  if (shape.doctype !== null) {
    fail(shape.doctype, "a DOCTYPE is not allowed here; delete it, entities have to be written out");
  }
  if (shape.tooDeep !== null) {
    fail(
      shape.tooDeep,
      `elements are nested more than ${MAX_CONFIG_DEPTH} deep; a configuration needs four levels`,
    );
  }
  try {
    const root = parseXml(text, { includeOffsets: true }).root;
    return root === null ? fail(0, "there is no element; expected <ipbench>") : toElement(root, text, lines);
  } catch (error) {
    if (error instanceof XmlError) {
      const { at, message } = explainMalformed(text, error.pos, error.message.split(" (line ")[0] ?? "");
      return fail(at, message, error);
    }
    throw error;
  }
}

function toElement(node: XmlElement, text: string, lines: LineIndex): ConfigElement {
  const offsets = attributeOffsets(text, node.start);
  const attributes = new Map<string, ConfigAttribute>();
  for (const [name, value] of Object.entries(node.attributes)) {
    const offset = offsets.get(name) ?? { name: node.start, value: node.start, source: "" };
    attributes.set(name, {
      name,
      value,
      position: lines.position(offset.name),
      valuePosition: lines.position(offset.value),
      source: offset.source,
      placeOf: (within) => lines.position(offset.value + within),
    });
  }
  const element: ConfigElement = {
    name: node.name,
    position: lines.position(node.start),
    attributes,
    children: [],
    text: null,
  };
  for (const child of node.children) {
    if (child.type === XmlNode.TYPE_ELEMENT) {
      element.children.push(toElement(child as XmlElement, text, lines));
    } else if (child.type === XmlNode.TYPE_TEXT && element.text === null) {
      const value = (child as XmlText).text;
      const at = value.search(/\S/);
      if (at >= 0) element.text = { value: value.trim(), position: lines.position(child.start + at) };
    }
  }
  return element;
}
