import assert from "node:assert/strict";
import fc from "fast-check";
import { buildDescription, type Described } from "./build_description.ts";
import type { CommandLine } from "./command_line.ts";
import { ConfigError } from "./config_error.ts";
import { parseConfigFile } from "./config_file.ts";
import { placed } from "./places.ts";
import { defaultRun } from "./run_description.ts";
import { checkRunDescription } from "./validate.ts";

function build(line: CommandLine, xml?: string): Described {
  return buildDescription(line, xml === undefined ? null : parseConfigFile(xml, "f.xml"));
}

/** The lines of the error that a configuration gives. */
function errorsOf(line: CommandLine, xml?: string): string[] {
  try {
    build(line, xml);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message.split("\n");
  }
  assert.fail("nothing was thrown");
}

const SIMPLE: CommandLine = { test: "latency", client: ["a"], testTarget: "t" };

Deno.test("the command line alone, with every default", () => {
  const { description, warnings } = build(SIMPLE);
  const clients = [{ host: "a", port: 8036, target: "t", targetPort: null, args: "" }];
  const expected = {
    test: "latency",
    controllerArgs: "",
    clients,
    targets: [],
    reset: false,
    debug: false,
    timeoutSeconds: null,
    require: "all",
    pluginDirs: [],
    secretFile: null,
    tls: null,
    untilCi: null,
  };
  assert.deepEqual(description, expected);
  assert.deepEqual(
    defaultRun("latency", clients),
    expected,
    "what a program gets is what the command line gives",
  );
  assert.deepEqual(warnings, []);
});

Deno.test("every option of the command line arrives", () => {
  const { description } = build({
    client: ["a", "b:9036", "[::1]:9037"],
    port: "8000",
    test: "latency-check",
    testArgs: "size=64,bps=10M",
    testTarget: "10.0.0.9",
    testPort: "1235",
    testControllerArgs: "with_cpu_target",
    targetTest: "cpu_target_lukem",
    targetTestHostname: "10.0.0.8",
    targetTestPort: "1237",
    targetTestArgs: "warmup=1",
    targetTestControllerArgs: "x",
    reset: true,
    debug: true,
    pluginDir: ["p", "q"],
    timeout: "2min",
    require: "50%",
    secretFile: ["s"],
    requireSecret: true,
    originalSpelling: true,
    tlsCa: ["ca.pem"],
    untilCi: "2%",
  });
  assert.deepEqual(description.clients.map(({ host, port, targetPort }) => [host, port, targetPort]), [
    ["a", 8000, 1235],
    ["b", 9036, 1235],
    ["::1", 9037, 1235],
  ]);
  assert.deepEqual(description.targets, [
    { host: "10.0.0.8", port: 1237, test: "cpu_target_lukem", args: "warmup=1", controllerArgs: "x" },
  ]);
  assert.equal(description.controllerArgs, "with_cpu_target");
  assert.equal(description.timeoutSeconds, 120);
  assert.equal(description.untilCi, 0.02);
  assert.deepEqual([description.reset, description.debug, description.require], [true, true, "50%"]);
  assert.deepEqual([description.requireSecret, description.originalSpelling], [true, true]);
  assert.deepEqual(checkRunDescription(description), description);
  assert.deepEqual([description.pluginDirs, description.secretFile, description.tls], [["p", "q"], "s", {
    ca: "ca.pem",
  }]);
});

Deno.test("inner overrides outer, the file overrides the command line, clients are added", () => {
  const xml = `<ipbench>
    <test name="latency" args="outer" port="7" target="t1" controller_args="c">
      <client hostname="a"/>
      <client hostname="b" port="9000" test_port="8" test_args="inner" test_target="t2"/>
    </test>
    <target_test name="cpu_target" args="o" controller_args="k">
      <target hostname="x"/>
      <target hostname="y" port="9001" test_args="i"/>
    </target_test>
    <target_test name="echo"><target hostname="z"/></target_test>
  </ipbench>`;
  const line = {
    client: ["c"],
    port: "8001",
    testArgs: "line",
    testTarget: "t0",
    testPort: "6",
    targetTestArgs: "la",
  };
  const { description } = build(line, xml);
  assert.deepEqual(description.clients, [
    { host: "a", port: 8001, target: "t1", targetPort: 7, args: "outer" },
    { host: "b", port: 9000, target: "t2", targetPort: 8, args: "inner" },
    { host: "c", port: 8001, target: "t1", targetPort: 7, args: "outer" },
  ]);
  assert.deepEqual(description.targets, [
    { host: "x", port: 8037, test: "cpu_target", args: "o", controllerArgs: "k" },
    { host: "y", port: 9001, test: "cpu_target", args: "i", controllerArgs: "k" },
    { host: "z", port: 8037, test: "echo", args: "la", controllerArgs: "" },
  ]);
  assert.equal(description.controllerArgs, "c");
});

