/** What people get wrong in a configuration: each message has the place of the culprit, and what to write instead. */
import assert from "node:assert/strict";
import { buildDescription } from "../build_description.ts";
import { ConfigError } from "../config_error.ts";
import { parseConfigFile } from "../config_file.ts";

function mistakesOf(xml: string): string[] {
  try {
    buildDescription({}, parseConfigFile(xml, "f.xml"));
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

const CLIENT = '<client hostname="a"/>';
const TEST = `<test name="latency" target="t">${CLIENT}</test>`;

Deno.test("an element in the wrong place: where it belongs", () => {
  assert.deepEqual(mistakesOf(`<ipbench>\n${TEST}\n${CLIENT}\n</ipbench>`), [
    "f.xml:3:1: unknown element <client> in <ipbench>; it belongs in <test>",
  ]);
  assert.deepEqual(
    mistakesOf(
      `<ipbench><test name="latency" target="t">\n<over/>${CLIENT}\n<target hostname="t"/></test></ipbench>`,
    ),
    [
      "f.xml:2:1: unknown element <over> in <test>; it belongs in <sweep>",
      "f.xml:3:1: unknown element <target> in <test>; it belongs in <target_test>",
    ],
  );
  assert.deepEqual(mistakesOf(`<ipbench>${TEST}\n<targettest/></ipbench>`), [
    'f.xml:2:1: unknown element <targettest> in <ipbench>; did you mean "target_test"?',
  ]);
});

Deno.test("without <ipbench> around it nothing else is said of a file", () => {
  assert.deepEqual(mistakesOf(TEST), [
    "f.xml:1:1: the root element is <test>; expected <ipbench> around everything",
  ]);
});

Deno.test("a port, a range or a file of hosts as hostname", () => {
  const of = (hostname: string) => mistakesOf(`<ipbench>${TEST.replace('"a"', `"${hostname}"`)}</ipbench>`);
  assert.deepEqual(of("10.0.0.2:9036"), [
    'f.xml:1:60: "10.0.0.2:9036" holds a port; write hostname="10.0.0.2" port="9036"',
  ]);
  assert.deepEqual(of("[::1]:9036"), [
    'f.xml:1:60: "[::1]:9036" holds a port; write hostname="::1" port="9036"',
  ]);
  for (const several of ["lab[1-3]", "@hosts.txt"]) {
    assert.deepEqual(of(several), [
      `f.xml:1:60: "${several}" is no host name or address; ranges and files of hosts are for the command line ` +
      "(--client); here each host has an element",
    ]);
  }
  for (const good of ["::1", "fe80::1%eth0", "lab-1.example"]) assert.deepEqual(of(good), []);
  assert.deepEqual(
    mistakesOf(
      `<ipbench>${TEST}<target_test name="cpu_target">\n<target hostname="t:8037"/></target_test></ipbench>`,
    ),
    ['f.xml:2:19: "t:8037" holds a port; write hostname="t" port="8037"'],
  );
});

Deno.test("what is no XML: the culprit, and what to write", () => {
  const unclosed = (line: number, name: string) =>
    `f.xml:${line}:1: malformed XML: <${name}> is not closed; write <${name} …/>, or </${name}> behind it`;
  assert.deepEqual(mistakesOf("<ipbench>\n<test>\n<client a='1>2'>\n<client/>\n</test></ipbench>"), [
    unclosed(3, "client"),
  ]);
  assert.deepEqual(
    mistakesOf("<ipbench>\n<test>\n<client></client>\n<!-- <test> --><client/>\n</ipbench>"),
    [unclosed(2, "test")],
  );
  assert.deepEqual(mistakesOf(" \n"), ["f.xml:1:1: the file is empty; expected <ipbench> … </ipbench>"]);
  assert.deepEqual(mistakesOf("hello"), [
    "f.xml:1:1: malformed XML: there is no element here; expected <ipbench> … </ipbench>",
  ]);
  const remedies: [attribute: string, remedy: RegExp][] = [
    ["port=7", /1:15: .*; put the value in quotes, such as port="7"$/],
    ['until="p99<1ms"', /; write &lt; for it$/],
    ['args="a=1&b=2"', /; write &amp; for an & that stands for itself$/],
    ['a="1" a="2"', /; delete one of the two$/],
  ];
  for (const [attribute, remedy] of remedies) {
    assert.match(mistakesOf(`<ipbench ${attribute}/>`).join(), remedy);
  }
});
