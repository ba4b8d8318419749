/**
 * The reference target of examples/target over a real small stack: lwIP on a tap device in a namespace, with the controller
 * and a tester beside it. With IPBENCH_SDDF_BENCHMARK the sDDF project's own script is run against it, too, unchanged.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import { firstLine } from "../fixtures/first_line.ts";
import { TemporaryFolder } from "../fixtures/folders.ts";
import { hasNamespaces, kill, programCommand, projectRoot, TestDaemon } from "../util/mod.ts";

const TARGET = "10.93.0.2", TESTER = "10.93.0.1";
/** Payload of the largest packet that is not fragmented. */
const SIZE = 1472;
/** Longest that one command may take. */
const COMMAND_MS = 120_000;

function present(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

const ignore = !hasNamespaces() || !present("/usr/include/lwip/lwip/tcpip.h");

async function run(command: string[], options: { env?: Record<string, string>; cwd?: string } = {}) {
  const [path = "", ...args] = command;
  const done = await new Deno.Command(path, {
    args,
    env: { NO_COLOR: "1", IPBENCH_HISTORY: "off", ...options.env },
    ...options.cwd === undefined ? {} : { cwd: options.cwd },
    stdin: "null",
    signal: AbortSignal.timeout(COMMAND_MS),
  }).output();
  const [stdout, stderr] = [done.stdout, done.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: done.code, stdout: stdout!, stderr: stderr! };
}

async function must(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command);
  assert.equal(code, 0, `${command.join(" ")}: ${stderr}`);
  return stdout;
}

/** A namespace with the target behind a tap device in it, and a daemon on this side of the device. */
class LwipLab implements AsyncDisposable {
  readonly wrap: string[];
  readonly #stack = new AsyncDisposableStack();

  private constructor(readonly name: string) {
    this.wrap = ["ip", "netns", "exec", name];
  }

