/**
 * That a run is in the original's spelling reaches both halves of its tests, from the command line to the plugin.
 *
 * @module
 */
import assert from "node:assert/strict";
import { runBenchmark } from "../../controller/run/run.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { runOriginalController } from "../fixtures/peers/original_controller.ts";
import { dummyDescription } from "../fixtures/dummy_run.ts";
import { projectRoot, runProgram, TestDaemon } from "../util/mod.ts";

/** A client test whose row is what its two halves were told: the controller's, then the tester's. */
const SOURCE = `
#define IPBENCH_TEST_CLIENT
#include "plugin.h"
#include <stdio.h>
#include <stdlib.h>
static const struct ipbench_host *host;
static char here = '?';
static int attach(const struct ipbench_host *h) { host = h; return 0; }
static char told(void) { return host != NULL && host->size >= 64 ? (host->original_spelling ? '1' : '0') : '-'; }
static int setup_controller(char *arg) { (void)arg; here = told(); return 0; }
static int setup(char *name, int port, char *arg) { (void)name; (void)port; (void)arg; here = told(); return 0; }
static int start(struct timeval *t) { gettimeofday(t, NULL); return 0; }
static int marshall(char **d, int *n, double t) { (void)t; *d = &here; *n = 1; return 0; }
static void none(char **d) { (void)d; }
static int unmarshall(char *in, int len, char **d, int *n)
{
	*d = malloc(1);
	if (*d == NULL || len != 1)
		return -1;
	**d = *in;
	*n = 1;
	return 0;
}
static void cleanup(char **d) { free(*d); *d = NULL; }
static int output(struct client_data d[], int n) { (void)n; printf("%c,%c\\n", here, *d[0].data); return 0; }
IPBENCH_EXPORT struct ipbench_plugin ipbench_plugin = { .magic = IPBENCH_PLUGIN_MAGIC, .name = "spelling",
	.descr = "", .setup = setup, .setup_controller = setup_controller, .start = start, .stop = start,
	.marshall = marshall, .marshall_cleanup = none, .unmarshall = unmarshall, .unmarshall_cleanup = cleanup,
	.output = output };
IPBENCH_EXPORT struct ipbench_plugin_ext ipbench_plugin_ext = { .major = 1, .minor = 1,
	.size = sizeof(struct ipbench_plugin_ext), .option_size = sizeof(struct ipbench_option), .version = "1",
	.attach = attach };
`;

