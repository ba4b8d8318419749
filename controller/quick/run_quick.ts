/**
 * A quick look at a host, from finding out what it offers to the figures.
 *
 * @module
 */
import { messageOf } from "../../base/errors.ts";
import type { OwnKeys } from "../../config/hosts/host_files.ts";
import type { RunDescription } from "../../config/run_description.ts";
import { VERSION } from "../../ffi/self/version.ts";
import type { ResultDocument, Verdict } from "../../results/document/document.ts";
import type { DaemonAccess } from "../link/daemon_access.ts";
import type { ProgressEvent } from "../run/progress.ts";
import { runBenchmark } from "../run/run.ts";
import { discover, NothingThere, type Offer } from "./discover.ts";
import { figuresOf, reasonsOf } from "./figures.ts";
import { findingsOf } from "./findings.ts";
import { END_MS, FIRST_OVERHEAD_MS, LEAST_SECONDS, MAX_UDP_BPS, SERVICE_PORTS, WHOLE_MS } from "./limits.ts";
import { missingOf, PHASE_WORDS, plainFailure, QuickError, usableTargets } from "./missing.ts";
import { cannotStart, type DaemonPlace, freePorts, OwnDaemons } from "./own_daemons.ts";
import { type Cast, describePhase, lengthOf, phasesOf } from "./phases.ts";
import { type PhaseName, QUICK_FORMAT, type QuickDocument } from "./quick_document.ts";

/** One thing that happens while it goes on. */
export type QuickEvent =
  | { kind: "step"; text: string }
  /** `leftSeconds`: until the screen, as far as known. */
  | { kind: "phase"; phase: PhaseName; leftSeconds: number }
  | { kind: "run"; phase: PhaseName; event: ProgressEvent };

/** What is examined, and from where. */
export interface QuickOptions {
  /** `null`: this machine's loopback. */
  host: string | null;
  /** Control port of the host's target daemon; `null`: the usual ones are tried. */
  port: number | null;
  /** Testers; none: this machine. The first one measures round trips, the others send and receive. */
  from: readonly DaemonPlace[];
  /** Keys that the host's daemons have of their own. */
  hostKeys?: OwnKeys;
  access: DaemonAccess;
  keys: Pick<RunDescription, "secretFile" | "tls">;
  signal?: AbortSignal;
  onEvent?: (event: QuickEvent) => void;
}

/**
 * Takes a quick look, in at most {@linkcode WHOLE_MS}.
 *
 * @param options what is examined
 * @returns figures, findings, documents; what failed is in it, and what could not be measured
 * @throws {QuickError} when nothing could be measured at all, with what to do
 */
export async function runQuick(options: QuickOptions): Promise<QuickDocument> {
  const begun = performance.now();
  const { host, from, onEvent = () => {}, signal = new AbortController().signal } = options;
  const isOwn = host === null || options.port === null && from.length === 0 && LOOPBACK_NAMES.includes(host);
  const document: QuickDocument = {
    format: QUICK_FORMAT,
    ipbench: { version: VERSION },
    host,
    from: from.map(({ host, port }) => `${host}:${port}`),
    started: new Date().toISOString(),
    seconds: 0,
    offer: null,
    verdict: "VALID",
    reasons: [],
    interrupted: false,
    phases: [],
    findings: [],
    missing: [],
    documents: {},
  };
  onEvent({ kind: "step", text: host === null ? "starting daemons on loopback" : `looking at ${host}` });
  const [found, started] = await Promise.allSettled([
    host === null ? null : discover(host, options.port, options.access).catch((error) => {
      // Then loopback is measured as without a host.
      if (!(isOwn && error instanceof NothingThere)) throw error;
      return null;
    }),
    OwnDaemons.start([...from.length === 0 ? TESTERS : [], ...isOwn ? ["target" as const] : []]),
  ]);
  await using own = started.status === "fulfilled" ? started.value : null;
  if (found.status === "rejected") throw new QuickError(messageOf(found.reason), { cause: found.reason });
  if (started.status === "rejected") {
    throw new QuickError(cannotStart(started.reason), { cause: started.reason });
  }
  document.offer = found.value;
  if (found.value === null) document.host = null;
  const cast = castOf(options, found.value, own!.places);
  const look = new Look(cast, document, begun + WHOLE_MS - END_MS, signal, onEvent);
  await look.run();
  document.missing.push(...missingOf(found.value, cast));
  document.findings = findingsOf(document.phases, document.host ?? "this machine");
  document.interrupted = signal.aborted;
  document.seconds = (performance.now() - begun) / 1000;
  conclude(document);
  return document;
}

