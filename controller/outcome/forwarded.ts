/**
 * Puts together what one tester sent and what came to another one, through the device between them.
 *
 * @module
 */

import type {
  ClientResult,
  Counts,
  OneWay,
  Reason,
  ResultDocument,
} from "../../results/document/document.ts";
import type { OffsetEstimate } from "../link/clock_estimate.ts";
import { oneWayDelay } from "./one_way_delay.ts";

type Forward = NonNullable<ClientResult["forward"]>;
type Received = NonNullable<Forward["received"]>[number];

/** By how much the clock of one client is ahead of another's, in the measured phase of the latter; `null`: not known. */
export type OffsetBetween = (sender: number, receiver: number) => OffsetEstimate | null;

/**
 * Gives each tester that sends what became of its packets: counts, rates, one-way delays, series. What was joined before
 * stays as it is.
 *
 * @param document the document; its `clients` are replaced
 * @param offsetBetween what is known of the testers' clocks
 */
export function joinForwarded(document: ResultDocument, offsetBetween: OffsetBetween): void {
  const { clients } = document;
  const joined = clients.map((client) => {
    const { to } = client;
    if (to === undefined || client.counts !== null || client.forward?.sent === undefined) return client;
    const receiver = clients[to];
    const index = clients.indexOf(client);
    const received = receiver?.forward?.received?.find(({ from }) => from === index);
    if (receiver === undefined || received === undefined) return withoutReceiver(client, receiver);
    const offset = received.same_clock ? { offsetNs: 0n, errorNs: 0n } : offsetBetween(index, to);
    return withReceived(client, client.forward, { receiver, received, offset });
  });
  if (joined.every((client, n) => client === clients[n])) return;
  document.clients = joined.map(withoutRecords);
}

/** What the sender's part has now is not kept twice. */
function withoutRecords(client: ClientResult): ClientResult {
  const { forward } = client;
  if (forward?.received === undefined) return client;
  const received = forward.received.map(({ delay: _, outages: __, ...rest }) => ({ ...rest, series: [] }));
  return { ...client, forward: { ...forward, received } };
}

function nameOf(client: ClientResult | undefined): string {
  return client?.name ?? (client === undefined ? "the other tester" : `${client.host}:${client.port}`);
}

/** Nothing is known of what arrived. */
function withoutReceiver(client: ClientResult, receiver: ClientResult | undefined): ClientResult {
  const why = receiver?.error ?? "it gave no result";
  const reason: Reason = {
    level: "INVALID",
    code: "receiver-missing",
    text: `what became of its packets is not known: ${
      nameOf(receiver)
    }, which receives them, failed (${why})`,
  };
  const { series: _, ...rest } = client;
  return { ...rest, reasons: [...client.reasons ?? [], reason] };
}

/** The other end of a sender's packets. */
interface OtherEnd {
  receiver: ClientResult;
  received: Received;
  offset: OffsetEstimate | null;
}

function withReceived(client: ClientResult, forward: Forward, other: OtherEnd): ClientResult {
  const { received, receiver } = other;
  const sent = forward.sent!;
  const seconds = (forward.window_ns ?? 0) / 1e9;
  const series = client.series?.map((point, n) => {
    const [ok = 0, mean_ns = 0, max_ns = 0] = received.series[n] ?? [];
    const timed = received.same_clock && ok > 0 ? { mean_ns, max_ns } : {};
    return { t_ns: point.t_ns, sent: point.sent, ok, lost: Math.max(0, point.sent - ok), ...timed };
  });
  return {
    ...client,
    ...delays(client, other),
    counts: countsOf(sent, received),
    rates: {
      requested_bps: client.rates?.requested_bps ?? null,
      sent_bps: client.rates?.sent_bps ?? null,
      received_bps: seconds > 0 ? received.bytes * 8 / seconds : null,
    },
    ...series === undefined ? {} : { series },
    ...darkness(client, received),
    forward: { ...forward, flows: flowsOf(forward, received) },
    reasons: [...client.reasons ?? [], ...reasonsOf(sent, forward, receiver, received)],
  };
}

