/**
 * Checks who imports whom: the directions of ARCHITECTURE.md, no cycles, no printing and no exit outside the programs,
 * no input or output in `protocol/`, and how long files are.
 *
 *     deno run -A scripts/check_imports.ts
 *
 * @module
 */

import { sourcesBelow } from "./lib/sources.ts";

/** What each folder may import besides itself and npm packages. Tests may import everything. */
const MAY_IMPORT: Record<string, string[]> = {
  base: [],
  protocol: ["base"],
  config: ["base"],
  ffi: ["base"],
  results: ["base"],
  controller: ["base", "protocol", "config", "results", "ffi"],
  daemon: ["base", "protocol", "ffi"],
  cli: ["base", "protocol", "config", "results", "ffi", "controller", "daemon"],
  "mod.ts": ["base", "controller", "protocol", "config", "results", "ffi"],
};

/** Single imports that are right although the rule above forbids them. */
const EXCEPTIONS = new Set([
  "ffi/self/version.ts -> deno.json", // the one place of the version
  "cli/deploy/files.ts -> packaging/ipbenchd.service", // a text that is embedded
]);

/** Files that are programs: they may print and exit. */
const PROGRAMS = /^(cli\/|daemon\/main\.ts$|ffi\/child\/main\.ts$)/;
const LONGEST_FILE = 400;
const LONG_FILE = 250;

const IMPORT = /^\s*(?:import|export)\s(?!type\b)[^;'"]*?from\s+"([^"]+)"|^\s*import\s+"([^"]+)"/gm;
const TYPE_IMPORT = /^\s*(?:import|export)\s+type\b[^;'"]*?from\s+"([^"]+)"/gm;
const DYNAMIC = /\bimport\("([^"]+)"\)/g;

interface Source {
  path: string;
  text: string;
  code: string;
  /** Files that are loaded before this one. */
  needs: string[];
  /** Every file that is named, types and later imports included. */
  names: string[];
}

function resolve(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, " "))
    .replaceAll(/^\s*\/\/.*$/gm, "");
}

function read({ path, text }: { path: string; text: string }): Source {
  const code = withoutComments(text);
  const found = (pattern: RegExp) =>
    [...code.matchAll(pattern)].flatMap((match) => resolve(path, match[1] ?? match[2] ?? "") ?? []);
  const needs = found(IMPORT);
  return { path, text, code, needs, names: [...needs, ...found(TYPE_IMPORT), ...found(DYNAMIC)] };
}

/** Imports that the rules forbid. */
function checkDirections(source: Source, problems: string[]): void {
  if (source.path.endsWith("_test.ts")) return;
  const own = source.path.split("/")[0]!;
  const allowed = MAY_IMPORT[own];
  if (allowed === undefined) return;
  for (const name of source.names) {
    const other = name.split("/")[0]!;
    const edge = `${source.path} -> ${name}`;
    if (EXCEPTIONS.has(edge)) continue;
    if (other !== own && !allowed.includes(other)) problems.push(`${edge}: ${own} must not import ${other}`);
    if (other === "ffi" && own !== "ffi" && own !== "cli" && name.startsWith("ffi/child/")) {
      problems.push(`${edge}: only the child process opens plugins`);
    }
  }
}

/** What a folder's code must not do. */
function checkConduct({ path, code }: Source, problems: string[]): void {
  if (path.endsWith("_test.ts")) return;
  if (path.startsWith("protocol/") && /\bDeno\./.test(code)) {
    problems.push(`${path}: protocol/ does no input or output, so it has no use for Deno`);
  }
  if (path.startsWith("results/") && /\bDeno\.(?!inspect)/.test(code)) {
    problems.push(`${path}: results/ does no input or output, so it has no use for Deno`);
  }
  if (PROGRAMS.test(path)) return;
  const prints = /\bconsole\.\w+\(|\bDeno\.(?:stdout|stderr)\b|\bDeno\.exit\(/.exec(code);
  if (prints !== null) problems.push(`${path}: ${prints[0]} belongs into cli/ or daemon/main.ts`);
}

/** Cycles among files that are loaded together. */
function checkCycles(all: Map<string, Source>, problems: string[]): void {
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): void => {
    const begin = trail.indexOf(path);
    if (begin >= 0) {
      problems.push(`cycle: ${[...trail.slice(begin), path].join(" -> ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of all.get(path)?.needs ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of all.keys()) visit(path, []);
}

/**
 * Checks every source.
 *
 * @returns what is wrong, and a report on long files
 */
export async function checkImports(): Promise<{ problems: string[]; report: string[] }> {
  const all = new Map<string, Source>();
  for (const folder of Object.keys(MAY_IMPORT)) {
    for await (const source of sourcesBelow(folder)) all.set(source.path, read(source));
  }
  const problems: string[] = [];
  const report: string[] = [];
  for (const source of all.values()) {
    checkDirections(source, problems);
    checkConduct(source, problems);
    const lines = source.text.split("\n").length;
    if (lines > LONGEST_FILE && !source.path.endsWith("_test.ts")) {
      problems.push(`${source.path}: ${lines} lines, more than ${LONGEST_FILE}`);
    } else if (lines > LONG_FILE) report.push(`${source.path}: ${lines} lines, long`);
  }
  checkCycles(all, problems);
  return { problems, report };
}

if (import.meta.main) {
  const { problems, report } = await checkImports();
  for (const line of report) console.error(line);
  for (const line of problems) console.error(`wrong: ${line}`);
  if (problems.length > 0) Deno.exit(1);
}
