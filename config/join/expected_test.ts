import assert from "node:assert/strict";
import { buildDescription } from "../build_description.ts";
import type { CommandLine } from "../command_line.ts";
import { ConfigError } from "../config_error.ts";
import { parseConfigFile } from "../config_file.ts";
import type { RunDescription } from "../run_description.ts";

const LISTEN: CommandLine = { listen: "8038" };

function build(xml: string | null, line: CommandLine): RunDescription {
  return buildDescription(line, xml === null ? null : parseConfigFile(xml, "c.xml")).description;
}

function wrong(xml: string | null, line: CommandLine): string {
  try {
    build(xml, line);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "nothing";
}

const one = (clients: string) =>
  `<ipbench><test name="latency" target="t" args="bps=1M">${clients}</test></ipbench>`;
const two = (a: string, b: string) =>
  `<ipbench><test name="latency" class="victim" target="t">${a}</test>` +
  `<test name="discard" class="bulk" target="t">${b}</test></ipbench>`;

Deno.test("<clients> stands for so many clients, numbered through the classes", () => {
  const { clients, listen } = build(
    two(
      '<clients expect="20%" args="a=1"/>',
      '<clients map="1: target=u,port=9; a=2"/><client hostname="h"/>',
    ),
    { ...LISTEN, expect: "10", wait: "5s" },
  );
  assert.deepEqual(listen, { host: null, port: 8038, waitSeconds: 5 });
  assert.equal(clients.length, 11);
  const joining = clients.filter(({ joins }) => joins !== undefined);
  assert.deepEqual(joining.map(({ joins }) => joins), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(joining.map((client) => client.class).slice(1, 3), ["victim", "bulk"]);
  assert.deepEqual(joining[0]?.args, "a=1");
  const { target, targetPort, args } = joining[3]!;
  assert.deepEqual({ target, targetPort, args }, { target: "u", targetPort: 9, args: "a=2" });
});

Deno.test("--expect and --expect-targets do without a file", () => {
  const { clients, targets } = build(null, {
    ...{ ...LISTEN, expect: "3", expectTargets: "2", test: "latency", testArgs: "bps=1M" },
    ...{ testTarget: "t", targetTest: "cpu_target" },
  });
  assert.deepEqual(clients.map(({ host, args }) => [host, args]), [["0@?", "bps=1M"], ["1@?", "bps=1M"], [
    "2@?",
    "bps=1M",
  ]]);
  assert.deepEqual(targets.map(({ host, test, joins }) => [host, test, joins]), [
    ["0@?", "cpu_target", 0],
    ["1@?", "cpu_target", 1],
  ]);
});

Deno.test("shares that do not divide evenly add up", () => {
  const thirds = '<clients expect="33.3%"/>';
  const xml =
    `<ipbench>${["a", "b"].map((name) => `<test name="latency" class="${name}">${thirds}</test>`).join("")}` +
    `<test name="latency" class="c"><clients/></test></ipbench>`;
  const { clients } = build(xml, { ...LISTEN, expect: "100" });
  assert.equal(clients.length, 100);
});

Deno.test("an address to listen on, and mistakes, with their places and remedies", () => {
  assert.deepEqual(build(one('<clients expect="1"/>'), { listen: "[::1]:9" }).listen, {
    ...{ host: "::1", port: 9, waitSeconds: 60 },
  });
  for (
    const [xml, line, text] of [
      [one('<clients expect="2"/>'), {}, /nobody listens: give --listen PORT/],
      [one('<client hostname="h"/>'), LISTEN, /--listen: nobody is expected to dial in; give --expect N/],
      [one('<client hostname="h"/>'), { wait: "5s" }, /--wait: nobody is waited for without --listen/],
      [one("<clients/>"), LISTEN, /c\.xml:1:\d+: <clients> without expect/],
      [one('<clients expect="x"/>'), LISTEN, /"x" is not how many testers to expect/],
      [one('<clients expect="20001"/>'), LISTEN, /expected 1 to 20000/],
      [one('<clients expect="20%"/>'), LISTEN, /a share of how many\? Say it with --expect N/],
      [
        one('<clients expect="2"/>'),
        { ...LISTEN, expect: "3" },
        /--expect: 3 testers, but the file expects 2/,
      ],
      [one('<clients expect="2"/><clients expect="2"/>'), LISTEN, /a second <clients>/],
      [one('<clients expect="2" map="5: a=1"/>'), LISTEN, /c\.xml:1:\d+: 5 is beyond the last of 2 testers/],
      [
        two('<client hostname="h"/>', '<client hostname="i"/>'),
        { ...LISTEN, expect: "2" },
        /give each its part/,
      ],
      [two("<clients/>", "<clients/>"), { ...LISTEN, expect: "2" }, /a second <clients> without expect/],
      [one('<clients expect="2"/>'), { listen: "h:99999" }, /--listen/],
      [one('<clients expect="2"/>'), { ...LISTEN, wait: "-1" }, /--wait: "-1" is no time to wait/],
    ] as [string, CommandLine, RegExp][]
  ) assert.match(wrong(xml, line), text, `${xml} ${JSON.stringify(line)}`);
  // What follows from a mistake is not said as well.
  const none = '<ipbench><test name="latency"/></ipbench>';
  for (const line of [{ ...LISTEN, expect: "0" }, LISTEN]) {
    assert.equal(wrong(none, line).trim().split("\n").length, 1, wrong(none, line));
  }
});
