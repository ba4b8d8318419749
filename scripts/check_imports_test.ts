import { deepEqual, equal } from "node:assert/strict";
import { checkExports } from "./check_exports.ts";
import { checkImports } from "./check_imports.ts";
import { filesBelow, readSources } from "./lib/sources.ts";

/** A tree that keeps every rule; each case below breaks one. */
const HOUSE: Record<string, string> = {
  "base/ground.ts": "export const GROUND = 1;",
  "protocol/mod.ts": 'export * from "./line.ts";',
  "protocol/line.ts": 'import { GROUND } from "../base/ground.ts";\nexport const LINE = GROUND;',
  "daemon/session.ts": 'import { LINE } from "../protocol/mod.ts";\nexport const session = () => LINE;',
  "daemon/session_test.ts": 'import { session } from "./session.ts";\nDeno.test("it", () => session());',
  "daemon/main.ts": 'import { session } from "./session.ts";\nconsole.log(session());',
  "tests/daemon/line_test.ts": 'import { LINE } from "../../protocol/line.ts";\nDeno.test("it", () => LINE);',
};

function sourcesOf(change: Record<string, string>): { path: string; text: string }[] {
  return Object.entries({ ...HOUSE, ...change }).map(([path, text]) => ({ path, text }));
}

function problemsWith(change: Record<string, string>, files: string[] = []): string[] {
  return checkImports(sourcesOf(change), [...Object.keys(HOUSE), ...files]).problems;
}

Deno.test("a tree that keeps the rules has no problem", () => {
  deepEqual(problemsWith({}), []);
  deepEqual(checkExports(sourcesOf({})), []);
});

const BREACHES: [rule: string, change: Record<string, string>, expected: string][] = [
  [
    "a room imports one that it must not know",
    { "protocol/deep.ts": 'import { session } from "../daemon/session.ts";' },
    "protocol/deep.ts -> daemon/session.ts: protocol must not import daemon",
  ],
  [
    "a type counts as much as a value",
    { "protocol/deep.ts": 'import type { Session } from "../daemon/session.ts";' },
    "protocol/deep.ts -> daemon/session.ts: protocol must not import daemon",
  ],
  [
    "a later import counts as well",
    { "protocol/deep.ts": 'const late = () => import("../daemon/session.ts");' },
    "protocol/deep.ts -> daemon/session.ts: protocol must not import daemon",
  ],
  [
    "only the child process opens plugins",
    { "daemon/open.ts": 'import { open } from "../ffi/child/plugin.ts";', "ffi/child/plugin.ts": "" },
    "daemon/open.ts -> ffi/child/plugin.ts: only the child process opens plugins",
  ],
  [
    "a cycle of values",
    { "base/ground.ts": 'export * from "./above.ts";', "base/above.ts": 'import "./ground.ts";' },
    "cycle: base/ground.ts -> base/above.ts -> base/ground.ts",
  ],
  [
    "a cycle that a type closes",
    {
      "base/ground.ts": 'export { above } from "./above.ts";',
      "base/above.ts": 'import type { Ground } from "./ground.ts";',
    },
    "cycle: base/ground.ts -> base/above.ts -> base/ground.ts",
  ],
  [
    "a cycle that a type in the middle of a line closes",
    {
      "base/ground.ts": 'export { above } from "./above.ts";',
      "base/above.ts": 'export type Above = import("./ground.ts").Ground;',
    },
    "cycle: base/ground.ts -> base/above.ts -> base/ground.ts",
  ],
  [
    "a cycle of tests",
    {
      "tests/util/a.ts": 'import { b } from "./b.ts";',
      "tests/util/b.ts": 'import { a } from "./a.ts";',
    },
    "cycle: tests/util/a.ts -> tests/util/b.ts -> tests/util/a.ts",
  ],
  [
    "somebody goes past a door",
    { "daemon/past.ts": 'import { LINE } from "../protocol/line.ts";' },
    "daemon/past.ts -> protocol/line.ts: protocol/ is entered through protocol/mod.ts",
  ],
  [
    "somebody goes past a door of a room inside of a room",
    {
      "daemon/access/mod.ts": 'export * from "./who.ts";',
      "daemon/access/who.ts": "",
      "daemon/past.ts": 'import type { Who } from "./access/who.ts";',
    },
    "daemon/past.ts -> daemon/access/who.ts: daemon/access/ is entered through daemon/access/mod.ts",
  ],
  [
    "input or output in the protocol",
    { "protocol/io.ts": "const pid = Deno.pid;" },
    "protocol/io.ts: protocol/ does no input or output, so it has no use for Deno",
  ],
  [
    "something prints that is no program",
    { "daemon/loud.ts": 'console.log("here");' },
    "daemon/loud.ts: console.log( belongs into cli/ or daemon/main.ts",
  ],
  [
    "a product folder holds what tests share",
    { "daemon/testing/fake.ts": "" },
    "daemon/testing/fake.ts: what tests share belongs into tests/",
  ],
  [
    "a product file has a test's name",
    { "daemon/rank_test.ts": "export const rank = 1;" },
    "daemon/rank_test.ts: has a test's name, and no test is in it",
  ],
  [
    "the product imports what is there for tests",
    { "daemon/real.ts": 'import { fake } from "../tests/util/fake.ts";', "tests/util/fake.ts": "" },
    "daemon/real.ts -> tests/util/fake.ts: the product needs no tests",
  ],
  ["a file is too long", { "daemon/long.ts": "\n".repeat(400) }, "daemon/long.ts: 401 lines, more than 400"],
];

for (const [rule, change, expected] of BREACHES) {
  Deno.test(`import check: ${rule}`, () => {
    const problems = problemsWith(change);
    equal(problems.includes(expected), true, `${expected}\nnot among\n${problems.join("\n")}`);
  });
}

Deno.test("import check: a folder is too full, of whatever files", () => {
  const files = (count: number) => Array.from({ length: count }, (_, i) => `tests_c/lib/io/${i}.c`);
  deepEqual(problemsWith({}, files(25)), []);
  deepEqual(problemsWith({}, files(26)), ["tests_c/lib/io/: 26 files of its own, more than 25"]);
});

Deno.test("import check: comments import nothing, and a door is open from inside", () => {
  deepEqual(
    problemsWith({ "protocol/deep.ts": '/** import "../daemon/session.ts"; */\n// import("./deep.ts")' }),
    [],
  );
  deepEqual(problemsWith({ "protocol/inner/deep.ts": 'import { LINE } from "../line.ts";' }), []);
});

Deno.test("export check: unused exports, and those that tests alone use", () => {
  deepEqual(checkExports(sourcesOf({ "daemon/idle.ts": "export function idle() {}" })), [
    "daemon/idle.ts: idle is exported, and no other file uses it",
  ]);
  const tested = {
    "daemon/idle.ts": "export function idle() {}",
    "daemon/idle_test.ts": 'import { idle } from "./idle.ts";',
  };
  deepEqual(checkExports(sourcesOf(tested)), ["daemon/idle.ts: tests alone use idle"]);
});

Deno.test("the project keeps the rules", async () => {
  const sources = await readSources();
  deepEqual(checkImports(sources, await filesBelow("")).problems, []);
  deepEqual(checkExports(sources), []);
});
