/**
 * What a plugin's process may not do, and that it does not outlive its parent.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CHILD_OPEN_FILES } from "../../ffi/limits.ts";
import { monotonicNowNs, PluginError, PluginHost } from "../../ffi/mod.ts";
import { assertNoneLeft, isAlive, projectRoot, until } from "../util/mod.ts";

const MIB = 1024 * 1024;

/** A plugin whose setup allocates, and says what it may do. */
const SOURCE = `
#define IPBENCH_TEST_CLIENT
#include "plugin.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static const struct ipbench_host *host;
static int attach(const struct ipbench_host *h) { host = h; return 0; }
static int setup(char *name, int port, char *arg)
{
	struct rlimit files;
	size_t size = (size_t)atoi(arg) << 20;
	char *memory = malloc(size);
	(void)name; (void)port;
	getrlimit(RLIMIT_NOFILE, &files);
	if (memory != NULL) memset(memory, 1, size);
	snprintf(host->error, host->error_size, "memory %s, privileges %d, group %d, files %lu, stdout %s",
		memory != NULL ? "given" : "refused", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), getpgrp() == getpid(),
		(unsigned long)files.rlim_cur, write(1, "x", 1) == 1 ? "open" : "closed");
	free(memory);
	return -1;
}
/* A program that it starts, as the wrappers do, has what the thread of start has. */
static int start(struct timeval *t)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0) _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	waitpid(pid, &status, 0);
	gettimeofday(t, NULL);
	snprintf(host->error, host->error_size, "start %d, its child %d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
		WEXITSTATUS(status));
	return 1;
}
static int none(char *arg) { (void)arg; return 0; }
static struct timespec stopped;
static int stop(struct timeval *t) { clock_gettime(CLOCK_MONOTONIC, &stopped); gettimeofday(t, NULL); return 0; }
static int marshall(char **d, int *n, double t)
{
	static char text[32];
	(void)t;
	*n = snprintf(text, sizeof text, "%lld", stopped.tv_sec * 1000000000ll + stopped.tv_nsec);
	*d = text;
	return 0;
}
static void cleanup(char **d) { (void)d; }
static int unmarshall(char *in, int len, char **d, int *n) { (void)in; (void)len; *d = NULL; *n = 0; return 0; }
static int output(struct client_data d[], int n) { (void)d; (void)n; return 0; }
IPBENCH_EXPORT struct ipbench_plugin ipbench_plugin = { .magic = IPBENCH_PLUGIN_MAGIC, .name = "limits",
	.descr = "", .setup = setup, .setup_controller = none, .start = start, .stop = stop, .marshall = marshall,
	.marshall_cleanup = cleanup, .unmarshall = unmarshall, .unmarshall_cleanup = cleanup, .output = output };
IPBENCH_EXPORT struct ipbench_plugin_ext ipbench_plugin_ext = { .major = 1, .minor = 0,
	.size = sizeof(struct ipbench_plugin_ext), .option_size = sizeof(struct ipbench_option), .version = "1",
	.attach = attach };
`;