Deno.test("an empty attribute overrides too", () => {
  const xml =
    `<ipbench><test name="n" target="t" args="a"><client hostname="h" test_args=""/></test></ipbench>`;
  assert.equal(build({}, xml).description.clients[0]?.args, "");
});

Deno.test("port 0 on the target is the test's own", () => {
  assert.equal(build({ ...SIMPLE, testPort: "0" }).description.clients[0]?.targetPort, null);
});

Deno.test("a target test without a hostname runs on the machine under test", () => {
  const { description } = build({ ...SIMPLE, targetTest: "cpu_target" });
  assert.deepEqual(description.targets.map(({ host, port }) => [host, port]), [["t", 8037]]);
});

Deno.test("without a target the original sends None", () => {
  const { description, places } = build({ test: "wait", client: ["a"] });
  assert.equal(description.clients[0]?.target, "None");
  assert.equal(places.get("clients[0].target")?.where, "--test-target");
});

Deno.test("each text knows where it was written, and each argument where it stands", () => {
  const { places } = build(
    { targetTestArgs: "a=1" },
    `<ipbench>
  <test name="latency" target="t" args="x=1, size=64,sizes=&quot;64:1,y&quot;,
    bps=10X,flag">
    <client hostname="a"/>
    <client hostname="b" test_args=' bps = "1"'/>
  </test>
  <target_test name="cpu_target"><target hostname="c"/></target_test>
</ipbench>`,
  );
  const found = (path: string, argument: string) => {
    const { where, placeOf } = places.get(path) ?? {};
    const at = placeOf?.(argument) ?? where;
    return typeof at === "object" ? `${at.line}:${at.column}` : at;
  };
  assert.equal(found("test", ""), "2:15");
  assert.equal(found("clients[0].target", ""), "2:32");
  assert.equal(found("clients[0].args", "x"), "2:41");
  assert.equal(found("clients[0].args", "size"), "2:46");
  assert.equal(found("clients[0].args", "sizes"), "2:54");
  assert.equal(found("clients[0].args", "bps"), "3:5");
  assert.equal(found("clients[0].args", "flag"), "3:13");
  assert.equal(found("clients[0].args", "nosuch"), "2:41");
  assert.equal(found("clients[1].args", "bps"), "5:38");
  assert.equal(found("targets[0].test", ""), "7:22");
  assert.equal(found("targets[0].args", "a"), "--target-test-args");
});

Deno.test("problems of a description get their places, each once", () => {
  const { places } = build(
    { test: "latency", testTarget: "t" },
    `<ipbench><test args="bsp=1"><client hostname="a"/><client hostname="b"/></test></ipbench>`,
  );
  const problem = (where: string, message: string, argument?: string) => ({
    where,
    message,
    ...argument !== undefined && { argument },
  });
  const found = placed([
    problem("clients[0].args", "one", "bsp"),
    problem("clients[1].args", "one", "bsp"),
    problem("test", "two"),
    problem("elsewhere", "three"),
  ], places);
  assert.deepEqual(found, [
    { where: { file: "f.xml", line: 1, column: 22 }, message: "one" },
    { where: "--test", message: "two" },
    { where: "elsewhere", message: "three" },
  ]);
});

Deno.test("a raw Ethernet target is a MAC address", () => {
  const { description } = build({ ...SIMPLE, testTarget: "aa:bb:cc:dd:ee:ff" });
  assert.equal(description.clients[0]?.target, "aa:bb:cc:dd:ee:ff");
});

