/**
 * How exactly testers start together: N real daemons on this machine, R runs, each tester's actual start against the
 * agreed instant; and how long a run takes from its beginning to START.
 *
 * `deno run -A bench/start_skew.ts [TESTERS [RUNS]]`, 16 and 20 unless set otherwise. Prints one JSON line; fails when
 * the 99th percentile of the skew is above its limit.
 *
 * @module
 */
import { runBenchmark } from "../mod.ts";
import { dummyDescription } from "../tests/fixtures/dummy_run.ts";
import { TestDaemon } from "../tests/util/mod.ts";
import { quantile } from "./figures.ts";

/** 99 of 100 testers start within this time of the agreed instant. */
const SKEW_P99_US = 200;

const [testers = 16, runs = 20] = Deno.args.map(Number);

const daemons: TestDaemon[] = [];
const skewNs: number[] = [], boundNs: number[] = [], spreadNs: number[] = [], toStartMs: number[] = [];
try {
  for (let n = 0; n < testers; n++) {
    daemons.push(await TestDaemon.start({ ip: `127.0.1.${n + 1}`, readyMs: 60_000 }));
  }
  for (let run = 0; run < runs; run++) {
    const began = performance.now();
    const document = await runBenchmark(dummyDescription(daemons, "seconds=0.2"), {
      onProgress: (event) => {
        if (event.kind === "schedule") toStartMs.push(performance.now() - began);
      },
    });
    if (document.run.failed === true) throw new Error(document.run.reasons.join("; "));
    const starts = document.clients.map((client) => client.start!);
    for (const start of starts) skewNs.push(Math.abs(start.actual_ns - start.planned_ns));
    for (const client of document.clients) boundNs.push(client.clock!.error_ns);
    const seen = starts.map((start) => Number(start.actual_controller_ns));
    spreadNs.push(Math.max(...seen) - Math.min(...seen));
  }
} finally {
  await Promise.allSettled(daemons.map((daemon) => daemon[Symbol.asyncDispose]()));
}
const skewP99Us = quantile(skewNs, 0.99) / 1e3;
console.log(JSON.stringify({
  testers,
  runs,
  skew_us: [0.5, 0.99, 1].map((share) => Math.round(quantile(skewNs, share) / 1e3)),
  clock_bound_us: [0.5, 0.99].map((share) => Math.round(quantile(boundNs, share) / 1e3)),
  spread_us: [0.5, 0.99].map((share) => Math.round(quantile(spreadNs, share) / 1e3)),
  to_start_ms: [0.5, 0.99].map((share) => Math.round(quantile(toStartMs, share))),
}));
if (!(skewP99Us <= SKEW_P99_US)) {
  console.error(
    `MISSED p99 of the start skew: ${skewP99Us.toFixed(0)} µs, at most ${SKEW_P99_US} µs are promised`,
  );
  Deno.exit(1);
}
