/**
 * The cells of the fault matrix: who fails × how × when, and what is to come of it.
 *
 * @module
 */
import { type LinkFault, type Moment, MOMENTS } from "../../fixtures/peers/fault_proxy.ts";

/** A process that is struck. */
export type Victim = "controller" | "tester" | "tester child" | "target" | "target child" | "echo";

/** A process that is struck by a signal, a connection that breaks, or an echo over TCP that misbehaves. */
export type Cell =
  | { echo: "reset" | "rubbish"; moment: Moment }
  | { victim: Victim; signal: "SIGKILL" | "SIGSTOP"; moment: Moment }
  | { link: "tester" | "target"; fault: LinkFault | "interface down"; moment: Moment };

/** What is to come of it. */
export type Outcome =
  /** The run ends, INVALID and with status 1, and names the culprit. */
  | "named"
  /** The run goes on without the culprit, whom it names: `--require` asks for fewer than all. */
  | "without"
  /** As "named"; or nothing was lost, and the run ends well. */
  | "either"
  /** The run ends well: the culprit's part was over. */
  | "well"
  /** The controller is gone: what had come in can be recovered. */
  | "recovered";

const VICTIMS = ["controller", "tester", "tester child", "target", "target child", "echo"] as const;
const SIGNALS = ["SIGKILL", "SIGSTOP"] as const;
const LINKS = ["tester", "target"] as const;
const LINK_FAULTS = [
  "reset",
  "silent",
  "slow",
  "rubbish to the controller",
  "rubbish to the daemon",
] as const;

/** The echo takes no part before the first packet, and none after the last. */
const ECHO_MOMENTS: readonly Moment[] = ["connect", "warmup", "measured"];

/** Echoes over TCP that misbehave. What one over UDP can do wrong is counted, and tried in `engine_process_test.ts`. */
export const ECHO_CELLS: readonly Cell[] = (["reset", "rubbish"] as const).flatMap((echo) =>
  (["warmup", "measured"] as const).map((moment) => ({ echo, moment }))
);

/** All processes that are struck. */
export const PROCESS_CELLS: readonly Cell[] = SIGNALS.flatMap((signal) =>
  VICTIMS.flatMap((victim) =>
    MOMENTS.filter((moment) => victim !== "echo" || ECHO_MOMENTS.includes(moment))
      .map((moment) => ({ victim, signal, moment }))
  )
);

/** All connections that break. */
export const NETWORK_CELLS: readonly Cell[] = LINK_FAULTS.flatMap((fault) =>
  LINKS.flatMap((link) => MOMENTS.map((moment) => ({ link, fault, moment })))
);

/** Moments at which the interface of a network namespace goes down: they last, or can be made to. */
const DOWN_MOMENTS: readonly Moment[] = ["connect", "SETUP", "measured", "transfer"];

/** All links that go down: real interfaces, where "silent" is a proxy that passes nothing on. */
export const DOWN_CELLS: readonly (Cell & { link: "tester" | "target" })[] = LINKS.flatMap((link) =>
  DOWN_MOMENTS.map((moment) => ({ link, fault: "interface down" as const, moment }))
);

/** The cell's name in reports. */
export function nameOf(cell: Cell): string {
  return `${rowOf(cell)} at ${cell.moment}`;
}

/** Whose fault it is, among the daemons; `null` for the controller and the echo. */
export function culpritOf(cell: Cell): "tester" | "target" | null {
  if ("link" in cell) return cell.link;
  if ("echo" in cell) return null;
  if (cell.victim.startsWith("tester")) return "tester";
  return cell.victim.startsWith("target") ? "target" : null;
}

/** Whether the run asks for one tester only, so that it can go on without the other. */
export function needsOne(cell: Cell): boolean {
  return "victim" in cell && culpritOf(cell) === "tester" && afterStart(cell.moment);
}

/** Whether the test has been started by then. */
export function afterStart(moment: Moment): boolean {
  return MOMENTS.indexOf(moment) >= MOMENTS.indexOf("waiting");
}

/** What is to come of a cell. */
export function outcomeOf(cell: Cell): Outcome {
  const { moment } = cell;
  if ("link" in cell) {
    if (moment === "output") return "well";
    // A daemon that has all it needs for its result may send it before it reads what came.
    const unread = cell.fault === "rubbish to the daemon" && (moment === "marshall" || moment === "transfer");
    return unread ? "either" : "named";
  }
  if ("echo" in cell) return "named";
  const { victim, signal } = cell;
  if (victim === "controller") return signal === "SIGKILL" ? "recovered" : "either";
  if (victim === "echo") return "named";
  if (moment === "output") return "well";
  // A child that dies before the slot is taken is replaced.
  if (victim.endsWith("child") && (moment === "connect" || moment === "HELLO")) return "either";
  // Its work was done when it was struck.
  if (moment === "transfer") return "either";
  return needsOne(cell) ? "without" : "named";
}

/** Whether the run goes on to its own end, or may. */
export function goesOn(cell: Cell): boolean {
  return outcomeOf(cell) !== "named" || isEcho(cell);
}

/** Whether it is the echo that fails. */
export function isEcho(cell: Cell): boolean {
  return "echo" in cell || "victim" in cell && cell.victim === "echo";
}

/** The table of all cells, in Markdown. */
export function faultTable(): string {
  const rows = new Map<string, Map<Moment, Outcome>>();
  for (const cell of [...PROCESS_CELLS, ...ECHO_CELLS, ...NETWORK_CELLS, ...DOWN_CELLS]) {
    const row = rows.get(rowOf(cell)) ?? new Map<Moment, Outcome>();
    rows.set(rowOf(cell), row.set(cell.moment, outcomeOf(cell)));
  }
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["what fails", ...MOMENTS]),
    line(Array.from({ length: MOMENTS.length + 1 }, () => "---")),
    ...Array.from(rows, ([name, row]) => line([name, ...MOMENTS.map((moment) => row.get(moment) ?? "–")])),
  ].join("\n");
}

function rowOf(cell: Cell): string {
  if ("echo" in cell) return `echo over TCP: ${cell.echo}`;
  return "link" in cell ? `network to the ${cell.link}: ${cell.fault}` : `${cell.victim}: ${cell.signal}`;
}
