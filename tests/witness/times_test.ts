/**
 * Times against the wire: what tshark stamped on the interface lies between the two clock readings of the tester, for
 * every packet of every engine and arrival. A service time below the wire's is wrong on any machine; so is one that is
 * further above it than a bare loop's, however often it is tried.
 *
 * @module
 */
import assert from "node:assert/strict";
import { drive, type DrivenResult, drivenRow } from "../fixtures/driven.ts";
import { EchoProcess } from "../fixtures/peers/echo_process.ts";
import { realtimeAheadNs } from "../fixtures/network/monotonic.ts";
import { type Passage, passagesByNumber, passagesOfStream, runsOf } from "../fixtures/network/passages.ts";
import { Veth } from "../fixtures/network/veth.ts";
import { Capture, type Frame, nsBetween } from "../fixtures/network/wire.ts";
import { hasNamespaces, isInstalled, projectRoot } from "../util/mod.ts";

const SIZE = 64;
const ETHERNET_HEADER = 14;
const ECHO_PORT = 7;
/** Of 64 bytes at 2.048 Mbit/s. */
const INTERVAL_NS = 250_000;
const WARMUP_NS = 100_000_000;
const MEASURED_NS = 300_000_000;
const COOLDOWN_NS = 50_000_000;
const LOAD = `bps=2.048M,size=${SIZE},warmup=${WARMUP_NS / 1e9},duration=${MEASURED_NS / 1e9},cooldown=${
  COOLDOWN_NS / 1e9
},noise=0`;
const BURSTS: Record<string, number | null> = { constant: 1, poisson: null, "burst:32": 32 };
const WAYS = [
  ["udp", "socket"],
  ["udp", "mmsg"],
  ["udp", "gso"],
  ["raw", "socket"],
  ["raw", "mmsg"],
  ["raw", "ring"],
  ["tcp", "socket"],
] as const;
type Socktype = (typeof WAYS)[number][0];

/** NTP changes the rate of a clock by 500 ppm at most: two clocks read one round trip that much apart. */
const SLEW = 500e-6;
/** A percentile is the end of its bucket, 0.1 % at most from the value. */
const BUCKET = 0.001;
/** Between the clocks of result and capture: their reading, and the time stamp counter's calibration. */
const CLOCKS_NS = 2_000;
const BARE_PACKETS = 500;
/** A loop that does more than a bare one costs more: so many times as much at most. */
const BARE_TIMES = 3;
/** The share of trains that is taken to be undisturbed. */
const QUIET = 0.1;
/** Where something else disturbs a whole run, it is measured again, beside a new bare loop. */
const TRIES = 5;

interface Run {
  name: string;
  socktype: Socktype;
  engine: string;
  /** Packets that are due together; `null` where that is random. */
  burst: number | null;
  result: DrivenResult;
  /** Round trips in the order in which they came, in whole microseconds. */
  samplesUs: number[];
}

const ignore = !hasNamespaces() || !isInstalled("tshark") || !isInstalled("python3");

async function runAll(link: Veth, folder: string, wanted: (name: string) => boolean): Promise<Run[]> {
  const runs: Run[] = [];
  for (const [socktype, engine] of WAYS) {
    for (const [arrival, burst] of Object.entries(BURSTS)) {
      const name = `${socktype}, ${engine}, ${arrival}`;
      if (!wanted(name)) continue;
      const prefix = `run${runs.length}`, raw = socktype === "raw";
      const { result } = await drivenRow(drive({
        target: raw ? link.farMac : link.farAddress,
        port: raw ? 0 : ECHO_PORT,
        run: (runs.length + 1).toString(16),
        args: `socktype=${socktype},engine=${engine},arrival=${arrival},${LOAD},keep_samples=1${
          raw ? `,iface=${link.near}` : ""
        }`,
        controllerArgs: `dump_dir=${folder},dump_prefix=${prefix}`,
      }));
      assert.equal(result.engine.chosen, engine);
      const text = await Deno.readTextFile(`${folder}/${prefix}_0.dmp`);
      const samplesUs = text.trim().split("\n").map(Number);
      assert.ok(samplesUs.length > 1000);
      runs.push({ name, socktype, engine, burst, result, samplesUs });
    }
  }
  return runs;
}

