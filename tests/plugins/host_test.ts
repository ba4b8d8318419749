/**
 * Plugins in processes of their own: what good ones do, and what bad ones cannot do.
 *
 * @module
 */
import assert from "node:assert/strict";
import { monotonicNowNs, PluginError, PluginHost, type PluginHostOptions } from "../../ffi/mod.ts";
import { assertNoneLeft, projectRoot } from "../util/mod.ts";

const FIXTURES = `${projectRoot()}/build/fixtures`;
const CLIENT = { target: "127.0.0.1", port: 7, form: 0 as const, runId: 0n, flowBase: 0 };

interface Hosted {
  host: PluginHost;
  lines: string[];
}

/** Runs a body with a host, which is gone afterwards with everything it started. */
async function hosted(
  options: Partial<PluginHostOptions>,
  body: (hosted: Hosted) => Promise<void>,
): Promise<void> {
  const mark = crypto.randomUUID();
  const lines: string[] = [];
  const log = (level: string, line: string) => void lines.push(`${level}: ${line}`);
  const env = { IPBENCH_TEST_MARK: mark };
  const host = PluginHost.spawn({ pluginDirs: [FIXTURES], debug: false, log, env, ...options });
  try {
    await body({ host, lines });
  } finally {
    await host.kill();
  }
  assert.notEqual(await host.exited, null);
  await assertNoneLeft(mark);
}

async function errorOf(work: Promise<unknown>): Promise<PluginError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof PluginError, String(error));
    return error;
  }
  assert.fail("it should have failed");
}

const describe = ({ code, call, message }: PluginError) => `${code} ${call}: ${message}`;

Deno.test("host: a whole test, from load to output", async () => {
  await hosted({}, async ({ host }) => {
    const info = await host.load("dummy", "client");
    assert.deepEqual([info.name, info.side, info.interface], ["dummy", "client", { major: 1, minor: 4 }]);
    await host.setupController(null);
    assert.equal((await host.expectedDuration("seconds=0.2"))?.ns, 200_000_001n);
    await host.setup({ ...CLIENT, args: "seconds=0.2,text=a b" });
    const atNs = monotonicNowNs() + 100_000_000n;
    const starting = host.start({ atNs });
    const report = await starting;
    assert.equal(report.ok, true);
    assert.equal(report.plannedNs, atNs);
    assert.ok(report.actualNs >= atNs && report.endedNs - report.actualNs >= 200_000_000n);
    assert.equal(host.progress()?.phase, "measure");
    const { valid, data } = await host.marshall();
    assert.deepEqual([valid, new TextDecoder().decode(data)], [true, "a b\0"]);
    const metrics = [{ name: "text_size", value: 3, unit: "byte" }];
    assert.deepEqual(await host.unmarshall(3, valid, data), { metrics });
    await host.unmarshall(0, valid, new TextEncoder().encode("first\0"));
    assert.equal(await host.output(), "DUMMY RETURNED: first\nDUMMY RETURNED: a b\n");
    assert.equal(await host.output([3]), "DUMMY RETURNED: a b\n");
    await host.unmarshall(0, valid, new TextEncoder().encode("again\0"));
    assert.equal(await host.output([0]), "DUMMY RETURNED: again\n");
  });
});

Deno.test("host: wrong arguments come back in the plugin's own words", async () => {
  await hosted({}, async ({ host }) => {
    await host.load("dummy", "client");
    const error = await errorOf(host.setup({ ...CLIENT, args: "seconds=-1" }));
    assert.equal(describe(error), 'setup setup: argument seconds: takes 0..3600, not: "-1"');
    await host.setup({ ...CLIENT, args: "seconds=0" });
  });
});

Deno.test("host: stop ends a running target, whose marshall calls stop when nobody has", async () => {
  await hosted({}, async ({ host }) => {
    await host.load("dummy_target", "target");
    await host.setup({ args: "", form: 0, runId: 0n, flowBase: 0 });
    const starting = host.start({});
    await host.stop();
    assert.equal((await starting).ok, true);
    assert.equal((await host.marshall()).valid, true);
  });
});