Deno.test("a target test of the command line comes on top of the file's, unless it names one of them", () => {
  const xml = (name: string) =>
    `<ipbench><test name="latency" target="t"><client hostname="a"/></test>
    <target_test ${name}><target hostname="b"/></target_test></ipbench>`;
  const line = { targetTest: "sink", targetTestHostname: "c", targetTestPort: "9" };
  const targets = (file: string) =>
    build(line, file).description.targets.map(({ test, host }) => [test, host]);
  assert.deepEqual(targets(xml('name="echo"')), [["echo", "b"], ["sink", "c"]]);
  assert.deepEqual(targets(xml("")), [["sink", "b"]]);
});

Deno.test("in the original's spelling what a file holds too much is warned of", () => {
  const text =
    `<lab><test name="latency" target="t" id="1"><client hostname="a"/>note<extra/></test><test/></lab>`;
  const file = parseConfigFile(text, "f.xml", true);
  assert.deepEqual(file.warnings.length, 4, file.warnings.join());
  assert.match(file.warnings[1] ?? "", /^f\.xml:1:38: unknown attribute "id" in <test>/);
  assert.deepEqual(file.problems.map(({ message }) => message), [
    'a second <test>; there may be one, and line 1 has it; several in one run each need a class, such as class="bulk"',
  ]);
  assert.equal(parseConfigFile(text, "f.xml").problems.length, 5);
});

Deno.test("options that have no effect are warned of", () => {
  const xml =
    `<ipbench><test name="latency" target="t" controller_args="with_cpu_target"><client hostname="a"/></test>
    </ipbench>`;
  const { warnings } = build({ test: "discard" }, xml);
  assert.deepEqual(warnings, [
    '--test discard has no effect: f.xml names the test "latency"',
    "with_cpu_target is given but no target test follows: the row will end in a comma",
  ]);
});

Deno.test("all problems of a file come at once, in its order, with their places", () => {
  const xml = [
    "<ipbench>",
    '  <test nmae="latency" args="ok" port="70000" target="t t">',
    '    <client hostname="a" prot="1"/>',
    '    <client port="x"/>',
    '    <cleint hostname="b"/>',
    '    <client hostname="c" test_port="-1"/>',
    "  </test>",
    '  <test name="other"/>',
    "  some text",
    '  <target_test name="cpu target"><target hostname="h" port="0"/><target/></target_test>',
    "  <target_test/>",
    '  <sweep><over values="1:2:0"/></sweep>',
    "</ipbench>",
  ].join("\n");
  assert.deepEqual(errorsOf({}, xml), [
    'f.xml:2:3: <test> without a name; expected <test name="latency" …>',
    'f.xml:2:9: unknown attribute "nmae" in <test>; did you mean "name"?',
    'f.xml:2:40: "70000" is not a port; expected a number from 0 to 65535',
    'f.xml:2:55: "t t" is not a host name or address',
    'f.xml:3:26: unknown attribute "prot" in <client>; did you mean "port"?',
    'f.xml:4:5: <client> without hostname; expected hostname="HOST"',
    'f.xml:5:5: unknown element <cleint> in <test>; did you mean "client"?',
    'f.xml:6:37: "-1" is not a port; expected a number from 0 to 65535',
    'f.xml:8:3: a second <test>; there may be one, and line 2 has it; several in one run each need a class, such as class="bulk"',
    'f.xml:9:3: text "some text" inside <ipbench>; only elements are expected here',
    'f.xml:10:22: "cpu target" is not the name of a test; expected letters, digits, "_" and "-"',
    'f.xml:10:61: "0" is not a port; expected a number from 1 to 65535',
    'f.xml:10:65: <target> without hostname; expected hostname="HOST"',
    'f.xml:11:3: <target_test> without a name; expected name="cpu_target"',
    'f.xml:11:3: <target_test> without <target>; expected <target hostname="HOST"/>',
    'f.xml:12:10: <over> without arg; expected arg="bps" or another argument',
    'f.xml:12:24: the step in "1:2:0" has to be greater than 0',
  ]);
});

Deno.test("the root element has to be ipbench", () => {
  assert.deepEqual(errorsOf(SIMPLE, "<config/>"), [
    "f.xml:1:1: the root element is <config>; expected <ipbench> around everything",
  ]);
});

