/**
 * What happened while a run went on, on the time axis of its measured phase: what was done on purpose, and links that were down.
 *
 * @module
 */
import { formatTime } from "../../../base/figures.ts";
import type { CommandEvent, ResultDocument, RunEvent } from "../../document/document.ts";

/** Something that was done, or happened. */
export interface ShownEvent {
  kind: RunEvent["kind"];
  /** From the begin of the measured phase that all testers share; may lie before it. */
  t_ns: number;
  /** `null`: it had not ended. */
  length_ns: number | null;
  text: string;
  at: string;
  /** What went wrong with it; "" when nothing did. */
  problem: string;
}

/** The events of a document; none where it is not known when it measured. */
export function eventsOf({ events, total }: Pick<ResultDocument, "events" | "total">): ShownEvent[] {
  const origin = total.window?.start_ns;
  if (events === undefined || origin === undefined) return [];
  return events.map((event) => ({
    kind: event.kind,
    t_ns: event.start_ns - origin,
    length_ns: event.end_ns === null ? null : event.end_ns - event.start_ns,
    text: event.text,
    at: event.at,
    problem: event.kind === "command" ? problemOf(event) : event.end_ns === null ? "still at the end" : "",
  }));
}

function problemOf({ status, output }: CommandEvent): string {
  if (status === 0) return "";
  const said = output === undefined ? "" : `: ${output.trim().slice(-200)}`;
  return `${status === null ? "did not end" : `status ${status}`}${said}`;
}

/** An event in a line: "at 2.001 s for 12.3 ms: ip link set eth1 down". */
export function eventLine({ t_ns, length_ns, text, problem }: ShownEvent): string {
  const took = length_ns === null ? "" : ` for ${formatTime(length_ns)}`;
  return `at ${(t_ns / 1e9).toFixed(3)} s${took}: ${text}${problem === "" ? "" : ` (${problem})`}`;
}