Deno.test("host: plugins that are not there, or are of the other side, are named", async () => {
  await hosted({}, async ({ host }) => {
    assert.equal(
      describe(await errorOf(host.load("no-such", "client"))),
      "not-found load: Can not find plugin: no-such",
    );
    const other = await errorOf(host.load("dummy_target", "client"));
    assert.equal(other.message, "dummy_target is a target test, it cannot be used as a client test");
  });
});

/** What is done with a plugin, up to the fault; and how the fault is reported. */
const FAULTS: [plugin: string, side: "client" | "target", error: RegExp][] = [
  ["fault_segv_setup", "client", /^crash setup: plugin fault_segv_setup crashed with SIGSEGV in setup$/],
  ["fault_segv_start", "client", /^crash start: .* crashed with SIGSEGV in start$/],
  ["fault_exit_start", "client", /^crash start: .* ended its process with status 0 in start$/],
  [
    "fault_hang_setup",
    "client",
    /^timeout setup: plugin fault_hang_setup did not return from setup within 0.5 s$/,
  ],
  ["fault_hang_stop_target", "target", /^timeout stop: .* did not return from stop within 0.5 s$/],
  ["fault_hang_start_target", "target", /^timeout start: .* went on for 0.5 s after stop$/],
  ["fault_fail_setup", "client", /^setup setup: setup of plugin fault_fail_setup returned -1$/],
  ["fault_null_size", "client", /^marshall marshall: .* marshalled 1000 bytes: that cannot be$/],
  ["fault_negative_size", "client", /^marshall marshall: .* marshalled -5 bytes: that cannot be$/],
  ["fault_huge_size", "client", /^marshall marshall: .* marshalled 2147483647 bytes: that cannot be$/],
  ["fault_segv_marshall", "client", /^crash marshall: .* crashed with SIGSEGV in marshall$/],
  ["fault_segv_unmarshall", "client", /^crash unmarshall: .* crashed with SIGSEGV in unmarshall$/],
  ["fault_exit_output", "client", /^crash output: .* ended its process with status 0 in output$/],
];

async function wholeTest(host: PluginHost, name: string, side: "client" | "target"): Promise<void> {
  await host.load(name, side);
  await host.setup({ ...CLIENT, args: "" });
  const starting = host.start({});
  if (side === "target") await host.stop();
  await starting;
  const { valid, data } = await host.marshall();
  await host.unmarshall(0, valid, data);
  await host.output();
}

for (const [name, side, expected] of FAULTS) {
  Deno.test(`host: ${name} costs its process and nothing else`, async () => {
    const limits = { setupMs: 500, stopMs: 500, startReturnsMs: 500 };
    await hosted({ limits }, async ({ host }) => {
      const error = await errorOf(wholeTest(host, name, side));
      assert.match(describe(error), expected);
    });
  });
}

Deno.test("host: start that returns non-zero is reported, data that are not valid are marked", async () => {
  await hosted({}, async ({ host }) => {
    await host.load("fault_fail_start", "client");
    await host.setup({ ...CLIENT, args: "" });
    const report = await host.start({});
    assert.deepEqual([report.ok, report.status, report.error], [
      false,
      1,
      "start of plugin fault_fail_start returned 1",
    ]);
  });
  await hosted({}, async ({ host }) => {
    await host.load("fault_invalid", "client");
    await host.setup({ ...CLIENT, args: "" });
    await host.start({});
    assert.deepEqual((await host.marshall()).valid, false);
  });
});

Deno.test("host: a flood on stdout and stderr neither blocks the plugin nor disturbs the messages", async () => {
  await hosted({}, async ({ host, lines }) => {
    await host.load("fault_flood_stderr", "client");
    await host.setup({ ...CLIENT, args: "" });
    assert.equal((await host.start({})).ok, true);
    assert.equal((await host.marshall()).valid, true);
    assert.ok(lines.some((line) => /^info: flood: line 0 of standard error/.test(line)));
    assert.ok(lines.length < 100_000, `${lines.length} lines were passed on`);
  });
});

