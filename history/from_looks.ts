/**
 * What `quick` and `mesh` found, as a history takes it: a look at a host, or at all links of some hosts, is one run.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { middle } from "../base/figures.ts";
import type { ResultDocument, Verdict } from "../results/document/document.ts";
import type { MeshDocument } from "../results/mesh/document.ts";
import type { NewRun } from "./history.ts";
import { type Identity, type MetricInfo, pointsOf, sorted } from "./identity.ts";

/** Digits of the number of a look, which its document does not have. */
const ID_DIGITS = 32;

/** What of a quick look is kept: a part of its document. */
export interface QuickLook {
  ipbench: { version: string };
  /** As typed; `null`: this machine's loopback. */
  host: string | null;
  from: readonly string[];
  /** ISO 8601, UTC. */
  started: string;
  seconds: number;
  verdict: Verdict;
  interrupted: boolean;
  phases: readonly {
    phase: string;
    up_bps: number | null;
    down_bps: number | null;
    rtt: { median_ns: number } | null;
    rpm: number | null;
    loss: number | null;
  }[];
  documents: Partial<Record<string, ResultDocument>>;
}

/** A figure's name, value and what it means. */
type Figure = [info: MetricInfo, value: number | null | undefined];

function info(name: string, kind: MetricInfo["kind"], worse: "more" | "less", unit: string): MetricInfo {
  return { name, label: name, unit, worse, scale: kind === "percent" ? "points" : "relative", kind };
}

const time = (name: string) => info(name, "time", "more", "ns");
const rate = (name: string) => info(name, "rate", "less", "bit/s");
const LOSS = info("loss", "percent", "more", "%");

/**
 * A quick look: its figures are `quick.rtt`, `quick.up`, `quick.down`, `quick.rpm` (round trips a minute under both) and `loss`.
 *
 * @param look Its document.
 */
export function quickRun(look: QuickLook): NewRun {
  const of = (name: string) => look.phases.find(({ phase }) => phase === name);
  const loss = of("udp")?.loss;
  const figures: Figure[] = [
    [time("quick.rtt"), of("idle")?.rtt?.median_ns],
    [rate("quick.up"), of("up")?.up_bps],
    [rate("quick.down"), of("down")?.down_bps],
    [info("quick.rpm", "own", "less", "1/min"), of("both")?.rpm],
    [LOSS, loss === undefined || loss === null ? null : 100 * loss],
  ];
  const [known] = Object.values(look.documents);
  const place = known === undefined ? undefined : pointsOf(known).points[0]?.identity;
  const host = look.host ?? "loopback";
  const ended = new Date(Date.parse(look.started) + 1000 * look.seconds).toISOString();
  return madeOf(look, { ended, version: look.ipbench.version, verdict: look.verdict, figures }, {
    kind: "quick",
    test: "quick",
    class: null,
    args: { host },
    load: look.from.length === 0 ? {} : { testers: String(look.from.length) },
    testers: place?.testers ?? look.from.map((each) => ({ host: each })),
    targets: place?.targets ?? [{ host }],
  });
}

/**
 * A mesh: its figures are `mesh.delay` and `mesh.rate` in the middle of all directions, `mesh.delay.worst` and `mesh.rate.worst`, and
 * `loss` of all packets.
 *
 * @param document What it leaves.
 */
export function meshRun(document: MeshDocument): NewRun {
  const { pairs, hosts, interrupted } = document;
  const delays = pairs.flatMap(({ delay }) => delay === null ? [] : [delay.p50_ns]);
  const rates = pairs.flatMap(({ rate_bps }) => rate_bps === null ? [] : [rate_bps]);
  const sum = (values: readonly (number | null)[]) =>
    values.reduce<number>((all, each) => all + (each ?? 0), 0);
  const sent = sum(pairs.map((pair) => pair.sent));
  const figures: Figure[] = [
    [time("mesh.delay"), middle(delays)],
    [time("mesh.delay.worst"), delays.length === 0 ? null : Math.max(...delays)],
    [rate("mesh.rate"), middle(rates)],
    [rate("mesh.rate.worst"), rates.length === 0 ? null : Math.min(...rates)],
    [LOSS, sent === 0 ? null : 100 * sum(pairs.map(({ lost }) => lost)) / sent],
  ];
  const whole = pairs.every(({ verdict, delay, rate_bps }) =>
    verdict === "VALID" && (delay !== null || rate_bps !== null)
  );
  const { ended, ipbench: { version }, delay_args, rate_args } = document;
  const args = [["delay", delay_args], ["rate", rate_args], ["both", String(document.both)]] as const;
  const verdict = interrupted || pairs.length === 0 ? "INVALID" : whole ? "VALID" : "SUSPECT";
  return madeOf(document, { ended, version, verdict, figures }, {
    kind: "mesh",
    test: "mesh",
    class: null,
    args: sorted(args.flatMap(([name, value]): [string, string][] => value === null ? [] : [[name, value]])),
    load: { hosts: String(hosts.length) },
    testers: hosts.map(({ name }) => ({ host: name })),
    targets: [],
  });
}

function madeOf(
  document: { started: string; interrupted: boolean },
  { ended, version, verdict, figures }: Pick<NewRun, "ended" | "version" | "verdict"> & { figures: Figure[] },
  identity: Identity,
): NewRun {
  const text = JSON.stringify(document);
  const known = figures.flatMap(([info, value]) =>
    value === null || value === undefined || !Number.isFinite(value) ? [] : [{ info, value }]
  );
  const values = Object.fromEntries(known.map(({ info: { name }, value }) => [name, value]));
  return {
    id: createHash("sha256").update(text).digest("hex").slice(0, ID_DIGITS),
    kind: identity.kind,
    test: identity.test,
    started: document.started,
    ended,
    verdict,
    failed: document.interrupted,
    version,
    text,
    points: [{ identity, loadBps: null, verdict, figures: values }],
    metrics: known.map(({ info }) => info),
  };
}
