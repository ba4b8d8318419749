/**
 * All pairs of many hosts, round by round: in each, a host is in one pair at the most.
 *
 * @module
 */

import type { OwnKeys } from "../../config/hosts/host_files.ts";
import { defaultRun, type RunDescription, type TargetDescription } from "../../config/run_description.ts";
import type { ClientResult, ResultDocument } from "../../results/document/document.ts";
import { MESH_FORMAT, type MeshDocument, type MeshPair } from "../../results/mesh/document.ts";
import { findOutliers } from "../../results/mesh/findings.ts";
import type { ProgressEvent } from "../run/progress.ts";
import type { RunnerContext } from "../run/runner.ts";
import { better } from "./looks.ts";
import { type Meeting, roundsOf } from "./rounds.ts";

/** One host: its tester daemon and its target daemon. */
export interface MeshHostDescription {
  name: string;
  host: string;
  port: number;
  targetPort: number;
  /** Where others send to. */
  address: string;
  keys: OwnKeys;
}

/** What to measure. */
export interface MeshOptions {
  hosts: readonly MeshHostDescription[];
  /** What measures delay and loss: `latency`, or `rr`, which sleeps between packets. */
  delayTest: "latency" | "rr";
  /** Its arguments, and those of `stream`; `null`: that is not measured. */
  delayArgs: string | null;
  rateArgs: string | null;
  /** Both directions of a pair at the same time; else one after the other. */
  both: boolean;
  /** Port of the first host's services; those of the others have the ports behind it, two each. */
  servicePort: number;
  /** Keys and the like of all runs. */
  common: Pick<RunDescription, "secretFile" | "tls" | "debug" | "reset"> & { requireSecret?: boolean };
  /** What was measured before, by a mesh of the same hosts: that is not measured again. */
  before: MeshDocument | null;
  ipbench: { version: string; build: string };
}

/** What happens. */
export type MeshEvent =
  | { kind: "round"; round: number; of: number; pairs: number; what: "delay" | "rate" }
  /** All rounds are over: links that stand out are examined once more. */
  | { kind: "again"; links: number }
  | { kind: "progress"; event: ProgressEvent }
  /** A host is left out from now on. */
  | { kind: "lost"; host: string; why: string }
  /** A round is over; `secondsLeft`: `null` when nothing is known of the time. */
  | { kind: "ended"; round: number; of: number; secondsLeft: number | null };

/** What a mesh is given to work with. */
export interface MeshDependencies extends RunnerContext {
  /** Keeps what there is after each round. */
  keep?: (document: MeshDocument) => Promise<void>;
  onEvent?: (event: MeshEvent) => void;
}

/** A host that failed in this many rounds in a row is left out of the rest. */
const FAILED_ROUNDS = 2;

/** How many times a link that stands out is measured: a passing disturbance is gone by then. */
const LOOKS = 3;
/** Runs for that, at most. */
const MOST_AGAIN = 8;

/** One direction of a meeting. */
interface Direction {
  from: number;
  to: number;
}

/**
 * Measures all pairs.
 *
 * @returns what was measured, also when it was interrupted or hosts failed
 */
export async function runMesh(options: MeshOptions, deps: MeshDependencies): Promise<MeshDocument> {
  return await new Mesh(options, deps).run();
}

class Mesh {
  readonly #options: MeshOptions;
  readonly #deps: MeshDependencies;
  readonly #document: MeshDocument;
  readonly #pairs = new Map<string, MeshPair>();
  /** Rounds in a row in which a host failed, and why. */
  readonly #failures = new Map<number, { rounds: number; why: string }>();
  readonly #spent: number[] = [];

