import assert from "node:assert/strict";
import { buildDescription } from "./build_description.ts";
import type { CommandLine } from "./command_line.ts";
import { parseConfigFile } from "./config_file.ts";
import { ConfigError, formatProblem } from "./config_error.ts";
import type { RunDescription } from "./run_description.ts";
import { checkRunDescription } from "./validate.ts";

function build(xml: string, line: CommandLine = {}): RunDescription {
  return buildDescription(line, parseConfigFile(xml, "f.xml")).description;
}

function errorsOf(xml: string, line: CommandLine = {}): string[] {
  try {
    build(xml, line);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(formatProblem);
    throw error;
  }
  return [];
}

const TWO = `<ipbench>
<test class="victim" name="latency" args="size=64" target="t" port="7" require="1">
  <client hostname="a"/><client hostname="b" test_args="size=65"/>
</test>
<test class="bulk" name="discard" begin="5s" end="1.5min" target="t" controller_args="x=1">
  <client hostname="a" port="9"/>
</test>
</ipbench>`;

Deno.test("each test with a class has clients, arguments and times of its own", () => {
  const run = build(TWO, { timeout: "90s" });
  assert.deepEqual(run.classes, [
    {
      name: "victim",
      test: "latency",
      controllerArgs: "",
      require: "1",
      beginSeconds: 0,
      endSeconds: null,
      timeoutSeconds: 90,
      untilCi: null,
    },
    {
      name: "bulk",
      test: "discard",
      controllerArgs: "x=1",
      require: "all",
      beginSeconds: 5,
      endSeconds: 90,
      timeoutSeconds: 90,
      untilCi: null,
    },
  ]);
  assert.deepEqual(
    run.clients.map((each) => [each.class, each.host, each.port, each.targetPort, each.args]),
    [
      ["victim", "a", 8036, 7, "size=64"],
      ["victim", "b", 8036, 7, "size=65"],
      ["bulk", "a", 9, null, ""],
    ],
  );
  assert.deepEqual([run.test, run.controllerArgs, run.require], ["latency", "", "all"]);
  assert.deepEqual(checkRunDescription(JSON.parse(JSON.stringify(run))), run, "it survives a sweep's index");
});

Deno.test("without classes there is one test, and a run that has none is as it always was", () => {
  const xml = (first: string, second: string) =>
    `<ipbench><test name="latency" target="t" ${first}><client hostname="a"/></test>\n` +
    `<test name="discard" target="t" ${second}><client hostname="b"/></test></ipbench>`;
  assert.deepEqual(errorsOf(xml("", "")), [
    'f.xml:2:1: a second <test>; there may be one, and line 1 has it; several in one run each need a class, such as class="bulk"',
  ]);
  assert.deepEqual(errorsOf(xml("", 'class="bulk"')), [
    'f.xml:2:1: a second <test>, and the one in line 1 has no class; several in one run each need one, such as class="victim"',
  ]);
  const plain = build('<ipbench><test name="latency" target="t"><client hostname="a"/></test></ipbench>');
  assert.equal("classes" in plain || "class" in plain.clients[0]!, false);
});

Deno.test("what is wrong with classes is told with its place and a suggestion", () => {
  const xml = `<ipbench>
<test class="victim" name="latency" target="t" begn="5s"><client hostname="a"/></test>
<test class="victim" name="discard" target="t" begin="5 apples"><client hostname="b"/></test>
<test class="2nd" name="discard" target="t" begin="9s" end="5s"><client hostname="c"/></test>
<test class="last" target="t" begin="2h"/>
<target_test name="sink" class="victm"><target hostname="t"/></target_test>
</ipbench>`;
  assert.deepEqual(errorsOf(xml), [
    'f.xml:2:48: unknown attribute "begn" in <test>; did you mean "begin"?',
    'f.xml:3:14: a second class "victim"; the first is in line 2',
    'f.xml:3:55: "5 apples" is not a time; expected such as 5s, 1.5min, from the begin of the run',
    'f.xml:4:14: "2nd" is no name of a class; expected a letter, then letters, digits, "_" and "-", at most 32',
    "f.xml:4:61: the class ends at 5s, and begins at 9s: the end has to be later",
    'f.xml:5:1: <test> without a name; expected <test name="latency" …>',
    'f.xml:5:1: no client to run the test of class "last"; add <client hostname="…"/>',
    "f.xml:5:38: 2h is not between 0 and 1200 s from the begin of the run",
    'f.xml:6:33: there is no class "victm"; did you mean "victim"?',
  ]);
  assert.deepEqual(
    errorsOf('<ipbench><test name="latency" end="5s" target="t"><client hostname="a"/></test></ipbench>'),
    ['f.xml:1:36: end is of a class: name it, such as class="bulk"'],
  );
});