const TESTERS = ["tester", "tester"] as const;
/** What people call the host whose services we start ourselves where there are none. */
const LOOPBACK_NAMES = ["127.0.0.1", "localhost"];

function castOf(
  { host, from, keys, hostKeys }: QuickOptions,
  offer: Offer | null,
  own: readonly DaemonPlace[],
): Cast {
  const testers = from.length > 0 ? from : own.slice(0, TESTERS.length);
  const [probe] = testers;
  const loads = testers.length > 1 ? testers.slice(1) : testers;
  const base = { probe: probe!, loads, keys, meter: null, iperf3: false, echo: true, udpEcho: true };
  if (host === null || offer === null) {
    const [streams = 0, echo = 0] = freePorts(2);
    return { ...base, host: "127.0.0.1", target: { ...own.at(-1)!, ports: [streams, echo] } };
  }
  const [first, second] = usableTargets(offer);
  const place = (port: number): DaemonPlace => ({ host, port, ...hostKeys });
  return {
    ...base,
    host,
    iperf3: first === undefined && offer.iperf3,
    echo: first !== undefined || offer.udp_echo || offer.tcp_echo,
    udpEcho: offer.udp_echo,
    target: first === undefined ? null : { ...place(first.port), ports: SERVICE_PORTS[0]! },
    meter: second === undefined ? null : place(second.port),
  };
}

/** The phases, one after another, within the time that there is. */
class Look {
  /** What phases took beside their tests. */
  readonly #besideMs: number[] = [];
  readonly #late: AbortSignal;
  /** Phases that failed, by why. */
  readonly #failures = new Map<string, PhaseName[]>();

  constructor(
    readonly cast: Cast,
    readonly document: QuickDocument,
    readonly deadlineMs: number,
    readonly signal: AbortSignal,
    readonly onEvent: (event: QuickEvent) => void,
  ) {
    this.#late = AbortSignal.timeout(Math.max(1, Math.round(deadlineMs - performance.now())));
  }

  async run(): Promise<void> {
    const phases = phasesOf(this.cast);
    for (const [index, phase] of phases.entries()) {
      if (this.signal.aborted) return;
      const seconds = this.#secondsFor(phases.slice(index));
      if (seconds === null) {
        const names = phases.slice(index).map((each) => PHASE_WORDS[each]).join(", ");
        const why = this.#failures.size > 0 ? "after what failed" : "this machine or the host is too busy";
        this.document.missing.push(`No time was left for ${names}: ${why}.`);
        return;
      }
      const goesOn = await this.#play(phase, seconds, index === 0);
      if (!goesOn) return;
    }
  }