  constructor(options: MeshOptions, deps: MeshDependencies) {
    this.#options = options;
    this.#deps = deps;
    const { hosts, delayArgs, rateArgs, both, ipbench } = options;
    const now = deps.clock.now().toISOString();
    this.#document = {
      format: MESH_FORMAT,
      ipbench,
      started: options.before?.started ?? now,
      ended: now,
      interrupted: false,
      hosts: hosts.map(({ name, host, port, targetPort, address }) => ({
        name,
        host,
        port,
        targetPort,
        address,
      })),
      rounds: roundsOf(hosts.length).length,
      delay_args: delayArgs,
      rate_args: rateArgs,
      both,
      pairs: [],
      findings: [],
      summary: [],
    };
    for (const pair of options.before?.pairs ?? []) {
      if (isWhole(pair, options)) this.#pairs.set(keyOf(pair), pair);
    }
  }

  async run(): Promise<MeshDocument> {
    const rounds = roundsOf(this.#options.hosts.length);
    for (const [index, meetings] of rounds.entries()) {
      if (this.#isAborted()) break;
      const begin = this.#deps.clock.seconds();
      const measured = await this.#round(index + 1, rounds.length, meetings);
      if (measured) this.#spent.push(this.#deps.clock.seconds() - begin);
      await this.#keep();
      const each = this.#spent.length === 0
        ? null
        : this.#spent.reduce((a, b) => a + b, 0) / this.#spent.length;
      this.#deps.onEvent?.({
        kind: "ended",
        round: index + 1,
        of: rounds.length,
        secondsLeft: each === null ? null : each * (rounds.length - index - 1),
      });
    }
    await this.#lookAgain();
    this.#document.interrupted = this.#isAborted();
    await this.#keep();
    if (this.#document.interrupted && this.#document.findings.length > 0) {
      this.#document.summary.push(
        "what stands out was not looked at again: it may have been a passing disturbance",
      );
      await this.#deps.keep?.(this.#document);
    }
    return this.#document;
  }

  /** Measures the links that were named again, as many side by side as do not meet, until all of those named were seen often. */
  async #lookAgain(): Promise<void> {
    for (let run = 0; run < MOST_AGAIN && !this.#isAborted(); run++) {
      const busy = new Set<number>(), directions: Direction[] = [];
      for (const { subject, hosts: [a, b] } of this.#document.findings) {
        if (subject !== "link" || a === undefined || b === undefined || busy.has(a) || busy.has(b)) continue;
        const both = [{ from: a, to: b }, { from: b, to: a }].filter((one) => this.#pairs.has(keyOf(one)));
        if (both.every((one) => (this.#pairs.get(keyOf(one))!.looks ?? 1) >= LOOKS)) continue;
        directions.push(...both);
        busy.add(a).add(b);
      }
      if (directions.length === 0) return;
      this.#deps.onEvent?.({ kind: "again", links: busy.size / 2 });
      const before = directions.map((one) => ({ ...this.#pairs.get(keyOf(one))! }));
      const failed = new Set<number>();
      const parts = this.#options.both
        ? [directions]
        : [directions.filter((_, n) => n % 2 === 0), directions.filter((_, n) => n % 2 === 1)];
      for (const part of parts) {
        for (const what of ["delay", "rate"] as const) {
          if (this.#argsOf(what) !== null) {
            await this.#measure(this.#document.rounds, this.#document.rounds, part, what, failed);
          }
        }
      }
      for (const old of before) {
        const key = keyOf(old);
        this.#pairs.set(key, { ...better(old, this.#pairs.get(key)!), looks: (old.looks ?? 1) + 1 });
      }
      await this.#keep();
    }
  }

  #isAborted(): boolean {
    return this.#deps.signal?.aborted === true;
  }

  async #keep(): Promise<void> {
    const document = this.#document;
    document.ended = this.#deps.clock.now().toISOString();
    document.pairs = [...this.#pairs.values()].sort((a, b) => a.from - b.from || a.to - b.to);
    Object.assign(document, findOutliers(document.hosts, document.pairs));
    await this.#deps.keep?.(document);
  }

  /** @returns whether anything had to be measured */
  async #round(round: number, of: number, meetings: readonly Meeting[]): Promise<boolean> {
    const failed = new Set<number>();
    const directions = meetings.flatMap(([a, b]): Direction[] => [{ from: a, to: b }, { from: b, to: a }])
      .filter((direction) => !this.#pairs.has(keyOf(direction)));
    for (const direction of directions) this.#note(round, direction);
    const parts = this.#options.both ? [directions] : [
      directions.filter((_, n) => n % 2 === 0),
      directions.filter((_, n) => n % 2 === 1),
    ];
    for (const part of parts) {
      for (const what of ["delay", "rate"] as const) {
        if (this.#argsOf(what) === null) continue;
        await this.#measure(round, of, part, what, failed);
      }
    }
    const took = directions.filter((direction) => !isMissing(this.#pairs.get(keyOf(direction))!));
    for (const host of took.flatMap(({ from, to }) => [from, to])) {
      if (!failed.has(host)) this.#failures.delete(host);
    }
    return directions.length > 0;
  }

  #argsOf(what: "delay" | "rate"): string | null {
    return what === "delay" ? this.#options.delayArgs : this.#options.rateArgs;
  }

  #note(round: number, { from, to }: Direction): MeshPair {
    const pair: MeshPair = {
      from,
      to,
      round,
      delay: null,
      sent: null,
      lost: null,
      rate_bps: null,
      verdict: "INVALID",
      reason: "not measured",
    };
    this.#pairs.set(keyOf(pair), pair);
    return pair;
  }

  /** Measures directions side by side; where a host fails, once more without it. */
  async #measure(
    round: number,
    of: number,
    wanted: readonly Direction[],
    what: "delay" | "rate",
    failed: Set<number>,
  ): Promise<void> {
    let directions = wanted;
    for (let attempt = 0; attempt < 2 && !this.#isAborted(); attempt++) {
      directions = directions.filter((each) => this.#mayRun(each, failed));
      if (directions.length === 0) return;
      this.#deps.onEvent?.({ kind: "round", round, of, pairs: directions.length, what });
      const document = await this.#deps.run(this.#describe(directions, what), {
        ...this.#deps.signal === undefined ? {} : { signal: this.#deps.signal },
        onProgress: (event) => this.#deps.onEvent?.({ kind: "progress", event }),
      });
      const culprits = this.#culprits(document, directions);
      for (const [host, why] of culprits) this.#fail(host, why, failed);
      if (document.run.failed !== true) {
        for (const [n, direction] of directions.entries()) {
          this.#take(direction, document, document.clients[n], what);
        }
        return;
      }
      const why = document.run.reasons[0] ?? "the run failed";
      for (const direction of directions) {
        const pair = this.#pairs.get(keyOf(direction))!;
        pair.reason = culprits.get(direction.from) ?? culprits.get(direction.to) ?? why;
      }
      if (culprits.size === 0) return; // there is no host to leave out: it would fail again
    }
  }

  #mayRun({ from, to }: Direction, failed: ReadonlySet<number>): boolean {
    const gone = [from, to].find((host) =>
      failed.has(host) || (this.#failures.get(host)?.rounds ?? 0) >= FAILED_ROUNDS
    );
    if (gone === undefined) return true;
    this.#pairs.get(keyOf({ from, to }))!.reason = this.#failures.get(gone)?.why ?? "its host failed";
    return false;
  }

  /** Whose daemon failed, and how. */
  #culprits(document: ResultDocument, directions: readonly Direction[]): Map<number, string> {
    const found = new Map<number, string>();
    const note = (host: number | undefined, error: string | undefined) => {
      if (host !== undefined && error !== undefined && !found.has(host)) found.set(host, error);
    };
    for (const [n, { error, peer }] of document.clients.entries()) {
      // A run that failed for one tester ends the others', too: theirs is no failure of their own.
      if (error !== undefined && (peer === null || !/ended|abort/i.test(error))) {
        note(directions[n]?.from, error);
      }
    }
    const hosts = [...new Set(directions.map(({ to }) => to))];
    for (const [n, { error }] of document.targets.entries()) note(hosts[n], error);
    return found;
  }

  #fail(host: number, why: string, failed: Set<number>): void {
    if (failed.has(host)) return;
    failed.add(host);
    const rounds = (this.#failures.get(host)?.rounds ?? 0) + 1;
    this.#failures.set(host, { rounds, why });
    const described = this.#document.hosts[host]!;
    if (rounds === FAILED_ROUNDS) described.failed = why;
    this.#deps.onEvent?.({ kind: "lost", host: described.name, why });
  }

  #take(
    { from, to }: Direction,
    document: ResultDocument,
    client: ClientResult | undefined,
    what: "delay" | "rate",
  ) {
    const pair = this.#pairs.get(keyOf({ from, to }))!;
    if (client === undefined || client.error !== undefined) {
      pair.reason = client?.error ?? "no result came";
      return;
    }
    if (what === "delay") {
      // From when a packet left: what the tester's own processor holds up is no property of a link.
      const times = client.latency?.service ?? null;
      const { min_ns, p50_ns, p99_ns, max_ns, count } = times ?? { count: 0 };
      pair.delay = count === 0
        ? null
        : { min_ns: min_ns!, p50_ns: p50_ns!, p99_ns: p99_ns!, max_ns: max_ns! };
      pair.sent = client.counts?.sent ?? null;
      pair.lost = client.counts?.lost ?? null;
    } else {
      pair.rate_bps = client.rates?.received_bps ??
        client.metrics.find(({ name }) => name === "goodput_up")?.value ?? null;
    }
    const own = (document.run.details ?? []).filter(({ host }) =>
      host === undefined || host === client.host || host.startsWith(`${client.host}:`)
    );
    const gravest = own.find(({ level }) => level === "INVALID") ?? own[0];
    const first = what === "delay" || this.#options.delayArgs === null;
    const order = ["VALID", "SUSPECT", "INVALID"] as const;
    const verdict = gravest?.level ?? "VALID";
    if (first || order.indexOf(verdict) > order.indexOf(pair.verdict)) {
      pair.verdict = verdict;
      pair.reason = gravest?.text ?? null;
    }
  }

  #describe(directions: readonly Direction[], what: "delay" | "rate"): RunDescription {
    const { hosts, servicePort, common } = this.#options;
    const args = this.#argsOf(what)!;
    const ports = (host: number) => ({ streams: servicePort + 2 * host, echo: servicePort + 2 * host + 1 });
    const clients = directions.map(({ from, to }) => {
      const { host, port, keys } = hosts[from]!;
      const service = what === "delay" ? ports(to).echo : ports(to).streams;
      return { host, port, ...keys, target: hosts[to]!.address, targetPort: service, args };
    });
    const targets: TargetDescription[] = [...new Set(directions.map(({ to }) => to))].map((to) => {
      const { host, targetPort, keys } = hosts[to]!;
      const { streams, echo } = ports(to);
      return {
        host,
        port: targetPort,
        ...keys,
        test: "stream_target",
        args: `port=${streams},echo=${echo}`,
        controllerArgs: "",
      };
    });
    return {
      ...defaultRun(what === "delay" ? this.#options.delayTest : "stream", clients),
      ...common,
      targets,
      require: "1", // a tester that fails is named, and the others go on
    };
  }
}

function keyOf({ from, to }: Direction): string {
  return `${from} ${to}`;
}

function isMissing({ delay, rate_bps }: MeshPair): boolean {
  return delay === null && rate_bps === null;
}

/** Nothing of it is missing. */
function isWhole(pair: MeshPair, { delayArgs, rateArgs }: MeshOptions): boolean {
  return (delayArgs === null || pair.delay !== null) && (rateArgs === null || pair.rate_bps !== null);
}