Deno.test("a daemon of two classes: a second one is what it takes", () => {
  const xml = `<ipbench>
<test class="victim" name="latency" target="t"><client hostname="a"/></test>
<test class="bulk" name="discard" target="t"><client hostname="a"/></test>
</ipbench>`;
  assert.deepEqual(errorsOf(xml), [
    'f.xml:3:46: client a:8036 a second time (first: line 2); a daemon runs one test at a time: for the class "bulk" ' +
    "start a second one there on another port (ipbenchd -p PORT), and name that",
  ]);
});

Deno.test("a target that two classes use alike is set up once; with other work it needs a second daemon", () => {
  const xml = (args: string) =>
    TWO.replace(
      "</ipbench>",
      `<target_test name="sink" class="victim"><target hostname="t"/></target_test>
<target_test name="sink" class="bulk" args="${args}"><target hostname="t"/></target_test></ipbench>`,
    );
  assert.deepEqual(build(xml("")).targets.map(({ host, class: of }) => [host, of]), [["t", undefined]]);
  const [error, ...more] = errorsOf(xml("port=9"));
  assert.match(
    error!,
    /target t:8037 a second time .*for the class "bulk" start a second one .*ipbenchd -t -p PORT/,
  );
  assert.deepEqual(more, []);
  const own = build(xml("").replace(/(.*)hostname="t"/s, '$1hostname="u"')).targets;
  assert.deepEqual(own.map(({ host, class: of }) => [host, of]), [["t", "victim"], ["u", "bulk"]]);
});

Deno.test("the command line says of which class an argument is", () => {
  const run = build(TWO, { class: ["victim.size=100", "bulk.bps=20M", "bulk.size=1400"] });
  assert.deepEqual(run.clients.map(({ args }) => args), ["size=100", "size=100", "bps=20M,size=1400"]);
  assert.deepEqual(
    errorsOf(TWO, { class: ["blk.bps=1", "bulk", "bulk.bps"], testArgs: "size=1", client: ["z"] }),
    [
      "--client: the file's tests have classes (victim, bulk), and this is for one of them: give it there",
      "--test-args: the file's tests have classes (victim, bulk), and this is for one of them: give it there; " +
      "--class victim.NAME=VALUE sets an argument of one",
      '--class: there is no class "blk"; did you mean "bulk"?',
      '--class: "bulk" is no argument of a class; expected CLASS.NAME=VALUE, such as victim.size=64',
      '--class: "bulk.bps" is no argument of a class; expected CLASS.NAME=VALUE, such as victim.size=64',
    ],
  );
  const plain = '<ipbench><test name="latency" target="t"><client hostname="a"/></test></ipbench>';
  assert.deepEqual(errorsOf(TWO, { class: ["bulk.bps=1", "bulk.size=9", "victim.bps=1", "bulk.bps=2"] }), [
    "--class: bulk.bps is given twice",
  ]);
  assert.deepEqual(errorsOf(plain, { class: ["a.b=1"] }), [
    "--class: the configuration has no classes; --test-args gives arguments",
  ]);
});

Deno.test("a description from elsewhere: whoever names a class names one that there is", () => {
  const run = build(TWO);
  const problems = (change: (run: RunDescription) => void): string[] => {
    const copy = structuredClone(run);
    change(copy);
    try {
      checkRunDescription(copy);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems.map(formatProblem);
      throw error;
    }
    return [];
  };
  assert.deepEqual(problems(() => {}), []);
  assert.match(problems((copy) => delete copy.clients[0]!.class).join(), /clients\[0\]: needs a class/);
  assert.match(problems((copy) => copy.clients[2]!.class = "other").join(), /clients\[2\]: no class "other"/);
  assert.match(
    problems((copy) => copy.classes![1]!.endSeconds = 1).join(),
    /classes\[1\]: .*end after its begin/,
  );
  assert.match(problems((copy) => copy.classes![1]!.name = "victim").join(), /one name/);
  assert.match(problems((copy) => delete copy.classes).join(), /no class "victim"/);
});

Deno.test("at most eight classes", () => {
  const tests = Array.from(
    { length: 9 },
    (_, n) => `<test class="c${n}" name="latency" target="t"><client hostname="h${n}"/></test>`,
  );
  assert.deepEqual(errorsOf(`<ipbench>${tests.join("\n")}</ipbench>`), [
    "9 classes; at most 8 can run together",
  ]);
});