/** Round trips of a few lines of Python over the same path, in ns. */
async function bareLoop(link: Veth): Promise<number[]> {
  const { stdout, success, stderr } = await new Deno.Command("python3", {
    args: [
      `${projectRoot()}/tests/fixtures/network/bare_loop.py`,
      ...[link.farAddress, ECHO_PORT, BARE_PACKETS, SIZE].map(String),
    ],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim().split("\n").map(Number);
}

/** What passed of each run, the bare loop's first. */
function passagesOfRuns(frames: readonly Frame[], mac: string): Record<Socktype, Passage[][]> {
  const udp = runsOf(frames.filter(({ ports, stream }) => ports[0] > 0 && stream < 0), SIZE);
  const raw = runsOf(
    frames.filter(({ ports, stream }) => ports[0] === 0 && stream < 0),
    SIZE - ETHERNET_HEADER,
  );
  const tcp = Map.groupBy(frames.filter(({ stream }) => stream >= 0), ({ stream }) => stream);
  return {
    udp: udp.map((run) => passagesByNumber(run, mac, SIZE)),
    raw: raw.map((run) => passagesByNumber(run, mac, SIZE - ETHERNET_HEADER)),
    tcp: [...tcp.values()].map((run) => passagesOfStream(run, mac, SIZE)),
  };
}

const onWire = ({ outNs, backNs }: Passage) => nsBetween(outNs, backNs);

function percentile(values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)]!;
}
const median = (values: number[]) => percentile(values, 0.5);

/** Figures of a distribution that grow with every one of its values. */
const FIGURES = ["min_ns", "mean_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"] as const;

function figuresOf(values: number[]): Record<(typeof FIGURES)[number], number> {
  return {
    min_ns: Math.min(...values),
    mean_ns: values.reduce((sum, value) => sum + value, 0) / values.length,
    p50_ns: median(values),
    p90_ns: percentile(values, 0.9),
    p99_ns: percentile(values, 0.99),
    p999_ns: percentile(values, 0.999),
    max_ns: Math.max(...values),
  };
}

/** No packet was faster than the wire, and their figures are not, either. */
function checkNotBelow(run: Run, measured: Passage[]): void {
  const wire = measured.map(onWire), { service } = run.result.latency;
  const below = run.samplesUs.flatMap((us, i) =>
    (us + 1) * 1000 <= wire[i]! * (1 - SLEW) ? [`packet ${i}: ${us} us, on the wire ${wire[i]} ns`] : []
  );
  assert.equal(
    below.length,
    0,
    `${below.length} of ${wire.length} too small: ${below.slice(0, 5).join("; ")}`,
  );
  const figures = figuresOf(wire);
  for (const key of FIGURES) {
    const least = figures[key] * (1 - SLEW - BUCKET);
    assert.ok(service[key] >= least, `service ${key} ${service[key]}, at least ${least} by the wire`);
  }
}

/**
 * A packet costs no more over the wire than a bare loop's, by the median of a train of packets that were due together
 * and in the quietest tenth of the trains: other programs of the machine only add. One thread sends and receives: while
 * it sends what is due together, for as long as the wire shows, it does not read. (engine=gso is documented to look for
 * replies more seldom: no bound of its times is promised.)
 */