Deno.test("nothing to run", () => {
  assert.deepEqual(errorsOf({}), [
    "nothing to run: give a configuration file, or --test NAME and --client HOST",
    'no client to run the test; add <client hostname="…"/> or --client HOST',
  ]);
  assert.deepEqual(errorsOf({ client: ["a"] }, "<ipbench/>"), [
    "f.xml:1:1: no <test> section, and no --test on the command line: nothing to run",
  ]);
  assert.deepEqual(errorsOf({}, '<ipbench>\n<test name="n" target="t"/></ipbench>'), [
    'f.xml:2:1: no client to run the test; add <client hostname="…"/> or --client HOST',
  ]);
});

Deno.test("an argument that is given twice counts once, and is named", () => {
  const warnings = (line: CommandLine, text?: string) =>
    buildDescription(line, text === undefined ? null : parseConfigFile(text, "f.xml")).warnings;
  assert.deepEqual(warnings({ ...SIMPLE, testArgs: 'rate=1,size=9,rate=2, "rate=3"' }), [
    '--test-args: argument rate is given 3 times, and the last one counts: "rate=3"',
  ]);
  assert.deepEqual(warnings({ ...SIMPLE, testArgs: "rate=1 rate=2", originalSpelling: true }), [
    "--test-args: argument rate is given 2 times, and the last one counts: rate=2",
  ]);
  assert.deepEqual(warnings({ ...SIMPLE, testArgs: "rate=1,rates=2" }), []);
  assert.deepEqual(
    warnings(
      {},
      `<ipbench><test name="n" target="t" args="a=1,b,b"><client hostname="c"/><client hostname="d"/>
<client hostname="e" test_args="a=1,a=2"/></test>
<target_test name="m" args="x=1,x=2"><target hostname="f"/></target_test></ipbench>`,
    ),
    [
      "f.xml:1:46: argument b is given 2 times, and the last one counts: b",
      "f.xml:2:33: argument a is given 2 times, and the last one counts: a=2",
      "f.xml:3:29: argument x is given 2 times, and the last one counts: x=2",
    ],
  );
});

Deno.test("wrong options are named", () => {
  assert.deepEqual(errorsOf({ ...SIMPLE, port: "x", timeout: "soon", require: "most", untilCi: "2" }), [
    '--port: "x" is not a port; expected a number from 1 to 65535',
    '--timeout: "soon" is not a time; expected such as 90, 90s, 2min',
    '--require: "most" is not "all", a number of clients, or a share such as 90%',
    '--until-ci: "2" is not a share of the mean; expected such as 0.02 or 2%',
  ]);
  for (const timeout of ["1e30", "169h"]) {
    assert.deepEqual(errorsOf({ ...SIMPLE, timeout }), [
      `--timeout: "${timeout}" is too long; a week (168h) is the most`,
    ]);
  }
  assert.equal(buildDescription({ ...SIMPLE, timeout: "168h" }, null).description.timeoutSeconds, 604_800);
  assert.deepEqual(errorsOf({ ...SIMPLE, requireSecret: true }), [
    "--require-secret: there is no secret; give the file that holds it with --secret-file",
  ]);
  assert.deepEqual(errorsOf({ ...SIMPLE, require: "2" }), [
    "--require: 2 clients are required, but there are only 1",
  ]);
  assert.deepEqual(errorsOf({ ...SIMPLE, testArgs: "a=1\nQUIT" }), [
    "--test-args: arguments hold a line break or another control character; they are one line",
  ]);
  assert.deepEqual(errorsOf({ ...SIMPLE, testArgs: "x".repeat(8000) }), [
    "--test-args: arguments of 8000 bytes are too long; at most 7000 can be sent",
  ]);
  assert.deepEqual(errorsOf({ test: "latency", client: ["a"], targetTest: "cpu_target" }), [
    "--target-test: no machine to run it on; give --target-test-hostname HOST",
  ]);
});

Deno.test("one daemon twice is refused, whichever way it is written", () => {
  const xml = `<ipbench><test name="n" target="t">
<client hostname="a"/>
<client hostname="a" port="8036"/></test></ipbench>`;
  assert.deepEqual(errorsOf({ client: ["a:8036"] }, xml), [
    "f.xml:3:1: client a:8036 a second time (first: line 2); a daemon runs one test at a time",
    "--client: client a:8036 a second time (first: line 2); a daemon runs one test at a time",
  ]);
});

