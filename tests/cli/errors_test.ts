/** Wrong use: exit status 2, nothing on stdout, and a sentence on stderr that helps. Whole outputs are compared. */
import assert from "node:assert/strict";
import { runProgram } from "../util/mod.ts";

const after = (command: string) => `(${command} --help lists what there is)\n`;

/** What was typed, and all of stderr. */
const WRONG: [args: string[], stderr: string][] = [
  [["rnu", "x.xml"], `ipbench: unknown command 'rnu'\n(Did you mean run?)\n${after("ipbench")}`],
  [
    ["run", "--clinet", "a"],
    `ipbench: unknown option '--clinet'\n(Did you mean --client?)\n${after("ipbench run")}`,
  ],
  [
    ["run", "a.xml", "b.xml"],
    "ipbench: too many arguments for 'run'. Expected 1 argument but got 2: a.xml, b.xml.\n" +
    after("ipbench run"),
  ],
  [["run", "--json"], `ipbench: option '--json <file>' argument missing\n${after("ipbench run")}`],
  [["history", "list", "--jsn"], `ipbench: unknown option '--jsn'\n${after("ipbench history list")}`],
  [["status"], "ipbench: which daemons? Give HOST, or a configuration that names them\n"],
  [["run", "no/such.xml"], "ipbench: cannot read the configuration no/such.xml: there is no such file\n"],
  [["run", "tests"], "ipbench: cannot read the configuration tests: it is a directory\n"],
  [
    ["run", "a.xml", "--config", "b.xml"],
    "ipbench: two configurations: a.xml and --config b.xml; name one\n",
  ],
  [
    ["--client", "a:b", "--test", "latency"],
    'ipbench: --client: in "a:b", "b" is not a port; expected a number from 1 to 65535\n',
  ],
  [
    ["run"],
    "ipbench: nothing to run: give a configuration file, or --test NAME and --client HOST\n" +
    'ipbench: no client to run the test; add <client hostname="…"/> or --client HOST\n',
  ],
  [
    ["status", "a:0", "b c"],
    'ipbench: in "a:0", "0" is not a port; expected a number from 1 to 65535\nipbench: "b c" is not a host name or address\n',
  ],
  [["status", "--port", "x", "a"], 'ipbench: --port: "x" is not a port; expected a number from 1 to 65535\n'],
  [["echo", "--udp", "70000"], 'ipbench: --udp: "70000" is not a port; expected a number from 1 to 65535\n'],
  [["echo", "--raw", "eth0,check=1"], 'ipbench: --raw: "eth0,check=1" holds a comma\n'],
  [["deploy", "-oProxyCommand=x"], `ipbench: unknown option '-oProxyCommand=x'\n${after("ipbench deploy")}`],
  [["deploy", "--bin", "/x;reboot", "h"], 'ipbench: --bin: "/x;reboot" is not a plain absolute path\n'],
  [["deploy", "h;reboot"], 'ipbench: "h;reboot" is not a host\n'],
  [
    ["run", "-a", "x=1", "--timeout", "5", "--test-args", "x=2", "--timeout", "1e30", "--event", "1e30=true"],
    "ipbench: warning: --test-args is given more than once, and the last one counts: x=2\n" +
    "ipbench: warning: --timeout is given more than once, and the last one counts: 1e30\n" +
    'ipbench: --timeout: "1e30" is too long; a week (168h) is the most\n' +
    'ipbench: --event: "1e30=true" is too late; a week (168h) is the most\n' +
    "ipbench: nothing to run: give a configuration file, or --test NAME and --client HOST\n" +
    'ipbench: no client to run the test; add <client hostname="…"/> or --client HOST\n',
  ],
  [
    ["completions", "tcsh"],
    `ipbench: command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.\n${
      after("ipbench completions")
    }`,
  ],
  [
    ["--client", "a", "--test", "latency", "--test-target", "t", "--json", "/no/such/folder/x.json"],
    "ipbench: cannot write /no/such/folder/x.json: there is no folder /no/such/folder\n",
  ],
];

for (const [args, expected] of WRONG) {
  Deno.test(`wrong use: ipbench ${args.join(" ")}`, async () => {
    const { code, stdout, stderr } = await runProgram("ipbench", args);
    assert.equal(stderr, expected);
    assert.deepEqual([code, stdout], [2, ""]);
  });
}

Deno.test("a configuration's mistakes come all at once, each with file, line and column", async () => {
  const { code, stdout, stderr } = await runProgram("ipbench", ["run", "-", "--port", "0"], {
    input: '<ipbench>\r\n  <test name="latency" taget="t">\r\n    <client/>\r\n  </test>\r\n</ipbench>\r\n',
  });
  assert.equal(
    stderr,
    '<stdin>:2:24: unknown attribute "taget" in <test>; did you mean "target"?\n' +
      '<stdin>:3:5: <client> without hostname; expected hostname="HOST"\n' +
      'ipbench: --port: "0" is not a port; expected a number from 1 to 65535\n',
  );
  assert.deepEqual([code, stdout], [2, ""]);
});

Deno.test("a DOCTYPE with an entity bomb is refused at once", async () => {
  const bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">]>\n<ipbench>&a;</ipbench>';
  const { code, stderr } = await runProgram("ipbench", ["check", "-"], { input: bomb });
  assert.equal(
    stderr,
    "<stdin>:1:1: a DOCTYPE is not allowed here; delete it, entities have to be written out\n",
  );
  assert.equal(code, 2);
});

Deno.test("the beginnings of long options work as they did", async () => {
  const { code, stderr } = await runProgram("ipbench", [
    "--cl",
    "a:b",
    "--target-test-ho",
    "x",
    "--test=latency",
  ]);
  assert.equal(stderr, 'ipbench: --client: in "a:b", "b" is not a port; expected a number from 1 to 65535\n');
  assert.equal(code, 2);
});