Deno.test("host: plugins as old as the original load, with libipbench.so.1 needed or undefined", async () => {
  for (const name of ["old_client", "old_client_needed"]) {
    await hosted({}, async ({ host }) => {
      const info = await host.load(name, "client");
      assert.deepEqual([info.interface, info.options, info.missing], [null, null, []]);
    });
  }
  await hosted({}, async ({ host }) => {
    const info = await host.load("old_target", "target"); // says type 0
    assert.equal(info.side, "client");
    await host.setup({ args: "prefix=x", form: 0, runId: 0n, flowBase: 0 });
    const starting = host.start({});
    await host.stop();
    await starting;
    const { data } = await host.marshall();
    await host.unmarshall(0, true, data);
    assert.match(await host.output(), /^x:\d+/);
  });
});

Deno.test("host: the search: order, duplicates, files that are no plugins, more than a hundred of them", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(`${FIXTURES}/fault_invalid.so`, `${folder}/a.so`);
    await Deno.copyFile(`${FIXTURES}/fault_invalid.so`, `${folder}/b.so`);
    await Deno.writeTextFile(`${folder}/notes.txt`, "no plugin\n");
    await Deno.writeTextFile(`${folder}/short.so`, "\x7fELF");
    await Deno.writeFile(
      `${folder}/broken.so`,
      new Uint8Array(4096).fill(1, 4).with(0, 0x7f).with(1, 0x45).with(2, 0x4c).with(3, 0x46),
    );
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe.so`] }).output();
    for (let i = 0; i < 120; i++) await Deno.writeTextFile(`${folder}/file${i}.so`, "x".repeat(100));
    await hosted({ pluginDirs: [folder, FIXTURES], debug: true }, async ({ host, lines }) => {
      const info = await host.load("fault_invalid", "client");
      assert.equal(info.origin, `${folder}/a.so`);
      const twice = lines.filter((line) => line.startsWith("warning: two plugins are named fault_invalid"));
      assert.deepEqual(twice.map((line) => / used, (.*) is not$/.exec(line)?.[1]), [
        `${folder}/b.so`,
        `${FIXTURES}/fault_invalid.so`,
      ]);
      assert.ok(lines.some((line) => line.includes(`${folder}/notes.txt is no plugin`)));
      assert.ok(!lines.some((line) => line.includes("broken.so")), "a file of another name is not opened");
    });
    await hosted({ pluginDirs: [folder], debug: true }, async ({ host, lines }) => {
      await host.list();
      assert.ok(lines.some((line) => line.includes(`${folder}/broken.so cannot be opened`)));
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("host: a process that is killed from outside ends every waiting call, and what its plugin started", async () => {
  await hosted({}, async ({ host }) => {
    await host.load("dummy", "client");
    await host.setup({ ...CLIENT, args: "seconds=60" });
    const starting = host.start({});
    Deno.kill(host.pid, "SIGKILL");
    assert.match(
      describe(await errorOf(starting)),
      /^crash start: plugin dummy crashed with SIGKILL in start$/,
    );
    assert.deepEqual(await host.exited, { code: null, signal: "SIGKILL" });
    assert.match(describe(await errorOf(host.stop())), /^crash stop: /);
    assert.equal(host.progress(), null);
  });
});

Deno.test("host: from the message to the plugin's start it is a matter of microseconds", async () => {
  await hosted({}, async ({ host }) => {
    await host.load("dummy", "client");
    const late: number[] = [];
    for (let i = 0; i < 9; i++) {
      await host.setup({ ...CLIENT, args: "seconds=0" });
      const before = monotonicNowNs();
      late.push(Number((await host.start({})).actualNs - before) / 1e6);
    }
    late.sort((a, b) => a - b);
    assert.ok(late[0]! < 20, `the quickest of ${late.join(" ")} ms`); // bench/ measures it, this only sees that it is not a timer
  });
});

Deno.test("host: a test is started once, and again when it has ended", async () => {
  await hosted({}, async ({ host }) => {
    await host.load("dummy", "client");
    await host.setup({ ...CLIENT, args: "seconds=0.2" });
    const first = host.start({});
    const refused = await errorOf(host.start({ atNs: 1n }));
    assert.equal(describe(refused), "start start: the test is running already");
    const { endedNs } = await first;
    assert.ok((await host.start({})).actualNs > endedNs); // nothing was set up in between
    assert.equal((await host.marshall()).valid, true);
  });
});

/** A plugin whose starts fail, the second one with a sentence. */
const SAYS_ONCE = `
#define IPBENCH_TEST_CLIENT
#include "plugin.h"
#include <stdio.h>
static const struct ipbench_host *host;
static int starts;
static int attach(const struct ipbench_host *given) { host = given; return 0; }
static int setup_controller(char *arg) { (void)arg; return 0; }
static int setup(char *hostname, int port, char *arg) { (void)hostname, (void)port, (void)arg; return 0; }
static int start(struct timeval *stamp)
{
  (void)stamp;
  if (++starts == 2) snprintf(host->error, host->error_size, "the second start");
  return 3;
}
static int stop(struct timeval *stamp) { (void)stamp; return 0; }
static int marshall(char **data, int *size, double t) { (void)data, (void)t; *size = 0; return 0; }
static void cleanup(char **data) { (void)data; }
static int unmarshall(char *in, int len, char **data, int *size) { (void)in, (void)len, (void)data; *size = 0; return 0; }
static int output(struct client_data d[], int n) { (void)d, (void)n; return 0; }
IPBENCH_EXPORT struct ipbench_plugin ipbench_plugin = { .magic = "IPBENCH_PLUGIN", .name = "says_once", .id = 0x7f77, .descr = "x",
  .setup = setup, .setup_controller = setup_controller, .start = start, .stop = stop, .marshall = marshall,
  .marshall_cleanup = cleanup, .unmarshall = unmarshall, .unmarshall_cleanup = cleanup, .output = output };
IPBENCH_EXPORT struct ipbench_plugin_ext ipbench_plugin_ext = { .major = IPBENCH_EXT_MAJOR, .minor = IPBENCH_EXT_MINOR,
  .size = sizeof(struct ipbench_plugin_ext), .option_size = sizeof(struct ipbench_option), .version = "1", .attach = attach };
`;

Deno.test("host: each start reports its own error, and none of an earlier call", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/says_once.c`, SAYS_ONCE);
    const args = [
      "-shared",
      "-fPIC",
      "-I",
      `${projectRoot()}/tests_c/include`,
      "-o",
      `${folder}/says_once.so`,
    ];
    const cc = await new Deno.Command("cc", { args: [...args, `${folder}/says_once.c`] }).output();
    assert.equal(cc.code, 0, new TextDecoder().decode(cc.stderr));
    await hosted({ pluginDirs: [folder] }, async ({ host }) => {
      await host.load("says_once", "client");
      await host.setup({ ...CLIENT, args: "" });
      const errors: (string | undefined)[] = [];
      for (let n = 0; n < 3; n++) errors.push((await host.start({})).error);
      const own = "start of plugin says_once returned 3";
      assert.deepEqual(errors, [own, "the second start", own]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("host: calls that the pipe has no room for keep their order", async () => {
  await hosted({}, async ({ host }) => {
    await host.load("dummy", "client");
    Deno.kill(host.pid, "SIGSTOP");
    const others = Array.from({ length: 2000 }, (_, i) => i + 1); // nothing is there to print of these: a long message
    const texts = Array.from({ length: 1500 }, (_, i) => String(i));
    const printed = texts.map((text, i) => {
      const taken = host.unmarshall(0, true, new TextEncoder().encode(`${text}\0`));
      const output = host.output(i % 50 === 0 ? [0, ...others] : [0]);
      return Promise.all([output, taken]).then(([output]) => output);
    });
    Deno.kill(host.pid, "SIGCONT");
    assert.deepEqual(await Promise.all(printed), texts.map((text) => `DUMMY RETURNED: ${text}\n`));
  });
});