async function withPlugin(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipbench-limits-" });
  try {
    await Deno.writeTextFile(`${folder}/limits.c`, SOURCE);
    const include = ["-I", `${projectRoot()}/tests_c/include`];
    const args = [
      "-shared",
      "-fPIC",
      "-D_GNU_SOURCE",
      ...include,
      "-o",
      `${folder}/limits.so`,
      `${folder}/limits.c`,
    ];
    const { success, stderr } = await new Deno.Command("gcc", { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Open files that a plugin may have: what ipbench gives, or less where the system allows less. */
async function openFiles(): Promise<number> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -Hn"] }).output();
  const hard = new TextDecoder().decode(stdout).trim();
  return hard === "unlimited" ? CHILD_OPEN_FILES : Math.min(CHILD_OPEN_FILES, Number(hard));
}

Deno.test("limits: memory of a plugin, privileges, process group, and where its stdout goes", async () => {
  const files = await openFiles();
  await withPlugin(async (folder) => {
    for (const [limit, word] of [[0, "given"], [512 * MIB, "refused"]] as const) {
      const lines: string[] = [];
      const log = (_level: string, line: string) => void lines.push(line);
      const host = PluginHost.spawn({ pluginDirs: [folder], debug: true, log, memoryLimitBytes: limit });
      try {
        await host.load("limits", "client");
        const setup = { target: "", port: 1, args: "600", form: 0, runId: 0n, flowBase: 0 } as const;
        const error = await host.setup(setup).then(() => null, (error) => error);
        assert.ok(error instanceof PluginError, lines.join(" | "));
        assert.match(
          error.message,
          new RegExp(`^memory ${word}, privileges 1, group 1, files ${files}, stdout open$`),
        );
      } finally {
        await host.kill();
      }
    }
  });
});

Deno.test("limits: start and what it starts gain no privileges", async () => {
  await withPlugin(async (folder) => {
    const host = PluginHost.spawn({ pluginDirs: [folder], debug: false, log: () => {} });
    try {
      await host.load("limits", "client");
      assert.equal((await host.start({})).error, "start 1, its child 1");
    } finally {
      await host.kill();
    }
  });
});

/** When the plugin was told to stop, in CLOCK_MONOTONIC. */
async function stoppedNs(host: PluginHost): Promise<bigint> {
  return BigInt(new TextDecoder().decode((await host.marshall()).data));
}

Deno.test("an agreed stop is to the point, and an earlier one does not wait for it", async () => {
  await withPlugin(async (folder) => {
    const host = PluginHost.spawn({ pluginDirs: [folder], debug: false, log: () => {} });
    try {
      await host.load("limits", "client");
      const late: number[] = [];
      for (let count = 0; count < 9; count++) {
        const atNs = monotonicNowNs() + 50_000_000n;
        await host.stop({ atNs });
        late.push(Number(await stoppedNs(host) - atNs));
      }
      late.sort((a, b) => a - b);
      // Other work on this machine makes some late; a message from a timer in JavaScript is never that early.
      assert.ok(late[0]! >= 0 && late[0]! < 100_000, `late by ${late.join(", ")} ns`);
      const atNs = monotonicNowNs() + 30_000_000_000n;
      const planned = host.stop({ atNs });
      await host.stop();
      await planned;
      assert.ok(await stoppedNs(host) < atNs);
      await host.stop({ atNs: monotonicNowNs() - 1n });
    } finally {
      await host.kill();
    }
  });
});

Deno.test("limits: a parent that is killed takes its plugin along", async () => {
  const mark = crypto.randomUUID();
  const code = `
    import { PluginHost } from "${projectRoot()}/ffi/mod.ts";
    const host = PluginHost.spawn({ pluginDirs: [], debug: false, log: () => {} });
    await host.load("dummy", "client");
    await host.setup({ target: "", port: 1, args: "seconds=60", form: 0, runId: 0n, flowBase: 0 });
    host.start({});
    console.log(host.pid);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  `;
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/parent.ts`, code);
  const args = ["run", "--allow-all", "--no-check", "--quiet", "--config", `${projectRoot()}/deno.json`];
  const parent = new Deno.Command(Deno.execPath(), {
    args: [...args, `${folder}/parent.ts`],
    env: { IPBENCH_TEST_MARK: mark },
    stdout: "piped",
    stdin: "null",
  }).spawn();
  try {
    const reader = parent.stdout.getReader();
    const { value } = await reader.read();
    const pid = Number(new TextDecoder().decode(value).trim());
    assert.ok(isAlive(pid));
    parent.kill("SIGKILL");
    await parent.status;
    await until("the plugin's process to end", 5_000, () => !isAlive(pid));
    await reader.cancel();
    await assertNoneLeft(mark);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