function farAbove(run: Run, measured: Passage[], bareNs: number): string | null {
  if (run.engine === "gso") return null;
  const trainOf = ({ index }: Passage) => Math.floor(index / (run.burst ?? 1));
  const answered = measured.slice(0, run.samplesUs.length)
    .map((passage, i) => ({ passage, serviceNs: run.samplesUs[i]! * 1000 }));
  const extra = [...Map.groupBy(answered, ({ passage }) => trainOf(passage)).values()].map((train) => {
    const firstNs = train.map(({ passage }) => passage.outNs).reduce((a, b) => a < b ? a : b);
    const sendingNs = Math.max(...train.map(({ passage }) => nsBetween(firstNs, passage.outNs)));
    return median(train.map(({ passage, serviceNs }) => serviceNs - onWire(passage) - 2 * sendingNs));
  });
  const least = percentile(extra, QUIET);
  return least <= BARE_TIMES * bareNs
    ? null
    : `${run.name}: ${least} ns above the wire, a bare loop ${bareNs} ns`;
}

/**
 * Lateness and response against due times that a regular schedule lets compute, on the capture's clock.
 *
 * @returns whether they could be: a tester that stood still left packets out, and later ones have other due times
 */
function checkDue(run: Run, measured: Passage[], aheadNs: bigint): boolean {
  if (run.burst === null) return false;
  const together = run.burst, { lateness } = run.result.pacing, { response } = run.result.latency;
  const bursts = Math.ceil((WARMUP_NS + MEASURED_NS + COOLDOWN_NS) / (together * INTERVAL_NS));
  if (run.result.engine.all_packets !== bursts * together) return false;
  const beginNs = BigInt(Math.round(run.result.window.start_ns - WARMUP_NS)) + aheadNs;
  const due = ({ index }: Passage) => beginNs + BigInt(Math.floor(index / together) * together * INTERVAL_NS);
  const left = figuresOf(measured.map((passage) => nsBetween(due(passage), passage.outNs)));
  const back = figuresOf(measured.map((passage) => nsBetween(due(passage), passage.backNs)));
  for (const key of FIGURES) {
    const most = left[key] * (1 + BUCKET) + CLOCKS_NS, least = back[key] * (1 - BUCKET) - CLOCKS_NS;
    assert.ok(lateness[key] <= most, `lateness ${key} ${lateness[key]}, at most ${most} by the wire`);
    assert.ok(response[key] >= least, `response ${key} ${response[key]}, at least ${least} by the wire`);
  }
  return true;
}

Deno.test(
  { name: "times of every engine and arrival against the wire (tshark, python3)", ignore },
  async (t) => {
    using link = Veth.make("w");
    assert.ok(link !== null);
    const folder = await Deno.makeTempDir({ prefix: "ipbench-witness-" });
    try {
      await using _echo = await EchoProcess.start({
        ip: link.farAddress,
        wrap: link.wrap,
        args: ["--raw", link.far],
      });
      let compared = 0, far: string[] = [];
      for (let tries = 0; tries < TRIES && (tries === 0 || far.length > 0); tries++) {
        const again = far;
        far = [];
        await using capture = await Capture.start(link.near);
        const aheadNs = await realtimeAheadNs();
        const bareTimes = await bareLoop(link);
        const runs = await runAll(
          link,
          folder,
          (name) => tries === 0 || again.some((text) => text.startsWith(`${name}:`)),
        );
        const passed = passagesOfRuns(await capture.frames(), link.nearMac);
        const bareWire = passed.udp.shift()!;
        const bareNs = median(bareTimes.map((ns, i) => ns - onWire(bareWire[i]!)));
        for (const run of runs) {
          await t.step(run.name, () => {
            const { first_packet } = run.result.engine, { sent } = run.result.counts;
            const passages = passed[run.socktype].shift()!;
            const measured = passages.filter(({ index }) =>
              index >= first_packet && index < first_packet + sent
            );
            assert.equal(measured.length, run.result.counts.ok);
            checkNotBelow(run, measured);
            const text = farAbove(run, measured, bareNs);
            if (text !== null) far.push(text);
            compared += Number(checkDue(run, measured, aheadNs));
          });
        }
      }
      assert.deepEqual(far, []);
      assert.ok(compared > 0, "no run kept its schedule");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
