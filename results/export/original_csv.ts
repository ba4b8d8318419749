/**
 * Rows in the original's columns, from documents.
 *
 * @module
 */
import { csvLine } from "./csv_row.ts";
import type { ResultDocument } from "../document/document.ts";
import { parseArgs } from "../report/args.ts";

/** Columns of a latency row. */
const LATENCY_COLUMNS =
  "Requested_Throughput,Receive_Throughput,Send_Throughput,Packet_Size,Minimum_RTT,Average_RTT,Maximum_RTT,Stdev_RTT,Median_RTT";

/**
 * The row of a document: what the plugins printed, on one line; of a latency run that broke off before anything
 * was printed, the same columns made from its totals.
 *
 * @returns the row without a newline, or `null` when the document has none.
 */
export function originalRow(document: ResultDocument): string | null {
  const printed = csvLine(document);
  if (printed !== "") return printed;
  const { rates, latency } = document.total;
  const summary = latency.service ?? latency.response;
  if (!document.test.name.startsWith("latency") || rates === null || summary === null) return null;
  const micro = (ns: number) => Math.round(ns / 1000);
  const size = parseArgs(document.clients[0]?.args ?? document.test.args).get("size") ?? "";
  return [
    rates.requested_bps ?? "",
    rates.received_bps ?? "",
    rates.sent_bps ?? "",
    size,
    micro(summary.min_ns),
    micro(summary.mean_ns),
    micro(summary.max_ns),
    (summary.stddev_ns / 1000).toFixed(2),
    micro(summary.p50_ns),
  ].join(",");
}

/** Names of the columns of a document's row, `null` when nobody knows them. */
export function originalHeader(document: ResultDocument): string | null {
  const told = document.csv_header?.replace(/[\r\n]+/g, "") ?? "";
  if (told !== "") return told;
  return document.test.name === "latency" ? LATENCY_COLUMNS : null;
}