Deno.test("a problem that many clients inherit is told once", () => {
  assert.equal(errorsOf({ ...SIMPLE, client: ["a", "b", "c"], testPort: "x" }).length, 1);
});

Deno.test("the sweep section comes out as written", () => {
  const xml =
    `<ipbench><sweep repeat="2" until="loss&gt;1%"><over arg="bps" values="10M:30M:10M"/></sweep></ipbench>`;
  assert.deepEqual(parseConfigFile(xml, "f.xml").sweep, {
    repeat: "2",
    until: "loss>1%",
    over: [{ arg: "bps", values: "10M:30M:10M", where: { file: "f.xml", line: 1, column: 47 } }],
    places: {
      repeat: { file: "f.xml", line: 1, column: 25 },
      until: { file: "f.xml", line: 1, column: 35 },
    },
  });
});

Deno.test("twenty thousand testers in one line are read in seconds, right or wrong", () => {
  const file = (attribute: string) => {
    const clients = Array.from(
      { length: 20_000 },
      (_, i) => `<client ${attribute}="10.0.${i >> 8}.${i & 255}"/>`,
    );
    return `<ipbench><test name="latency" target="t">${clients.join("")}</test></ipbench>`;
  };
  const begun = performance.now();
  assert.equal(build({}, file("hostname")).description.clients.length, 20_000);
  const errors = errorsOf({}, file("hostnmae"));
  assert.equal(errors.length, 101, "a hundred, and how many more");
  assert.match(errors.at(-1) ?? "", /^… and \d+ more$/);
  assert.ok(performance.now() - begun < 60_000, "not quadratic: that would take many minutes");
});

Deno.test("property: what is built passes the check of descriptions, and survives JSON", () => {
  const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
  const port = fc.integer({ min: 1, max: 65535 });
  const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
  const hosts = fc.uniqueArray(host, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(
      name,
      hosts,
      host,
      port,
      fc.stringMatching(/^[a-z=,0-9 "]{0,30}$/),
      (test, all, target, p, args) => {
        const escaped = args.replaceAll('"', "&quot;");
        const xml = `<ipbench><test name="${test}" args="${escaped}" target="${target}" port="${p}">` +
          all.map((each) => `<client hostname="${each}"/>`).join("") + "</test></ipbench>";
        const { description } = build({}, xml);
        assert.deepEqual(checkRunDescription(JSON.parse(JSON.stringify(description))), description);
        assert.deepEqual(description.clients.map((client) => client.host), all);
        assert.ok(
          description.clients.every((client) => client.args === args.trim() && client.targetPort === p),
        );
      },
    ),
  );
});

Deno.test("keys of one daemon: the file's come before the command line's, an empty one is none", () => {
  const file = parseConfigFile(
    `<ipbench>
  <test name="latency" target="t" secret_file="all" tls_ca="ca">
    <client hostname="a"/>
    <client hostname="b" secret_file="own" tls_ca=""/>
  </test>
  <target_test name="cpu_target"><target hostname="t" tls_ca="tca"/></target_test>
</ipbench>`,
    "keys.xml",
  );
  const line = { client: ["c"], secretFile: ["common", "b=typed", "c=typed"], tlsCa: ["t:8037=typed"] };
  const { description } = buildDescription(line, file);
  const keys = ({ secretFile, tlsCa }: { secretFile?: string | null; tlsCa?: string | null }) => [
    secretFile,
    tlsCa,
  ];
  assert.deepEqual(description.clients.map(keys), [["all", "ca"], ["own", null], ["typed", "ca"]]);
  assert.deepEqual(description.targets.map(keys), [[undefined, "tca"]]);
  assert.deepEqual([description.secretFile, description.tls], ["common", null]);
  checkRunDescription(description);
  assert.throws(
    () => buildDescription({ ...line, tlsCa: ["d=x"] }, file),
    /"d" is no daemon of this run/,
  );
  const plain = { client: ["a", "b"], test: "wait", requireSecret: true };
  assert.throws(() => buildDescription({ ...plain, secretFile: ["a=s"] }, null), /there is no secret/);
  buildDescription({ ...plain, secretFile: ["a=s", "b=s"] }, null);
});
