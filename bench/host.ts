/**
 * How quick the programs start, and how quick a plugin does: median, worst and count of repetitions.
 *
 *     deno run -A bench/host.ts
 *
 * @module
 */

import { monotonicNowNs, PluginHost } from "../ffi/mod.ts";
import { median } from "./figures.ts";

const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);
const STARTS = 20;
const CALLS = 200;

function show(name: string, samples: number[], unit: string): void {
  const [middle, worst] = [median(samples), Math.max(...samples)].map((value) => value.toFixed(3));
  console.log(`${name}: median ${middle} ${unit}, worst ${worst} ${unit}, n ${samples.length}`);
}

async function programs(): Promise<void> {
  for (const [path, args] of [["dist/ipbench", ["--version"]], ["dist/ipbenchd", ["--version"]]] as const) {
    const samples: number[] = [];
    for (let i = 0; i < STARTS; i++) {
      const before = performance.now();
      const { success } = await new Deno.Command(ROOT + path, { args: [...args] }).output();
      if (!success) throw new Error(`${path} failed`);
      samples.push((performance.now() - before) / 1000);
    }
    show(`${path} ${args.join(" ")}`, samples, "s");
  }
}

/** From the parent's message until the plugin's `start` is called, and how far from an agreed instant that is. */
async function starts(): Promise<void> {
  const spawned = performance.now();
  const host = PluginHost.spawn({ pluginDirs: [], debug: false, log: (_level, line) => console.error(line) });
  try {
    await host.load("dummy", "client");
    console.log(`spawn and load, from the sources: ${((performance.now() - spawned) / 1000).toFixed(3)} s`);
    const setup = {
      target: "127.0.0.1",
      port: 7,
      args: "seconds=0",
      form: 1,
      runId: 0n,
      flowBase: 0,
    } as const;
    const message: number[] = [];
    const instant: number[] = [];
    for (let i = 0; i < CALLS; i++) {
      await host.setup(setup);
      const sent = monotonicNowNs();
      message.push(Number((await host.start({})).actualNs - sent) / 1e6);
      await host.setup(setup);
      const atNs = monotonicNowNs() + 2_000_000n;
      instant.push(Number((await host.start({ atNs })).actualNs - atNs) / 1e6);
    }
    show("message START to the plugin's start", message, "ms");
    show("agreed instant to the plugin's start", instant, "ms");
  } finally {
    await host.kill();
  }
}

await programs();
await starts();
