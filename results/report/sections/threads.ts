/**
 * What each thread of a tester did, and of the other end where that tells of them.
 *
 * @module
 */
import { formatCount, formatRate, formatShare, formatTime } from "../../../base/figures.ts";
import type { ClientResult, Counts, Rates, ResultDocument, Summary } from "../../document/document.ts";
import { hostNames } from "../../document/host_names.ts";
import { type Column, type Fragment, html, type Markup, table } from "../markup.ts";

/** Rows kept of one document. */
const THREAD_ROWS = 256;

type Thread = NonNullable<ClientResult["threads"]>[number];

/** One thread's row. */
export interface ThreadRow {
  host: string;
  /** Of the other end, in this tester's traffic. */
  isTarget: boolean;
  thread: number;
  cpu: number | null;
  counts: Counts | null;
  rates: Rates | null;
  response: Summary | null;
  lateness: Summary | null;
  /** Shares of the measured phase. */
  running: number | null;
  waiting: number | null;
  atLimit: boolean;
}

/**
 * The threads of all testers that tell of them, in their order, those of the other end behind each tester's.
 *
 * @param document whose.
 * @returns at most 256 rows.
 */
export function threadRows(document: ResultDocument): ThreadRow[] {
  const nameOf = hostNames(document);
  return document.clients.flatMap((client) => {
    const row = (thread: Thread, isTarget: boolean) => ({
      host: nameOf(client).slice(0, 120),
      isTarget,
      thread: thread.thread,
      cpu: thread.cpu ?? null,
      counts: thread.counts ?? null,
      rates: thread.rates ?? null,
      response: thread.response ?? null,
      lateness: thread.lateness ?? null,
      running: thread.running_share ?? null,
      waiting: thread.waiting_share ?? null,
      atLimit: thread.at_limit === true,
    });
    return [
      ...(client.threads ?? []).map((thread) => row(thread, false)),
      ...(client.target_threads ?? []).map((thread) => row(thread, true)),
    ];
  }).slice(0, THREAD_ROWS);
}

interface ThreadColumn extends Column {
  has(row: ThreadRow): boolean;
  cell(row: ThreadRow): Fragment;
}

const always = () => true;
const counted = ({ counts }: ThreadRow) => counts !== null;
const timed = ({ response, lateness }: ThreadRow) => response !== null || lateness !== null;
const metered = ({ running }: ThreadRow) => running !== null;

const COLUMNS: readonly ThreadColumn[] = [
  { name: "Tester", has: always, cell: (row) => `${row.host}${row.isTarget ? "'s target" : ""}` },
  {
    name: "Thread",
    has: always,
    cell: (row) =>
      `${row.thread}${row.cpu === null ? "" : ` on processor ${row.cpu}`}${
        row.atLimit ? ", at its limit" : ""
      }`,
  },
  { name: "Sent", numeric: true, has: always, cell: (row) => formatRate(row.rates?.sent_bps) },
  { name: "Received", numeric: true, has: always, cell: (row) => formatRate(row.rates?.received_bps) },
  { name: "Packets", numeric: true, has: counted, cell: (row) => formatCount(row.counts?.sent) },
  { name: "Lost", numeric: true, has: counted, cell: (row) => formatCount(row.counts?.lost) },
  { name: "p50", numeric: true, has: timed, cell: (row) => formatTime(row.response?.p50_ns) },
  { name: "p99", numeric: true, has: timed, cell: (row) => formatTime(row.response?.p99_ns) },
  { name: "Sent late, p99", numeric: true, has: timed, cell: (row) => formatTime(row.lateness?.p99_ns) },
  { name: "Running", numeric: true, has: metered, cell: (row) => formatShare(row.running) },
  { name: "Waiting", numeric: true, has: metered, cell: (row) => formatShare(row.waiting) },
];

/**
 * One row a thread, with those columns that have something; `null` where no tester told of any.
 *
 * @param rows as {@linkcode threadRows} gives them.
 */
export function threadTable(rows: readonly ThreadRow[]): Markup | null {
  if (rows.length === 0) return null;
  const columns = COLUMNS.filter(({ has }) => rows.some(has));
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row)));
  return html`<h3>Threads</h3>${table("Threads", columns, cells)}`;
}