  static async start(folder: string): Promise<LwipLab> {
    const lab = new LwipLab(`ipblwip${Deno.pid}`);
    try {
      await lab.#begin(folder);
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #begin(folder: string): Promise<void> {
    const program = `${folder}/lwip_target`, sources = `${projectRoot()}/examples/target`;
    await must(
      ...["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-isystem", "/usr/include/lwip", "-o", program],
      ...[`${sources}/lwip_target.c`, `${sources}/ipbench_target.c`, "-llwip", "-lpthread"],
    );
    await must("ip", "netns", "add", this.name);
    this.#stack.defer(async () => void await run(["ip", "netns", "del", this.name]));
    const ip = (...words: string[]) => must(...this.wrap, "ip", ...words);
    await ip("link", "set", "lo", "up");
    await ip("tuntap", "add", "dev", "tap0", "mode", "tap");
    await ip("addr", "add", `${TESTER}/24`, "dev", "tap0");
    await ip("link", "set", "tap0", "up");
    const child = new Deno.Command("ip", {
      args: [...this.wrap.slice(1), program, "tap0", TARGET],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#stack.defer(async () => {
      kill(child.pid, "SIGKILL");
      await child.status;
    });
    assert.match(await firstLine(child), /^ready: UDP port 1235/);
    this.#stack.use(await TestDaemon.start({ ip: TESTER, port: 8036, wrap: this.wrap }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

Deno.test(
  { name: "a target over lwIP is measured, and what it names is in the document", ignore },
  async (t) => {
    using folder = TemporaryFolder.make();
    await using lab = await LwipLab.start(folder.path);
    const ipbench = programCommand("ipbench");

    await t.step("its words become metrics, with cycles a packet made from them", async () => {
      const json = `${folder.path}/result.json`;
      const { stdout, stderr } = await run([
        ...[...lab.wrap, ipbench.path, ...ipbench.args, "run", "--client", TESTER, "--test", "latency-check"],
        ...[
          "--test-args",
          // The largest packet of a frame, as sDDF's scripts send it.
          `socktype=udp,bps=8M,size=${SIZE},samples=2000,warmup=1,cooldown=1`,
          "--test-target",
          TARGET,
          "--test-port",
          "1235",
        ],
        ...["--target-test", "cpu_target_lukem", "--target-test-port", "1237", "--json", json],
      ]);
      const document = parseDocument(await Deno.readTextFile(json));
      assert.equal(document.run.failed, undefined, stderr);
      const [target] = document.targets;
      const metric = (name: string) => target!.metrics.find((each) => each.name === name)?.value ?? NaN;
      const { sent, corrupt } = document.total.counts!;
      assert.equal(corrupt, 0);
      // Those of warm-up and cool-down are counted by the target alone.
      assert.ok(metric("packets") >= sent * 0.9, `${metric("packets")} packets at the target, ${sent} sent`);
      assert.equal(metric("echoed"), SIZE * metric("packets"));
      assert.ok(metric("idle_cycles") < metric("total_cycles"));
      const busy = metric("total_cycles") - metric("idle_cycles");
      assert.ok(Math.abs(metric("cycles_per_packet") - busy / metric("packets")) < 1e-6 * busy);
      assert.ok(Math.abs(metric("cpu_use") - 100 * busy / metric("total_cycles")) < 1e-3);
      assert.equal(metric("cpu_sum"), metric("cpu_use"));
      assert.deepEqual(document.targets[0]!.reasons ?? [], []);
      // The row is that of any such target, in 12 columns: what is named is not in it.
      assert.match(stdout, /^[\d.,]+\n,\d+,\d+\n$/);
      assert.equal(stdout.replaceAll("\n", "").split(",").length, 12);
    });

    await t.step("the scripts of examples/sddf make figures of it, cycles a packet among them", async () => {
      const [documents, figures] = [`${folder.path}/lwip`, `${folder.path}/figures`];
      const scripts = `${projectRoot()}/examples/sddf`;
      const env = {
        PATH: `${projectRoot()}/dist:${Deno.env.get("PATH")}`,
        TARGET,
        CLIENTS: TESTER,
        PHASES: "warmup=1,cooldown=1,samples=500",
        SIZE: String(SIZE),
      };
      // What the runs are worth depends on what else the machine does; their documents are there in any case.
      await run([...lab.wrap, `${scripts}/measure.sh`, documents, "4000000", "8000000"], { env });
      const drawn = await run([`${scripts}/draw.sh`, figures, `lwIP=${documents}`], { env });
      assert.equal(drawn.code, 0, drawn.stderr);
      for (const name of ["throughput", "cpu", "cycles", "rtt-mean", "rtt-p99"]) {
        const [, ...rows] = (await Deno.readTextFile(`${figures}/${name}.csv`)).trim().split("\n");
        assert.deepEqual(rows.map((row) => row.split(",")[0]), ["lwIP", "lwIP"], name);
        assert.ok(rows.every((row) => Number(row.split(",")[2]) > 0), `${name}: ${rows.join("; ")}`);
      }
    });

    const script = Deno.env.get("IPBENCH_SDDF_BENCHMARK");
    await t.step({
      name: "the sDDF project's script, unchanged",
      ignore: !script,
      async fn() {
        const out = `${folder.path}/sddf`;
        Deno.mkdirSync(out);
        const env = { PATH: `${projectRoot()}/dist:${Deno.env.get("PATH")}` };
        const seconds = ["--warmup-seconds", "1", "--cooldown-seconds", "1", "--samples", "1000"];
        const rates = ["--throughputs", "8000000", "16000000"];
        const args = ["python3", script!, TARGET, "--clients", TESTER, ...seconds, ...rates];
        const { code, stderr } = await run([...lab.wrap, ...args], { env, cwd: out });
        assert.equal(code, 0, stderr);
        const files = Array.from(Deno.readDirSync(out), ({ name }) => name);
        assert.equal(files.length, 1, files.join());
        const [heading = "", ...rows] = Deno.readTextFileSync(`${out}/${files[0]}`).trim().split("\n");
        assert.equal(heading.split(",").length, 12);
        assert.equal(rows.length, 2);
        for (const row of rows) {
          const columns = row.split(",").map(Number);
          assert.equal(columns.length, 12, row);
          assert.ok(columns[10]! < columns[11]!, row);
        }
      },
    });
  },
);
