/**
 * Checks the rules of ARCHITECTURE.md: who imports whom, no cycles, doors that nobody goes past, no printing and no exit
 * outside the programs, no input or output in `protocol/` and `results/`, no tests among the product's files, and how
 * long files are and how full folders.
 *
 *     deno run -A scripts/check_imports.ts
 *
 * @module
 */

import { filesBelow, isTest, PRODUCT, readSources, type SourceText } from "./lib/sources.ts";

/** What each folder may import besides itself and npm packages. Tests may import everything. */
const MAY_IMPORT: Record<string, string[]> = {
  base: [],
  protocol: ["base"],
  config: ["base"],
  ffi: ["base"],
  results: ["base"],
  history: ["base", "results"],
  controller: ["base", "protocol", "config", "results", "ffi"],
  daemon: ["base", "protocol", "ffi"],
  serve: ["base", "config", "results", "history", "controller"],
  cli: ["base", "protocol", "config", "results", "ffi", "history", "controller", "daemon", "serve"],
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
const FULLEST_FOLDER = 25;

/** Imports of values and types, at the beginning, in the middle and in types. */
const IMPORT =
  /^\s*(?:import|export)\s[^;'"]*?from\s+"([^"]+)"|^\s*import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm;

/** What `deno test` runs when it is given a folder. */
const TEST_NAME = /(^|[/._])test\.[cm]?[jt]sx?$/;

interface Source extends SourceText {
  code: string;
  /** Every file that it imports, types and later imports included. */
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

function read({ path, text }: SourceText): Source {
  const code = withoutComments(text);
  const names = [...code.matchAll(IMPORT)].flatMap(([, a, b, c]) => resolve(path, a ?? b ?? c ?? "") ?? []);
  return { path, text, code, names };
}

/** Imports that the rules forbid. */
function checkDirections(source: Source, problems: string[]): void {
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

/**
 * Imports past a door: a folder that has `mod.ts` is entered through it. Folders inside of it are rooms of their own.
 */
function checkDoors({ path, names }: Source, doors: Set<string>, problems: string[]): void {
  for (const name of names) {
    const room = folderOf(name);
    const inside = room === "" || path.startsWith(`${room}/`);
    if (!inside && doors.has(room) && name !== `${room}/mod.ts`) {
      problems.push(`${path} -> ${name}: ${room}/ is entered through ${room}/mod.ts`);
    }
  }
}

/** What a folder's code must not do. */
function checkConduct({ path, code }: Source, problems: string[]): void {
  if (path.startsWith("protocol/") && /\bDeno\./.test(code)) {
    problems.push(`${path}: protocol/ does no input or output, so it has no use for Deno`);
  }
  if (path.startsWith("results/") && /\bDeno\.(?!inspect)/.test(code)) {
    problems.push(`${path}: results/ does no input or output, so it has no use for Deno`);
  }
  if (MAY_IMPORT[path.split("/")[0]!] === undefined || PROGRAMS.test(path)) return;
  const prints = /\bconsole\.\w+\(|\bDeno\.(?:stdout|stderr)\b|\bDeno\.exit\(/.exec(code);
  if (prints !== null) problems.push(`${path}: ${prints[0]} belongs into cli/ or daemon/main.ts`);
}

/** Tests where the product is, and product files that pass for tests. */
function checkPlaces({ path, code, names }: Source, problems: string[]): void {
  if (!PRODUCT.includes(path.split("/")[0]!)) return;
  if (/(^|\/)(testing|testdata|tests)\//.test(path)) {
    problems.push(`${path}: what tests share belongs into tests/`);
  }
  if (TEST_NAME.test(path)) {
    if (!/\bDeno\.test\b/.test(code)) problems.push(`${path}: has a test's name, and no test is in it`);
    return;
  }
  for (const name of names) {
    if (isTest(name) || TEST_NAME.test(name)) problems.push(`${path} -> ${name}: the product needs no tests`);
  }
}

/** Folders in which nobody finds anything. */
function checkFolders(files: readonly string[], problems: string[]): void {
  for (const [folder, own] of Map.groupBy(files, folderOf)) {
    if (own.length > FULLEST_FOLDER) {
      problems.push(`${folder || "."}/: ${own.length} files of its own, more than ${FULLEST_FOLDER}`);
    }
  }
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

/** Cycles among files, types and tests included. */
function checkCycles(all: Map<string, Source>, problems: string[]): void {
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): void => {
    const begin = trail.indexOf(path);
    if (begin >= 0) {
      problems.push(`cycle: ${[...trail.slice(begin), path].join(" -> ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of all.get(path)?.names ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of all.keys()) visit(path, []);
}

/**
 * Checks every rule.
 *
 * @param sources All TypeScript of the project.
 * @param files Paths of all its files, from its root.
 * @returns What is wrong, and a report on long files.
 */
export function checkImports(
  sources: readonly SourceText[],
  files: readonly string[],
): { problems: string[]; report: string[] } {
  const all = new Map(sources.map((source) => [source.path, read(source)]));
  const doors = new Set([...all.keys()].filter((path) => path.endsWith("/mod.ts")).map(folderOf));
  const problems: string[] = [];
  const report: string[] = [];
  for (const source of all.values()) {
    checkPlaces(source, problems);
    if (!TEST_NAME.test(source.path)) {
      checkDirections(source, problems);
      checkConduct(source, problems);
    }
    if (isTest(source.path)) continue;
    checkDoors(source, doors, problems);
    const lines = source.text.split("\n").length;
    if (lines > LONGEST_FILE) {
      problems.push(`${source.path}: ${lines} lines, more than ${LONGEST_FILE}`);
    } else if (lines > LONG_FILE) report.push(`${source.path}: ${lines} lines, long`);
  }
  checkCycles(all, problems);
  checkFolders(files, problems);
  return { problems, report };
}

if (import.meta.main) {
  const { problems, report } = checkImports(await readSources(), await filesBelow(""));
  for (const line of report) console.error(line);
  for (const line of problems) console.error(`wrong: ${line}`);
  if (problems.length > 0) Deno.exit(1);
}
