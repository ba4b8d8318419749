/**
 * The runs of a quick look: who sends what, for how long.
 *
 * @module
 */
import { type ClassDescription, defaultRun, type RunDescription } from "../../config/run_description.ts";
import { ECHO_PORT, IPERF3_PORT } from "./discover.ts";
import {
  DATAGRAM_BYTES,
  ECHO_RATE_BPS,
  IDLE_SECONDS,
  LOAD_WARMUP_SECONDS,
  LOADED_SECONDS,
  PROBE_BYTES,
  PROBE_WARMUP_SECONDS,
  PROBES_PER_SECOND,
  STREAMS,
  UDP_SECONDS,
} from "./limits.ts";
import type { DaemonPlace } from "./own_daemons.ts";
import type { PhaseName } from "./quick_document.ts";

/** Names of the classes. */
const PROBE = "probe";
const LOAD = "load";

/** Who takes part. */
export interface Cast {
  /** The host as testers call it. */
  host: string;
  /** Measures round trips. */
  probe: DaemonPlace;
  /** Send and receive bulk; the probe alone is not among them, unless it is the only tester. */
  loads: readonly DaemonPlace[];
  /** Runs stream_target, on these ports. `null`: there is none. */
  target: DaemonPlace & { ports: readonly [streams: number, echo: number] } | null;
  /** Without a target: whether an iperf3 server takes and sends the bulk. */
  iperf3: boolean;
  /** Whether anything echoes: the target, or port 7. */
  echo: boolean;
  /** A second target daemon, for cpu_target. */
  meter: DaemonPlace | null;
  /** Whether the echo of port 7 answers over UDP; else over TCP. */
  udpEcho: boolean;
  /** Keys for daemons that have none of their own. */
  keys: Pick<RunDescription, "secretFile" | "tls">;
}

/** Which phases a cast can play, in their order. */
export function phasesOf({ target, iperf3, echo, udpEcho }: Cast): PhaseName[] {
  if (target !== null || iperf3) return [...echo ? ["idle" as const] : [], "up", "down", "both", "udp"];
  return udpEcho ? ["idle", "udp"] : ["idle"];
}

/** What a phase takes, in seconds: at its usual length, and beside its measured part. */
export function lengthOf(phase: PhaseName): { seconds: number; beside: number } {
  if (phase === "idle") return { seconds: IDLE_SECONDS, beside: PROBE_WARMUP_SECONDS };
  if (phase === "udp") return { seconds: UDP_SECONDS, beside: PROBE_WARMUP_SECONDS };
  return { seconds: LOADED_SECONDS, beside: LOAD_WARMUP_SECONDS };
}

/**
 * Describes the run of a phase.
 *
 * @param cast who takes part
 * @param phase which one
 * @param seconds length of its measured part
 * @param udpBps rate of the UDP phase, payload; `null`: none was found
 */
export function describePhase(
  cast: Cast,
  phase: PhaseName,
  seconds: number,
  udpBps: number | null,
): RunDescription {
  const { probe, loads, target } = cast;
  if (phase === "idle") {
    return run(cast, "latency", [client(cast, probe, probeArgs(cast, PROBE_WARMUP_SECONDS, seconds))]);
  }
  if (phase === "udp" && target === null && !cast.iperf3) {
    const args = lengths(PROBE_WARMUP_SECONDS, seconds);
    const load = `socktype=udp,bps=${ECHO_RATE_BPS},size=${DATAGRAM_BYTES},${args},${PROBE_LIMITS}`;
    return run(cast, "latency", [client(cast, probe, load)]);
  }
  const peer = cast.iperf3 ? ",peer=iperf3" : "";
  if (phase === "udp") {
    const each = Math.max(1, Math.round((udpBps ?? ECHO_RATE_BPS) / loads.length));
    const args =
      `proto=udp,bps=${each},size=${DATAGRAM_BYTES},warmup=${PROBE_WARMUP_SECONDS},duration=${seconds}${peer}`;
    return run(cast, "stream", loads.map((load) => client(cast, load, args, 0)));
  }
  const streams = Math.max(1, Math.round(STREAMS / loads.length));
  const args =
    `direction=${phase},streams=${streams},warmup=${LOAD_WARMUP_SECONDS},duration=${seconds}${peer}`;
  const bulk = loads.map((load) => client(cast, load, args, 0));
  if (loads.includes(probe) || !cast.echo) return run(cast, "stream", bulk);
  const probes = client(cast, probe, probeArgs(cast, LOAD_WARMUP_SECONDS, seconds));
  const described = run(cast, "latency", [
    { ...probes, class: PROBE },
    ...bulk.map((each) => ({ ...each, class: LOAD })),
  ]);
  return { ...described, classes: [classOf(PROBE, "latency"), classOf(LOAD, "stream")] };
}

function classOf(name: string, test: string): ClassDescription {
  const times = { beginSeconds: 0, endSeconds: null, timeoutSeconds: null };
  return { name, test, controllerArgs: "", require: "all", untilCi: null, ...times };
}

/**
 * Beside a load, and on a small machine, the tester's own processor is what holds probes up, and its own interface may be
 * the one with the full queue: that is no more than doubt.
 */
const PROBE_LIMITS = "limits=shared,limit_gaps_invalid=1,limit_lateness_invalid=10s,limit_drops=1";

function lengths(warmup: number, seconds: number): string {
  return `warmup=${warmup},cooldown=0,duration=${seconds},drain=1,late=0.5`;
}

function probeArgs({ target, udpEcho }: Cast, warmup: number, seconds: number): string {
  const socktype = target !== null || udpEcho ? "udp" : "tcp";
  const bps = PROBES_PER_SECOND * PROBE_BYTES * 8;
  return `socktype=${socktype},bps=${bps},size=${PROBE_BYTES},${lengths(warmup, seconds)},${PROBE_LIMITS}`;
}

/** @param service which of the target's ports; that of the echo unless given */
function client({ host, target }: Cast, place: DaemonPlace, args: string, service = 1) {
  const other = service === 0 ? IPERF3_PORT : ECHO_PORT;
  return { ...place, target: host, targetPort: target?.ports[service] ?? other, args };
}

function run(cast: Cast, test: string, clients: RunDescription["clients"]): RunDescription {
  const { target, meter, keys } = cast;
  const described = { ...defaultRun(test, clients), ...keys };
  if (target === null) return described;
  const { ports: [streams, echo], ...place } = target;
  const targets = [{
    ...place,
    test: "stream_target",
    args: `port=${streams},echo=${echo}`,
    controllerArgs: "",
  }];
  if (meter !== null) targets.push({ ...meter, test: "cpu_target", args: "", controllerArgs: "" });
  return { ...described, targets };
}
