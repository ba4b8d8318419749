/**
 * How long it was dark, as much as a report keeps of it.
 *
 * @module
 */
import type { ClientResult, ResultDocument } from "../../document/document.ts";
import { hostNames } from "../../document/host_names.ts";
import type { Outage, TotalOutages } from "../../document/document.ts";
import { edges, outageSentences } from "../../document/outages.ts";

/** Outages that are kept of one document, the longest ones. */
const ROWS = 300;
/** One outage or stall, with whose it is. */
export interface DarkRow {
  host: string;
  kind: "outage" | "stall" | "flow";
  flow: number | null;
  t_ns: number;
  at: string | null;
  length_ns: number;
  error_ns: number | null;
  packets: number | null;
  refused: number;
  edges: string;
}

/** What a report keeps of a document's outages. */
export interface DarkTimes {
  total: TotalOutages | null;
  sentences: string[];
  /** In the order of their times; the longest, where there are many. */
  rows: DarkRow[];
  /** Of all, also those that no row is of. */
  all: number;
  /** Loss periods of all testers by their length: from, to, runs, packets. */
  runs: { from: number; to: number; runs: number; packets: number }[];
  /** Why some tester reports none. */
  reasons: string[];
}

/** Keeps what a report shows. */
export function darkTimes(document: ResultDocument): DarkTimes {
  const { clients, total } = document, nameOf = hostNames(document);
  const rows = clients.flatMap((client) => rowsOf(client, nameOf(client)));
  const longest = rows.length <= ROWS
    ? rows
    : rows.toSorted((a, b) => b.length_ns - a.length_ns).slice(0, ROWS);
  return {
    total: total.outages ?? null,
    sentences: outageSentences(
      total.outages,
      clients.map((client) => ({ host: nameOf(client), outages: client.outages })),
    ),
    rows: longest.sort((a, b) => a.t_ns - b.t_ns),
    all: clients.reduce(
      (sum, { outages }) =>
        sum + (outages?.count ?? 0) + (outages?.stalls.count ?? 0) + (outages?.flow_list?.length ?? 0) +
        (outages?.flow_left_out ?? 0),
      0,
    ),
    runs: runsOf(clients),
    reasons: [...new Set(clients.flatMap(({ outages }) => outages?.reason ?? []))].slice(0, 3),
  };
}

function rowsOf({ outages }: ClientResult, host: string): DarkRow[] {
  if (outages === undefined) return [];
  const of = (kind: DarkRow["kind"]) => (one: Outage): DarkRow => ({
    host,
    kind,
    flow: kind === "flow" ? one.flow ?? null : null,
    t_ns: one.t_ns,
    at: one.at?.slice(0, 40) ?? null,
    length_ns: one.length_ns,
    error_ns: one.error_ns ?? null,
    packets: one.packets,
    refused: one.refused ?? 0,
    edges: edges(one).replace(/^, /, ""),
  });
  return [
    ...(outages.list ?? []).map(of("outage")),
    ...(outages.flow_list ?? []).map(of("flow")),
    ...outages.stalls.list.map((one): DarkRow => ({
      host,
      kind: "stall",
      flow: null,
      t_ns: one.t_ns,
      at: one.at?.slice(0, 40) ?? null,
      length_ns: one.length_ns,
      error_ns: null,
      packets: null,
      refused: 0,
      edges: edges(one).replace(/^, /, ""),
    })),
  ];
}

function runsOf(clients: readonly ClientResult[]): DarkTimes["runs"] {
  const found = new Map<number, DarkTimes["runs"][number]>();
  for (const { outages } of clients) {
    for (const { from, to, runs, packets } of outages?.runs.lengths ?? []) {
      const known = found.get(from);
      if (known === undefined) found.set(from, { from, to, runs, packets });
      else {
        known.runs += runs;
        known.packets += packets;
      }
    }
  }
  return [...found.values()].sort((a, b) => a.from - b.from);
}
