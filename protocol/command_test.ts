import assert from "node:assert/strict";
import fc from "fast-check";
import { type Command, formatCommand, parseCommand } from "./command.ts";
import { EMPTY_SETUP, type TestSetup } from "../base/test_setup.ts";

/** The command of a line that has to be one. */
function parsed(line: string): Command {
  const result = parseCommand(line);
  assert.ok(result.ok, line);
  return result.command;
}

Deno.test("parseCommand: the original's commands, blanks around them", () => {
  assert.deepEqual(parsed("HELLO"), { name: "HELLO" });
  assert.deepEqual(parsed("  LOAD dummy  "), { name: "LOAD", plugin: "dummy" });
  assert.deepEqual(parsed("LOAD latency-check"), { name: "LOAD", plugin: "latency-check" });
  assert.deepEqual(parsed("START"), { name: "START", atNs: null });
  assert.deepEqual(parsed("STOP"), { name: "STOP", atNs: null });
  assert.deepEqual(parsed("HELP"), { name: "HELP", extensions: false });
});

Deno.test("parseCommand: what is no command", () => {
  const lines = [
    "",
    "   ",
    "FOO",
    "hello",
    "LOAD",
    "LOAD a b",
    "LOAD ../a",
    "LOAD a.so",
    "HELLO x",
    "STATUS x",
    "HELP x",
  ];
  for (const line of [...lines, "LOAD " + "a".repeat(65), "FOO a::b", "SETUP", "AUTH"]) {
    assert.deepEqual(parseCommand(line), { ok: false, message: null }, line);
  }
});

Deno.test("parseCommand: a known command with something wrong says what", () => {
  for (
    const line of [
      "SETUP x",
      "SETUP target::h",
      "START now",
      "START at::-5",
      "ENV x",
      "AUTH a b",
      "AUTH 00 00 00",
    ]
  ) {
    const result = parseCommand(line);
    assert.ok(!result.ok && result.message !== null && result.message.length > 5, line);
  }
});

Deno.test("SETUP: the recorded lines", () => {
  assert.deepEqual(parsed('SETUP target::127.0.0.1||port::1235||args::"socktype=udp,size=1024"'), {
    name: "SETUP",
    fields: { ...EMPTY_SETUP, target: "127.0.0.1", port: 1235, args: "socktype=udp,size=1024" },
  });
  assert.deepEqual(parsed('SETUP args::""'), { name: "SETUP", fields: EMPTY_SETUP });
  assert.deepEqual(parsed('SETUP target::h||port::1||args::"x=1"'), {
    name: "SETUP",
    fields: { ...EMPTY_SETUP, target: "h", port: 1, args: "x=1" },
  });
});

Deno.test("SETUP: IPv6 and MAC targets, quotes, || and :: inside of arguments, fields of others", () => {
  const setup = (line: string): TestSetup => (parsed(line) as Command & { name: "SETUP" }).fields;
  assert.equal(setup('SETUP target::fe80::1%eth0||port::7||args::""').target, "fe80::1%eth0");
  assert.equal(setup('SETUP target::::1||port::7||args::""').target, "::1");
  assert.equal(setup('SETUP target::aa:bb:cc:dd:ee:ff||port::0||args::""').target, "aa:bb:cc:dd:ee:ff");
  assert.equal(setup('SETUP args::"start="/bin/a b",stop="x""').args, 'start="/bin/a b",stop="x"');
  assert.equal(setup('SETUP args::"start="a || b",x=c::d"||form::1').args, 'start="a || b",x=c::d');
  assert.equal(setup("SETUP args::x=1").args, "x=1");
  assert.equal(setup('SETUP args::"x"||later::9||form::1||run::00ff||flow::3').runId, 255n);
});

Deno.test("SETUP: values that cannot be", () => {
  const lines = [
    'SETUP port::70000||args::""',
    'SETUP port::-1||args::""',
    'SETUP port::1e3||args::""',
    'SETUP port::||args::""',
    'SETUP target::||args::""',
    'SETUP target::a b||args::""',
    'SETUP args::""||args::""',
    'SETUP args::""||form::2',
    'SETUP args::""||original::2',
    'SETUP args::""||run::xyz',
    'SETUP args::""||flow::99999999999',
    "SETUP target::" + "a".repeat(256) + '||args::""',
  ];
  for (const line of lines) assert.equal(parseCommand(line).ok, false, line);
});

Deno.test("formatCommand: exactly the bytes that small targets compare", () => {
  assert.equal(formatCommand({ name: "LOAD", plugin: "cpu_target_lukem" }), "LOAD cpu_target_lukem\n");
  assert.equal(formatCommand({ name: "SETUP", fields: EMPTY_SETUP }), 'SETUP args::""\n');
  const tester = { ...EMPTY_SETUP, target: "127.0.0.1", port: 6123 };
  assert.equal(
    formatCommand({ name: "SETUP", fields: tester }),
    'SETUP target::127.0.0.1||port::6123||args::""\n',
  );
  const extended = { ...tester, form: 1, runId: 0xabcn, flowBase: 2 } as const;
  assert.equal(
    formatCommand({ name: "SETUP", fields: extended }, true),
    'SETUP target::127.0.0.1||port::6123||args::""||form::1||run::0000000000000abc||flow::2\n',
  );
  const spelled = { ...EMPTY_SETUP, form: 1, originalSpelling: true } as const;
  assert.equal(
    formatCommand({ name: "SETUP", fields: spelled }, true),
    'SETUP args::""||form::1||run::0000000000000000||original::1\n',
  );
  assert.equal(formatCommand({ name: "SETUP", fields: spelled }), 'SETUP args::""\n');
});

Deno.test("formatCommand: what cannot travel is refused", () => {
  const setup = (fields: Partial<TestSetup>) =>
    formatCommand({ name: "SETUP", fields: { ...EMPTY_SETUP, ...fields } });
  assert.throws(() => setup({ args: "a\nABORT" }), { code: "syntax" });
  assert.throws(() => setup({ args: "a||args::b" }), { code: "syntax" });
  assert.throws(() => setup({ target: "h||args::x", port: 1 }), { code: "syntax" });
  assert.throws(() => setup({ target: "h", port: 65536 }), { code: "syntax" });
  assert.throws(() => formatCommand({ name: "LOAD", plugin: "a\nABORT" }), { code: "syntax" });
  assert.throws(() => formatCommand({ name: "ENV", iface: "a b", target: null }), { code: "syntax" });
});

Deno.test("SETUP comes back as it was sent", () => {
  const fields = fc.record({
    target: fc.oneof(fc.ipV6(), fc.ipV4(), fc.domain()),
    port: fc.nat(65535),
    args: fc.string({ unit: "grapheme" }),
    form: fc.constantFrom(0 as const, 1 as const),
    runId: fc.bigInt(0n, 2n ** 64n - 1n),
    flowBase: fc.nat(0xffffffff),
    originalSpelling: fc.boolean(),
  });
  fc.assert(fc.property(fields, (setup) => {
    let line: string;
    try {
      line = formatCommand({ name: "SETUP", fields: setup }, true);
    } catch {
      return; // Line ends, or a field inside of the arguments.
    }
    assert.deepEqual(parsed(line.slice(0, -1)), { name: "SETUP", fields: { ...setup } });
  }));
});

Deno.test("parseCommand: never throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (line) => {
    parseCommand(line);
    parseCommand(`SETUP ${line}`);
    parseCommand(`ENV ${line}`);
    parseCommand(`AUTH ${line}`);
  }));
});
