/** Wrong use: exit status 2, nothing on stdout, and a sentence on stderr that helps. Whole outputs are compared. */
import assert from "node:assert/strict";
import { makeDocument } from "../fixtures/documents.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
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
    ["export", "--froamt", "hlog", "a.json"],
    `ipbench: unknown option '--froamt'\n(Did you mean --format?)\n${after("ipbench export")}`,
  ],
  [["export", "a.json"], "ipbench: in which format? Give --format hlog, prometheus or junit\n"],
  [
    ["history", "export"],
    "ipbench: in which format? Give --format otava, bencher, benchstat or prometheus\n",
  ],
  [
    ["history", "prune", "--befroe", "x"],
    `ipbench: unknown option '--befroe'\n(Did you mean --before?)\n${after("ipbench history prune")}`,
  ],
  [["history", "prune"], "ipbench: which runs? Give --before DATE, such as --before 2026-01-31\n"],
  [["history", "series", "--metric", "p99"], "ipbench: --metric: of which series? Give its number, too\n"],
  [["history", "list", "-n", "0"], 'ipbench: --limit: "0" is no whole number from 1 up\n'],
  [["quick", "lab[1-3]"], "ipbench: lab[1-3] names 3 hosts, and one is measured\n"],
  [
    ["quick", "a", "--from", "b:9", "b:9"],
    "ipbench: --from: b:9 a second time; a daemon runs one test at a time\n",
  ],
  [
    ["mesh", "a", "b", "--delay-args", "bps=x", "--rate-args", "streams=x"],
    'ipbench: --delay-args: argument bps: "x" is not a rate such as 10M or 1.5G\n' +
    'ipbench: --rate-args: argument streams: "x" is not a whole number such as 1000 or 10k\n',
  ],
  [["echo", "--udp", "7", "--threads", "0"], "ipbench: --threads: 0 is out of range; it takes 1..64\n"],
  [["echo", "--tcp", "7", "--trains"], "ipbench: --trains: is for UDP; give --udp PORT as well\n"],
  [
    ["echo", "--check-size", "64"],
    "ipbench: --check-size: is for packets that are checked; give --check as well\n",
  ],
  [
    ["echo", "--stamp", "8620", "--stamp-key-file", "/no/such"],
    "ipbench: --stamp-key-file: cannot open /no/such: No such file or directory\n",
  ],
  [["sink", "--iperf3", "--max-time", "0"], "ipbench: --max-time: 0 is out of range; it takes 1s..24h\n"],
  [
    ["status", "--secret-file", "/no/such", "a"],
    "ipbench: cannot use the secret file /no/such: there is no such file\n",
  ],
  [
    ["deploy", "--secret-file", "/dev/null", "h"],
    "ipbench: warning: the secret file /dev/null can be read by others: chmod 600 /dev/null\n" +
    "ipbench: the daemons ask for the secret in /dev/null; others who are to use them need a copy\nipbench: cannot use the secret file /dev/null: the secret file is empty\n",
  ],
  [
    ["deploy", "--tls-cert", "/no/such", "--tls-key", "/no/such", "h"],
    "ipbench: cannot read /no/such: there is no such file\n",
  ],
  [["serve", "--history", "/dev"], "ipbench: the history /dev is a folder; name a file\n"],
  [
    ["report", "a.json", "--csv", "--markdown", "-"],
    "ipbench: the standard output takes one form: --csv or --markdown; give the others a file\n",
  ],
  [
    ["sweep", "-c", "a", "-t", "latency", "-T", "b", "--over", "bps=1M", "--out", "/dev/null"],
    "ipbench: cannot make the folder /dev/null: something of that name is there\n",
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

Deno.test("an option whose value the file overrides is examined, too", async () => {
  const { code, stdout, stderr } = await runProgram("ipbench", ["check", "-", "--test-port", "x"], {
    input: '<ipbench><test name="latency" target="t" port="7"><client hostname="a"/></test></ipbench>',
  });
  assert.equal(stderr, 'ipbench: --test-port: "x" is not a port; expected a number from 0 to 65535\n');
  assert.deepEqual([code, stdout], [2, ""]);
});

Deno.test("of every option that is given twice, the one that counts is named", async () => {
  const { code, stderr } = await runProgram("ipbench", [
    ...["history", "list", "--test", "a", "--test", "b", "--history", "/no/such", "--history", "/no/other"],
  ]);
  assert.equal(
    stderr,
    "ipbench: warning: --test is given more than once, and the last one counts: b\n" +
      "ipbench: warning: --history is given more than once, and the last one counts: /no/other\n" +
      'ipbench: there is no history /no/other yet; runs make it, or "ipbench history import"\n',
  );
  assert.equal(code, 1);
});

Deno.test("wrong use of the daemon names the file", async () => {
  using folder = TemporaryFolder.make();
  const [text, none] = [folder.write("text", "nothing"), `${folder.path}/none`];
  const cases: [string[], RegExp][] = [
    [["--secret-file", none], /cannot take the secret from .*none: there is no such file$/m],
    [["--tls-cert", text, "--tls-key", none], /--tls-cert: cannot read .*text: it is no PEM file$/m],
    [["--new-secret", text], /cannot make the secret file .*text: something of that name is there$/m],
    [
      ["--join", "127.0.0.1:1", "--tls-ca", none],
      /cannot read the authority .*none: there is no such file$/m,
    ],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await runProgram(
      "ipbenchd",
      ["--ip", "127.0.0.1", "--port", "0", ...args].slice(args[0] === "--join" ? 4 : 0),
    );
    assert.match(stderr, message);
    assert.deepEqual([code, stdout], [2, ""], args.join(" "));
  }
});

Deno.test("a file that is named and cannot be read is a failure, and the others are printed all the same", async () => {
  using folder = TemporaryFolder.make();
  const good = folder.write("good.json", JSON.stringify(makeDocument()));
  const empty = folder.write("empty.json", "");
  const bare = `${folder.path}/bare`;
  await Deno.mkdir(bare);
  const csv = await runProgram("ipbench", ["csv", good, empty]);
  assert.equal(csv.code, 1);
  assert.notEqual(csv.stdout, "");
  assert.equal(csv.stderr, `ipbench: ${empty}: the file is empty\n`);
  const page = await runProgram("ipbench", ["report", good, empty, "-o", `${folder.path}/a.html`]);
  assert.equal(page.code, 1, page.stderr);
  assert.ok((await Deno.stat(`${folder.path}/a.html`)).size > 0);
  const nothing = await runProgram("ipbench", ["report", bare]);
  assert.equal(nothing.stderr, `ipbench: no result document in ${bare}\n`);
  const nowhere = await runProgram("ipbench", ["report", good, "-o", `${folder.path}/no/a.html`]);
  assert.match(nowhere.stderr, /cannot write .*a\.html: there is no folder .*\/no\n$/);
  const recovered = await runProgram("ipbench", ["recover", empty]);
  assert.equal(recovered.stderr, `ipbench: nothing to recover: ${empty}: the file is empty\n`);
});
