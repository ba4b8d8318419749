/**
 * Which elements and attributes a configuration may have, and the check of a tree against it.
 *
 * @module
 */

import type { Problem } from "../config_error.ts";
import { suggestion } from "../../base/nearest.ts";
import type { ConfigElement } from "./xml_tree.ts";

/** A problem; harmless where the original, which looks for what it knows, passes over it. */
export interface TreeProblem extends Problem {
  harmless: boolean;
}

/** What one element may hold. */
export interface ElementSchema {
  attributes: readonly string[];
  children: Readonly<Record<string, ElementSchema>>;
  /** Children of which there may be one at most. */
  single?: readonly string[];
  /** Children of which there may be several when each of them has this attribute, by their names. */
  singleWithout?: Readonly<Record<string, string>>;
}

const LEAF = {} as const;
/** Files with keys of a daemon, or of all in a section. */
const KEYS = ["secret_file", "tls_ca"] as const;

/** The root element's name. */
const ROOT_NAME = "ipbench";

/** The whole language. */
export const ROOT: ElementSchema = {
  attributes: [],
  single: ["sweep"],
  singleWithout: { test: "class" },
  children: {
    test: {
      attributes: [
        ...["name", "args", "port", "target", "controller_args", "timeout", "require", "until_ci"] as const,
        ...["class", "begin", "end"] as const,
        ...KEYS,
      ],
      single: ["clients"],
      children: {
        expect: { attributes: ["metric", "below", "at_most", "above", "at_least"], children: LEAF },
        client: {
          attributes: ["hostname", "port", "test_port", "test_args", "test_target", "name", "to", ...KEYS],
          children: LEAF,
        },
        clients: { attributes: ["expect", "args", "target", "port", "map"], children: LEAF },
      },
    },
    target_test: {
      attributes: ["name", "args", "controller_args", "class", ...KEYS],
      single: ["targets"],
      children: {
        target: { attributes: ["hostname", "port", "test_args", ...KEYS], children: LEAF },
        targets: { attributes: ["expect", "args"], children: LEAF },
      },
    },
    sweep: {
      attributes: ["repeat", "shuffle", "seed", "split", "until", "retry", "cooldown"],
      children: { over: { attributes: ["arg", "values"], children: LEAF } },
    },
  },
};

/**
 * Checks names and nesting; values are checked where they are read.
 *
 * @param root The root element.
 * @returns What is wrong, in the order of the file.
 */
export function checkTree(root: ConfigElement): TreeProblem[] {
  const problems: TreeProblem[] = [];
  if (root.name !== ROOT_NAME) {
    const message = `the root element is <${root.name}>; expected <${ROOT_NAME}> around everything`;
    problems.push({ where: root.position, message, harmless: true });
  }
  checkElement(root, ROOT, problems);
  return problems;
}

/** The depth was limited when the tree was made. */
function checkElement(element: ConfigElement, schema: ElementSchema, problems: TreeProblem[]): void {
  for (const attribute of element.attributes.values()) {
    if (schema.attributes.includes(attribute.name)) continue;
    const hint = suggestion(attribute.name, schema.attributes);
    const message = `unknown attribute "${attribute.name}" in <${element.name}>${hint}`;
    problems.push({ where: attribute.position, message, harmless: true });
  }
  if (element.text !== null) {
    const shown = JSON.stringify(element.text.value.slice(0, 30));
    const message = `text ${shown} inside <${element.name}>; only elements are expected here`;
    problems.push({ where: element.text.position, message, harmless: true });
  }
  const first = new Map<string, ConfigElement>();
  for (const child of element.children) {
    const known = Object.hasOwn(schema.children, child.name) ? schema.children[child.name] : undefined;
    if (known === undefined) {
      const homes = homesOf(child.name, ROOT, ROOT_NAME).map((name) => `<${name}>`);
      const hint = homes.length > 0
        ? `; it belongs in ${homes.join(" or ")}`
        : suggestion(child.name, Object.keys(schema.children));
      problems.push({
        where: child.position,
        message: `unknown element <${child.name}> in <${element.name}>${hint}`,
        harmless: true,
      });
      continue;
    }
    const earlier = first.get(child.name);
    if (earlier !== undefined) {
      const message = secondOf(child, earlier, schema);
      if (message !== null) problems.push({ where: child.position, message, harmless: false });
    }
    first.set(child.name, earlier ?? child);
    checkElement(child, known, problems);
  }
}

/** The elements that may hold one of this name. */
function homesOf(name: string, schema: ElementSchema, parent: string): string[] {
  return [
    ...Object.hasOwn(schema.children, name) ? [parent] : [],
    ...Object.entries(schema.children).flatMap(([child, of]) => homesOf(name, of, child)),
  ];
}

/** What is wrong with one more element of a name, `null` when nothing is. */
function secondOf(child: ConfigElement, earlier: ConfigElement, schema: ElementSchema): string | null {
  const second = `a second <${child.name}>; there may be one, and line ${earlier.position.line} has it`;
  if (schema.single?.includes(child.name)) return second;
  const attribute = schema.singleWithout?.[child.name];
  if (attribute === undefined) return null;
  const lacking = [earlier, child].find((element) => !element.attributes.has(attribute));
  if (lacking === undefined) return null;
  return lacking === earlier && child.attributes.has(attribute)
    ? `a second <${child.name}>, and the one in line ${earlier.position.line} has no ${attribute}; several in one run ` +
      `each need one, such as ${attribute}="victim"`
    : `${second}; several in one run each need a ${attribute}, such as ${attribute}="bulk"`;
}