async function withPlugin(body: (folder: string, tester: TestDaemon) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-spelling-" });
  try {
    await Deno.writeTextFile(`${folder}/spelling.c`, SOURCE);
    const include = ["-I", `${projectRoot()}/tests_c/include`];
    const files = ["-o", `${folder}/spelling.so`, `${folder}/spelling.c`];
    const args = ["-shared", "-fPIC", "-D_GNU_SOURCE", ...include, ...files];
    const { success, stderr } = await new Deno.Command("gcc", { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await using tester = await TestDaemon.start({ args: ["--plugin-dir", folder] });
    await body(folder, tester);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("original's spelling: without the word run, or asked for, both halves know; with run neither", async () => {
  await withPlugin(async (folder, tester) => {
    const at = `${tester.host}:${tester.port}`;
    const line = ["--client", at, "--test", "spelling", "--test-target", "127.0.0.1", "--plugin-dir", folder];
    const expected: [string[], string][] = [
      [line, "1,1\n"],
      [["run", ...line], "0,0\n"],
      [["run", "--original-spelling", ...line], "1,1\n"],
    ];
    for (const [args, row] of expected) {
      const { stdout, stderr } = await runProgram("ipbench", args);
      assert.equal(stdout, row, stderr);
    }
  });
});

Deno.test("original's spelling: a program's description says it", async () => {
  await withPlugin(async (folder, tester) => {
    for (const originalSpelling of [true, false]) {
      const description = { ...dummyDescription([tester], ""), test: "spelling", pluginDirs: [folder] };
      const document = await runBenchmark({ ...description, originalSpelling });
      assert.equal(document.csv, originalSpelling ? "1,1\n" : "0,0\n");
    }
  });
});

Deno.test("original's spelling: an original controller's run is in it", async () => {
  await withPlugin(async (_folder, tester) => {
    const setup = 'target::127.0.0.1||port::7||args::""';
    const peer = { hostname: tester.host, port: tester.port, test: "spelling", setup };
    const { clients } = await runOriginalController([peer], []);
    assert.deepEqual(clients[0]?.data, new TextEncoder().encode("1"));
  });
});

Deno.test("original's spelling: what the shipped scripts write runs, with warnings; run refuses it", async () => {
  await using tester = await TestDaemon.start();
  await using meter = await TestDaemon.start({ role: "target" });
  await using echo = await EchoProcess.start();
  const args = [
    ...["--client", tester.host, "--port", String(tester.port), "--test", "latency"],
    ...["--test-target", "127.0.0.1", "--test-port", String(echo.port)],
    ...["--test-args", "socktype=UDP size=100bytes\tbps=1M,samples=50,warmup=0,cooldown=,holdof=3"],
    ...["--test-controller-args", "x,fancy_output", "--target-test", "cpu_target"],
    ...["--target-test-hostname", meter.host, "--target-test-port", String(meter.port)],
    ...["--target-test-args", "warmup=0,cooldown=0,holdoff=100000,fancy_output,cpus=1"],
    ...["--target-test-controller-args", "fancy_output"],
  ];
  const lenient = await runProgram("ipbench", args);
  assert.equal(lenient.code, 0, lenient.stderr);
  const [row = "", meterRow = ""] = lenient.stdout.split("\n");
  const columns = row.split(",");
  assert.deepEqual([columns.length, columns[0], columns[3]], [9, "1000000", "100"]);
  assert.match(meterRow, /^\d+\.\d,CPU\d+: \d+\.\d$/);
  for (
    const warning of [
      'latency: argument "holdof" is not known; known: bps, Mbps,',
      'latency: argument socktype: "UDP" is not one of tcp|udp|raw; udp is used',
      'latency: argument size: "100bytes" is not a number of bytes',
      "latency: argument cooldown has no value; 0 is used",
      'latency: argument "x" is not known',
      'cpu_target: argument "holdoff" is not known',
    ]
  ) assert.ok(lenient.stderr.includes(warning), `${warning}\nin ${lenient.stderr}`);
  const strict = await runProgram("ipbench", ["run", ...args]);
  assert.equal(strict.code, 2);
  assert.equal(strict.stdout, "");
});

Deno.test("original's spelling: an original controller's unknown arguments are warnings in the daemon's log", async () => {
  await using meter = await TestDaemon.start({ role: "target" });
  await using tester = await TestDaemon.start();
  const client = {
    hostname: tester.host,
    port: tester.port,
    test: "dummy",
    setup: 'target::127.0.0.1||port::7||args::"seconds=0.1,later=1"',
  };
  const target = {
    hostname: meter.host,
    port: meter.port,
    test: "cpu_target",
    setup: 'args::"warmup=0,cooldown=0,holdoff=100000"',
  };
  const { targets } = await runOriginalController([client], [target]);
  assert.equal(targets[0]?.valid, true);
  const warned = (log: string[], text: string) => log.some((line) => line.includes(text));
  assert.ok(warned(meter.log, 'argument "holdoff" is not known'), meter.log.join("\n"));
  assert.ok(warned(tester.log, "unknown argument"), tester.log.join("\n"));
});

Deno.test("original's spelling: its ways with options and configuration files", async () => {
  const daemon = await runProgram("ipbenchd", ["--vers"]);
  assert.match(daemon.stdout, /^ipbenchd \d/);
  await using tester = await TestDaemon.start();
  await using first = await TestDaemon.start({ role: "target", ip: null, args: ["--i=127.0.0.1", "--deb"] });
  await using second = await TestDaemon.start({ role: "target" });
  const folder = await Deno.makeTempDir({ prefix: "ipbench-spelling-" });
  try {
    const text = `\ufeff<?xml version="1.0" encoding="UTF-16"?><lab by="me">
      <test name="dummy" args="seconds=0.1" target="127.0.0.1"><client hostname="127.0.0.1"/></test>
      <target_test name="dummy_target"><target hostname="127.0.0.1" port="${first.port}"/></target_test></lab>`;
    const bytes = new Uint8Array(Uint16Array.from(text, (letter) => letter.charCodeAt(0)).buffer);
    await Deno.writeFile(`${folder}/lab.xml`, bytes);
    const args = ["--conf", `${folder}/lab.xml`, "--p", String(tester.port), "--target-test=dummy_target"];
    args.push("--target-test-h=127.0.0.1", "--target-test-p", String(second.port));
    const lenient = await runProgram("ipbench", args);
    assert.equal(lenient.code, 0, lenient.stderr);
    assert.equal(lenient.stdout.trim().split("\n").length, 3, lenient.stdout);
    assert.match(lenient.stderr, /warning: .*lab\.xml:1:\d+: unknown attribute "by"/);
    assert.equal((await runProgram("ipbench", ["run", ...args])).code, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
