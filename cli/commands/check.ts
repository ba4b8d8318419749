/**
 * `ipbench check`: everything of a run but the run.
 *
 * @module
 */

import type { Command } from "commander";
import { messageOf } from "../../base/errors.ts";
import { type Address, formatAddress } from "../../config/address.ts";
import { type RunDescription, testsOf } from "../../config/run_description.ts";
import { formatDuration } from "../../base/values.ts";
import type { DaemonAccess } from "../../controller/link/daemon_access.ts";
import { LIMITS } from "../../controller/limits.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { PluginHost } from "../../ffi/mod.ts";
import { askStatus } from "../../controller/link/ask_status.ts";
import { askReport, describeTest } from "../daemon_status.ts";
import { daemonAccess, findDaemons, wordsOf } from "../daemons.ts";
import { EXIT, ExitError } from "../exit.ts";
import { plainText } from "../terminal/text.ts";
import { note, out } from "../terminal/io.ts";
import { labelled } from "../terminal/live_screen.ts";
import { Problems, problemsOfRuns } from "../problems.ts";
import { addRunOptions, describeRun, type RunOptionValues } from "../run_options.ts";

const HELP = `
Reads the configuration, asks every daemon whether it is up and idle, opens the
tests' controller halves, and prints on stdout what would run, one line for
each. It reserves no daemon and starts nothing.

With --tune it looks at this machine instead, and prints on one screen what of
it could be set up better for measuring, what that helps, and the command; it
changes nothing (docs/fast.md). The interface is --iface, or the one on the way
to --test-target, or that of the default route. With --client or a
configuration it asks these daemons, whose records tell less.

Examples:
  ipbench check lab.xml
  ipbench check --client 10.0.0.2 --test latency --test-target 10.0.0.9
  ipbench check --tune --test-target 10.0.0.9
  ipbench check --tune --iface eth1 --client 10.0.0.2

Exit status: 0 it can run, 1 a daemon or a test is missing or busy, 2 wrong use
or configuration.
`;

/** The options that are no run's. */
interface TuneOptions {
  tune?: boolean;
  iface?: string;
}

/** One line of the answer. */
interface Finding {
  ok: boolean;
  text: string;
}

/**
 * Adds the subcommand.
 *
 * @param program The program.
 */
export function register(program: Command): void {
  const command = program.command("check").description("check a configuration and its daemons, run nothing")
    .argument("[config]", "configuration file; - for stdin");
  addRunOptions(command)
    .option("--tune", "look at how this machine, or those of daemons, could be set up better; run nothing")
    .option("--iface <iface>", "with --tune: the network interface")
    .addHelpText("after", HELP)
    .action(async (config: string | undefined, options: RunOptionValues & TuneOptions) => {
      if (options.tune === true) return await tune(config, options);
      if (options.iface !== undefined) throw new ExitError(EXIT.USAGE, "--iface is for --tune");
      const { description, places } = await describeRun(options, config);
      const problems = new Problems();
      const remark = (text: string) => note(labelled("warning", text));
      problems.add(...await problemsOfRuns(description, places, [], new Map(), remark));
      problems.end();
      await check(description, await daemonAccess(description));
    });
}

async function tune(config: string | undefined, options: RunOptionValues & TuneOptions): Promise<void> {
  const { tuneHere, tuneThere } = await import("../tune/tune.ts");
  const wishes = { iface: options.iface, target: options.testTarget };
  const { client = [], config: named = config, port, secretFile, tlsCa, tlsCert, tlsKey } = options;
  if (client.length === 0 && named === undefined) return await tuneHere(wishes);
  const given = Object.entries({ config: named, port, secretFile, tlsCa, tlsCert, tlsKey });
  const { addresses, access } = await findDaemons(
    client,
    Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  );
  await tuneThere(addresses, access, wishes);
}

async function check(description: RunDescription, access: DaemonAccess): Promise<void> {
  const lanes = new Semaphore(LIMITS.parallel);
  const daemon = (address: Address & { joins?: number }, role: "tester" | "target", does: string) =>
    address.joins !== undefined
      ? { ok: true, text: `${does}  dials in` }
      : lanes.run(() => findDaemon(address, role, access)).then(({ ok, text }) => ({
        ok,
        text: `${does}  ${text}`,
      }));
  const findings = await Promise.all([
    ...findTests(description),
    ...description.clients.map((client) => {
      const port = client.targetPort === null ? "" : `:${client.targetPort}`;
      const of = client.class === undefined ? "" : `  class ${client.class}`;
      const does = `client  ${formatAddress(client)}${of}  tests ${client.target}${port}  ${
        client.args || "(no arguments)"
      }`;
      return daemon(client, "tester", does);
    }),
    ...description.targets.map((target) =>
      daemon(
        target,
        "target",
        `target  ${formatAddress(target)}${
          target.class === undefined ? "" : `  class ${target.class}`
        }  ${target.test}  ${target.args || "(no arguments)"}`,
      )
    ),
  ]);
  for (const { ok, text } of findings) out(`${ok ? "ok    " : "WRONG "}  ${plainText(text)}\n`);
  const wrong = findings.filter(({ ok }) => !ok).length;
  if (wrong > 0) throw new ExitError(EXIT.FAILED, `${wrong} of ${findings.length} would stop the run`);
  note("ipbench: this could run");
}

/** Opens each test's controller half once. */
function findTests(description: RunDescription): Promise<Finding>[] {
  const found = new Map<string, Promise<Finding>>();
  const once = (key: string, ask: () => Promise<Finding>) => found.has(key) || found.set(key, ask());
  for (const { name, test } of testsOf(description)) {
    for (const client of description.clients) {
      if (name !== "" && client.class !== name) continue;
      once(`client ${test} ${client.args}`, () => findTest(description, test, "client", client.args));
    }
  }
  for (const { test, args } of description.targets) {
    once(`target ${test} ${args}`, () => findTest(description, test, "target", args));
  }
  return Array.from(found.values());
}

async function findTest(
  { pluginDirs, debug }: RunDescription,
  name: string,
  side: "client" | "target",
  args: string,
): Promise<Finding> {
  const host = PluginHost.spawn({
    pluginDirs,
    debug,
    log: (level, message) => {
      if (level !== "debug" || debug) note(`ipbench: ${message}`);
    },
  });
  const what = `${side === "client" ? "test  " : "test on target"}  ${name}`;
  try {
    const info = await host.load(name, side);
    const expected = await host.expectedDuration(args);
    const takes = expected === null || expected.ns === 0n
      ? ""
      : `, takes at most ${formatDuration(Number(expected.ns) / 1e9)}`;
    return { ok: true, text: `${what} ${info.version ?? ""} (${info.origin})${takes}` };
  } catch (error) {
    return { ok: false, text: `${what}: ${messageOf(error)}` };
  } finally {
    await host.kill();
  }
}

async function findDaemon(
  address: Address,
  role: "tester" | "target",
  access: DaemonAccess,
): Promise<Finding> {
  try {
    const { status, greeting } = await askStatus(address, access, true);
    if (status === null) {
      return role === "target"
        ? { ok: true, text: `${greeting.peer}, does not report its status` }
        : { ok: false, text: "does not report its status, as every tester does; is that an ipbench daemon?" };
    }
    if (status.role !== role) return { ok: false, text: `is a ${status.role} daemon, a ${role} is needed` };
    if (status.pid !== null) {
      const doing = describeTest(status.pid, await askReport(address, access, greeting), new Date());
      return { ok: false, text: `is ${doing} already` };
    }
    return { ok: true, text: greeting.peer };
  } catch (error) {
    return { ok: false, text: wordsOf(error) };
  }
}
