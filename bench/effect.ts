/**
 * How often the interval of an effect covers the truth: a victim that is echoed through a token bucket of 20 Mbit/s with
 * 50 ms of queue, an aggressor that fills it, and what the victim's packets waited in the queue, by captures before and
 * after it. Prints Markdown, and fails when fewer than 19 of 20 runs are covered. A run that is not VALID, because its tester
 * stood still, is shown and not counted. Needs root, tc and tshark; nothing else should run on the machine.
 *
 *     deno run -A bench/effect.ts [--runs 20] [--mbps 100]
 *
 * @module
 */
import { Bucket, meansOf } from "../tests/fixtures/network/bucket.ts";
import { option } from "./option.ts";

/** The share of runs whose interval is to cover the truth. */
const COVERED = 19 / 20;

const runs = Number(option("runs", "20"));
const bps = Number(option("mbps", "100")) * 1e6;

const ms = (ns: number) => (ns / 1e6).toFixed(2);
const shown = (change: { estimate: number; low: number; high: number } | null) =>
  change === null ? "" : `${ms(change.estimate)} ms (${ms(change.low)}–${ms(change.high)})`;

await using bucket = await Bucket.make("b");
if (bucket === null) Deno.exit(1);
console.log(
  "| run | waited | to the interface and back | added (95 %) | covered | before, after | verdict |\n" +
    "|---|---|---|---|---|---|---|",
);
let covered = 0, valid = 0;
for (let run = 1; run <= runs; run++) {
  const { document, passages } = await bucket.captured(
    "duration=11",
    { begin: "4s", end: "8s", bps: String(bps) },
  );
  const { before, during, added_ns, left_ns } = document.effect?.[0] ?? {};
  const { verdict, reasons } = document.run;
  if (before == null || during == null || added_ns == null) {
    console.log(`| ${run} | | | none: ${reasons.join("; ")} | | | ${verdict} |`);
    continue;
  }
  const idle = meansOf(passages, before, document), loaded = meansOf(passages, during, document);
  const truth = loaded.queueNs - idle.queueNs;
  const isCovered = added_ns.low <= truth && truth <= added_ns.high;
  if (verdict === "VALID") {
    valid += 1;
    if (isCovered) covered += 1;
  }
  console.log(
    `| ${run} | ${ms(truth)} ms | ${ms(loaded.responseNs - idle.responseNs)} ms | ${shown(added_ns)} | ` +
      `${isCovered ? "yes" : "no"} | ${shown(left_ns ?? null)} | ${verdict} |`,
  );
}
console.log(`\n${covered} of ${valid} VALID runs covered.`);
if (valid === 0 || covered < COVERED * valid) {
  console.error(`MISSED: at least ${Math.ceil(COVERED * valid)} of ${valid} VALID runs are to be covered`);
  Deno.exitCode = 1;
}