  /** How long the measured part of the next phase is, so that those after it have their share; `null`: too short. */
  #secondsFor(phases: readonly PhaseName[]): number | null {
    const leftMs = this.deadlineMs - performance.now();
    const lengths = phases.map(lengthOf);
    const seen = this.#besideMs;
    const overhead =
      (seen.length === 0 ? FIRST_OVERHEAD_MS : seen.reduce((sum, ms) => sum + ms, 0) / seen.length) / 1000;
    const beside = lengths.reduce((sum, each) => sum + each.beside + overhead, 0);
    const wanted = lengths.reduce((sum, each) => sum + each.seconds, 0);
    const share = Math.min(1, (leftMs / 1000 - beside) / wanted);
    const [next] = lengths;
    // Short of time, those that come first are measured, and the last ones are not.
    const seconds = Math.max(LEAST_SECONDS, Math.round(next!.seconds * share * 10) / 10);
    return seconds + next!.beside + overhead <= leftMs / 1000 ? seconds : null;
  }

  /** @returns whether the next phase makes sense */
  async #play(phase: PhaseName, seconds: number, isFirst: boolean): Promise<boolean> {
    const { document, cast } = this;
    const leftSeconds = (this.deadlineMs - performance.now()) / 1000;
    this.onEvent({ kind: "phase", phase, leftSeconds });
    const begun = performance.now();
    const result = await this.#measure(phase, seconds);
    if (isFirst && result !== null && this.#portIsTaken(result)) {
      return await this.#play(phase, seconds, true);
    }
    this.#besideMs.push(performance.now() - begun - 1000 * (seconds + lengthOf(phase).beside));
    if (result === null) return true;
    document.documents[phase] = result;
    const idle = document.phases.find((each) => each.phase === "idle") ?? null;
    const isCut = this.#late.aborted && !this.signal.aborted && result.run.interrupted === true;
    if (isCut) document.missing.push(`${PHASE_WORDS[phase]} was cut short: no time was left.`);
    else if (result.run.failed === true) {
      this.#fail(phase, result.run.reasons[0] ?? "no reason is known");
    }
    if (!isCut && result.run.failed !== true) document.phases.push(figuresOf(phase, result, idle));
    // Where the target cannot serve, no other phase can be measured.
    return cast.target === null ||
      !result.targets.some((target) => target.test === "stream_target" && target.error);
  }

  /** The same failure of several phases is one sentence. */
  #fail(phase: PhaseName, reason: string): void {
    const text = plainFailure(reason);
    const { missing } = this.document;
    const before = this.#failures.get(text) ?? [];
    const sentence = (phases: readonly PhaseName[]) =>
      `${phases.map((each) => PHASE_WORDS[each]).join(", ")} failed: ${text}`;
    const at = missing.indexOf(sentence(before));
    this.#failures.set(text, [...before, phase]);
    if (at < 0) missing.push(sentence([phase]));
    else missing[at] = sentence([...before, phase]);
  }

  async #measure(phase: PhaseName, seconds: number): Promise<ResultDocument | null> {
    const up = this.document.phases.find((each) => each.phase === "up")?.up_bps ?? null;
    const udpBps = up === null ? null : Math.min(MAX_UDP_BPS, up);
    try {
      return await runBenchmark(describePhase(this.cast, phase, seconds, udpBps), {
        signal: AbortSignal.any([this.signal, this.#late]),
        onProgress: (event) => this.onEvent({ kind: "run", phase, event }),
      });
    } catch (error) {
      this.#fail(phase, messageOf(error));
      return null;
    }
  }

  /** Somebody has the port on the host: the next pair is tried. */
  #portIsTaken({ targets }: ResultDocument): boolean {
    const { target } = this.cast;
    const next = SERVICE_PORTS[SERVICE_PORTS.findIndex(([streams]) => streams === target?.ports[0]) + 1];
    if (target === null || next === undefined || !targets.some(({ error }) => /in use/i.test(error ?? ""))) {
      return false;
    }
    target.ports = next;
    return true;
  }
}

/** The verdict of the whole: the gravest of its phases', and of those that failed. */
function conclude(document: QuickDocument): void {
  const results = Object.values(document.documents);
  const cut = document.phases.length < results.length;
  const verdicts = document.phases.map(({ verdict }) => verdict);
  const failed = results.some(({ run }) => run.failed === true);
  const verdict: Verdict =
    document.phases.length === 0 || failed || document.interrupted || verdicts.includes("INVALID")
      ? "INVALID"
      : cut || verdicts.includes("SUSPECT")
      ? "SUSPECT"
      : "VALID";
  document.verdict = verdict;
  document.reasons = document.phases.flatMap(({ phase }) => {
    const result = document.documents[phase];
    return result === undefined ? [] : reasonsOf(phase, result);
  });
}
