import assert from "node:assert/strict";
import {
  type DaemonOptions,
  type EnvironmentFiles,
  type OptionsText,
  parseDaemonOptions,
} from "./options.ts";

function options(...args: string[]): DaemonOptions {
  const parsed = parseDaemonOptions(args);
  assert.ok(!("text" in parsed), "text" in parsed ? parsed.text : "");
  return parsed;
}

function refused(...args: string[]): OptionsText {
  const parsed = parseDaemonOptions(args);
  assert.ok("text" in parsed, args.join(" "));
  return parsed;
}

Deno.test("options: each role has its port, an explicit one is obeyed in both", () => {
  assert.deepEqual([options().role, options().port], ["tester", 8036]);
  assert.deepEqual([options("-t").role, options("--target").port], ["target", 8037]);
  assert.equal(options("-t", "-p", "9000").port, 9000);
  assert.equal(options("--port=0").port, 0);
  assert.equal(options().ip, null);
  assert.equal(options("-i", "::1").ip, "::1");
});

Deno.test("options: repeatable ones collect, times are seconds", () => {
  const parsed = options("--plugin-dir", "a", "--plugin-dir", "b", "--allow", "10.0.0.0/8", "--allow", "::1");
  assert.deepEqual(parsed.pluginDirs, ["a", "b"]);
  assert.equal(parsed.allow.length, 2);
  assert.equal(options("--idle-exit", "1.5").idleExitMs, 1500);
  assert.equal(options("--max-runs", "3").maxRuns, 3);
  assert.equal(options("--log-format", "json").logFormat, "json");
});

Deno.test("options: files come from the command line, then from the environment", () => {
  const environment = { secretFile: "/e", tlsCert: "/e.crt", tlsKey: "/e.key" };
  const files = (args: string[], from?: EnvironmentFiles) => {
    const { secretFile, tlsCert, tlsKey } = parseDaemonOptions(args, from) as DaemonOptions;
    return [secretFile, tlsCert, tlsKey];
  };
  assert.deepEqual(files([]), [null, null, null]);
  assert.deepEqual(files([], environment), ["/e", "/e.crt", "/e.key"]);
  assert.deepEqual(files(["--secret-file", "/c", "--tls-cert", "/c.crt"], environment), [
    "/c",
    "/c.crt",
    "/e.key",
  ]);
  const half = parseDaemonOptions([], { tlsKey: "/e.key" });
  assert.ok("text" in half && half.status === 2 && /IPBENCH_TLS_CERT/.test(half.text));
});

Deno.test("options: wrong use is status 2 with the value and what would be right", () => {
  const cases: [string[], RegExp][] = [
    [["--port", "70000"], /70000.*0 to 65535/s],
    [["--port", "x"], /x.*0 to 65535/s],
    [["--allow", "10.0.0.0/40"], /10.0.0.0\/40/],
    [["--log-format", "xml"], /text or json/],
    [["--idle-exit", "0"], /more than 0/],
    [["--plugindir", "x"], /--plugin-dir/],
    [["extra"], /too many arguments/],
    [["--tls-cert", "a"], /--tls-key/],
  ];
  for (const [args, message] of cases) {
    const parsed = refused(...args);
    assert.equal(parsed.status, 2);
    assert.match(parsed.text, message);
    assert.match(parsed.text, /^ipbenchd: /);
  }
  assert.equal(refused("--help").status, 0);
  assert.match(refused("-h").text, /--allow-exec/);
});

Deno.test("options: the help gives defaults in the units that it asks for", () => {
  const help = refused("--help").text.replaceAll(/\s+/g, " ");
  assert.match(help, /--idle-timeout <seconds> close a connection that is silent so long \(default: 600\)/);
  assert.match(help, /--max-test-time <seconds> end a test that takes longer \(default: 86400\)/);
});
