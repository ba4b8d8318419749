/** The examples that drive Debian's tbench and dbench by the wrappers, and the figures that come of it. */
import assert from "node:assert/strict";
import { parseDocument } from "../../results/document/parse.ts";
import type { Metric, ResultDocument } from "../../results/document/document.ts";
import { isInstalled, projectRoot, runProgram, TestDaemon } from "../util/mod.ts";

/** Addresses of this machine that stand for those of the examples. */
const NETWORK = "127.31.0.";
const EXAMPLES = `${projectRoot()}/examples`;
const hasDbench = isInstalled("tbench") && isInstalled("tbench_srv") && isInstalled("dbench");
/** What dbench reports is 0 when it runs for a second. */
const SECONDS = 2;

async function run(folder: string, name: string, edit: (text: string) => string): Promise<ResultDocument> {
  const text = await Deno.readTextFile(`${EXAMPLES}/${name}`);
  await Deno.writeTextFile(
    `${folder}/${name}`,
    edit(text.replaceAll("192.0.2.", NETWORK).replaceAll("/opt/ipbench/examples", EXAMPLES)),
  );
  const json = `${folder}/result.json`;
  const { code, stderr, stdout } = await runProgram("ipbench", ["run", `${folder}/${name}`, "--json", json]);
  assert.equal(code, 0, stderr + stdout);
  return parseDocument(await Deno.readTextFile(json));
}

function value(metrics: readonly Metric[] | undefined, name: string): number {
  return metrics?.find((metric) => metric.name === name)?.value ??
    assert.fail(`no ${name}: ${JSON.stringify(metrics)}`);
}

/** The testers' figures are there, and the run's are made of them. */
function assertFigures({ clients, total }: ResultDocument): void {
  assert.equal(clients.length, 2);
  for (const name of ["sum_throughput", "sum_operations", "max_latency"]) {
    const each = clients.map(({ metrics }) => value(metrics, name));
    assert.ok(each.every((figure) => figure > 0), `${name}: ${each}`);
    const whole = name.startsWith("max_") ? Math.max(...each) : each.reduce((a, b) => a + b);
    assert.ok(Math.abs(value(total.metrics, name) - whole) < 1e-6 * whole, `${name}: ${each}`);
  }
  for (const { metrics } of clients) {
    assert.equal(metrics?.find(({ name }) => name === "sum_throughput")?.unit, "MB/s");
    assert.ok(value(metrics, "run_time") >= SECONDS);
  }
}

async function testers(stack: AsyncDisposableStack): Promise<void> {
  for (const last of [11, 12]) {
    stack.use(
      await TestDaemon.start({ ip: `${NETWORK}${last}`, port: 8036, args: ["--allow-exec", EXAMPLES] }),
    );
  }
}

Deno.test(
  "examples/tbench.xml drives Debian's tbench and tbench_srv (dbench)",
  { ignore: !hasDbench },
  async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "ipbench-tbench-" });
    stack.defer(async () => await Deno.remove(folder, { recursive: true }));
    await testers(stack);
    stack.use(
      await TestDaemon.start({
        role: "target",
        ip: `${NETWORK}1`,
        port: 8037,
        args: ["--allow-exec", EXAMPLES],
      }),
    );
    assertFigures(await run(folder, "tbench.xml", (text) => text.replace(" 10 2", ` ${SECONDS} 1`)));
  },
);

Deno.test(
  "examples/file_load.xml loads a folder, and leaves it as it was (dbench)",
  { ignore: !hasDbench },
  async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "ipbench-load-" });
    stack.defer(async () => await Deno.remove(folder, { recursive: true }));
    await Deno.mkdir(`${folder}/mounted`);
    await testers(stack);
    const document = await run(
      folder,
      "file_load.xml",
      (text) => text.replace("/mnt/nfs 10 4", `${folder}/mounted ${SECONDS} 2`),
    );
    assertFigures(document);
    const [first] = document.clients;
    assert.ok(value(first?.metrics, "mean_writex") > 0);
    assert.deepEqual([...Deno.readDirSync(`${folder}/mounted`)], []);
  },
);