/** How long it was dark behind the device, right to one interval and to how late the sender's packets left. */
function darkness({ engine, pacing }: ClientResult, { outages }: Received): Pick<ClientResult, "outages"> {
  if (outages === undefined) return {};
  const { least_packets, runs, stalls } = outages;
  if (engine?.["arrival"] !== "constant") {
    const reason =
      "how long a run of lost packets lasted is known where packets are due evenly spaced (arrival=constant)";
    return { outages: { least_packets, reason, runs, stalls } };
  }
  const late = pacing?.lateness?.max_ns ?? 0;
  const right = (all: typeof outages.list) =>
    all?.map((each) => ({ ...each, error_ns: (each.error_ns ?? 0) + late }));
  const list = right(outages.list), flow_list = right(outages.flow_list);
  return { outages: { ...outages, ...list && { list }, ...flow_list && { flow_list } } };
}

/** One-way delays, or why they are not known. Nothing comes back: there is no round trip. */
function delays(
  { histograms }: ClientResult,
  { receiver, received, offset }: OtherEnd,
): Pick<ClientResult, "latency" | "histograms" | "one_way"> {
  const made = (
    about: OneWay["forward"],
    known:
      | { summary: NonNullable<NonNullable<ClientResult["latency"]>["service"]>; histogram: string }
      | null,
  ) => ({
    latency: { response: null, service: null, forward: known?.summary ?? null },
    histograms: { response: null, service: null, ...histograms, forward: known?.histogram ?? null },
    one_way: {
      clocks: offset === null ? null : received.same_clock ? "same" as const : "compared" as const,
      forward: about,
      backward: null,
    },
  });
  const raw = received.delay ?? null;
  if (raw === null || offset === null) {
    const reason = received.learned === 0
      ? "no frame of the learning phase arrived, which says by whose clock packets are stamped"
      : raw === null
      ? "no packet arrived in time"
      : "the two testers' clocks are not the same one, and were not compared";
    return made({ offset_ns: null, error_ns: null, reason }, null);
  }
  const errorNs = offset.errorNs + BigInt(Math.ceil(receiver.forward?.stamp_error_ns ?? 0));
  const found = oneWayDelay(raw, offset.offsetNs, errorNs);
  const reason = found.known ? null : found.reason;
  const about = { offset_ns: String(offset.offsetNs), error_ns: Number(errorNs), reason };
  return made(about, found.known ? found : null);
}

/** sent = ok + late + corrupt + lost, exactly. */
function countsOf(sent: number, received: Received): Counts {
  const { ok, late, duplicate, reordered } = received;
  // What was damaged beyond recognition is among those that are missing.
  const unknown = Math.min(received.corrupt_unknown, Math.max(0, sent - ok - late - received.corrupt));
  const corrupt = received.corrupt + unknown;
  return { sent, ok, lost: Math.max(0, sent - ok - late - corrupt), late, corrupt, duplicate, reordered };
}

/** Damaged packets without a number are among those that their flow lost, unless there is one flow. */
function flowsOf(forward: Forward, received: Received): NonNullable<Forward["flows"]> {
  if (forward.sent_flows?.length === 1) {
    return [{ ...countsOf(forward.sent!, received), reorder_extent: received.reorder_extent }];
  }
  return (forward.sent_flows ?? []).map((sent, n) => {
    const [ok = 0, late = 0, corrupt = 0, duplicate = 0, reordered = 0, reorder_extent = 0] =
      received.flows[n] ?? [];
    const lost = Math.max(0, sent - ok - late - corrupt);
    return { sent, ok, lost, late, corrupt, duplicate, reordered, reorder_extent };
  });
}

function reasonsOf(sent: number, forward: Forward, receiver: ClientResult, received: Received): Reason[] {
  const came = received.ok + received.late + received.corrupt;
  const who = nameOf(receiver);
  const found: Reason[] = [];
  if (came > sent) {
    const text = `${who} counted ${came} of its packets, and it sent ${sent}`;
    found.push({ level: "INVALID", code: "accounting", text });
  }
  if (received.told !== null && received.told !== sent && receiver.forward?.all_in === true) {
    const text = `${who} ended when ${received.told} packets were in, and ${sent} were sent`;
    found.push({ level: "INVALID", code: "ended-early", text });
  }
  if (sent > 0 && came === 0) {
    const hint = received.learned > 0
      ? `; ${received.learned} frames of the learning phase did`
      : ", nor did a frame of the learning phase: does the device know the way (route, address, VLAN, filter)?";
    const back = typeof forward.rejections === "string" ? `; what came back: ${forward.rejections}` : "";
    const text = `none of ${sent} packets arrived at ${who}${hint}${back}`;
    found.push({ level: "INVALID", code: "nothing-arrived", text });
  }
  return found;
}
