import assert from "node:assert/strict";
import { buildDescription } from "./build_description.ts";
import type { CommandLine } from "./command_line.ts";
import { ConfigError } from "./config_error.ts";
import { parseConfigFile } from "./config_file.ts";
import { checkRunDescription } from "./validate.ts";

const LINE: CommandLine = { test: "latency", client: ["a"], testTarget: "t" };

function gatesOf(line: CommandLine, inner = "", attributes = "") {
  const xml =
    `<ipbench>\n<test name="latency" ${attributes} target="t">\n${inner}\n<client hostname="a"/></test></ipbench>`;
  const { description } = buildDescription(line, inner === "" ? null : parseConfigFile(xml, "f.xml"));
  checkRunDescription(description);
  return description.gates;
}

function errorOf(line: CommandLine, inner = ""): string {
  try {
    gatesOf(line, inner);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  assert.fail("nothing was thrown");
}

Deno.test("gates of the file come first, in its order, then those of the command line", () => {
  assert.equal(gatesOf(LINE), undefined);
  const inner = `<expect metric="p99" below="200us"/><expect metric="throughput" at_least="1G" below="2G"/>`;
  assert.deepEqual(gatesOf({ gate: ["loss <= 0.1 %"] }, inner), [
    { metric: "p99", operator: "<", limit: "200us" },
    { metric: "throughput", operator: "<", limit: "2G" },
    { metric: "throughput", operator: ">=", limit: "1G" },
    { metric: "loss", operator: "<=", limit: "0.1 %" },
  ]);
  assert.equal(gatesOf({}, `<expect metric="loss" at_most="0%"/>`, 'class="bulk"')![0]!.class, "bulk");
});

Deno.test("wrong gates are named with their place", () => {
  assert.match(
    errorOf({}, `<expect below="1ms"/>`),
    /^f\.xml:3:1: <expect> without a metric; expected such as/,
  );
  assert.match(errorOf({}, `<expect metric="p99"/>`), /^f\.xml:3:1: <expect> without a limit/);
  assert.match(errorOf({}, `<expect metric="p99" below="fast"/>`), /^f\.xml:3:29: "fast" is no limit/);
  assert.match(errorOf({}, `<expect metric="p99" under="1ms"/>`), /unknown attribute "under" in <expect>/);
  assert.match(
    errorOf({ ...LINE, gate: ["p99=1ms"] }),
    /--gate: "p99=1ms" is no condition; expected such as "p99<200us"/,
  );
  assert.match(errorOf({ ...LINE, gate: ["p99<x"] }), /--gate: "x" is no limit/);
});
