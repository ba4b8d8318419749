/**
 * How long it was dark, of all testers together and in words.
 *
 * @module
 */
import { formatTime } from "../../base/figures.ts";
import type { Outage, Outages, TotalOutages } from "./shapes/outages.ts";

/**
 * Puts testers together.
 *
 * @param parts What each tester reports; `undefined`: nothing.
 * @returns `null` where one of them does not report it
 */
export function addOutages(parts: readonly (Outages | undefined)[]): TotalOutages | null {
  const total: TotalOutages = {
    count: 0,
    packets: 0,
    sum_ns: 0,
    longest_ns: 0,
    stalls: 0,
    stall_sum_ns: 0,
    stall_longest_ns: 0,
  };
  if (parts.length === 0) return null;
  for (const part of parts) {
    if (part?.count === undefined) return null;
    total.count += part.count;
    total.packets += part.packets ?? 0;
    total.sum_ns = Math.max(total.sum_ns, part.sum_ns ?? 0);
    total.longest_ns = Math.max(total.longest_ns, part.longest_ns ?? 0);
    total.stalls += part.stalls.count;
    total.stall_sum_ns = Math.max(total.stall_sum_ns, part.stalls.sum_ns);
    total.stall_longest_ns = Math.max(total.stall_longest_ns, part.stalls.longest_ns);
  }
  return total;
}

/** A tester with its outages. */
interface Teller {
  host: string;
  outages?: Outages | undefined;
}

/**
 * Outages and stalls in a sentence each.
 *
 * @param total Of all testers; `null` and `undefined`: not known.
 * @param clients The testers; the one with the longest is named where there are several.
 * @returns none where nothing was dark
 */
export function outageSentences(
  total: TotalOutages | null | undefined,
  clients: readonly Teller[],
): string[] {
  if (total === null || total === undefined) return [];
  const sentences: string[] = [];
  const of = (host: string) => clients.length > 1 ? ` (${host})` : "";
  const all = (ns: number, what: string) =>
    `${what} ${formatTime(ns)} in all${clients.length > 1 ? " at the most of one tester" : ""}`;
  if (total.count > 0) {
    const at = longest(clients, ({ outages }) => outages?.list);
    const where = at === null ? "" : ` at ${seconds(at.one.t_ns)}${edges(at.one)}${of(at.host)}`;
    const error = at?.one.error_ns === undefined ? "" : ` ± ${formatTime(at.one.error_ns)}`;
    sentences.push(
      total.count === 1
        ? `one outage of ${formatTime(total.longest_ns, 4)}${error}${where}, ${total.packets} packets`
        : `${total.count} outages, the longest of ${formatTime(total.longest_ns, 4)}${error}${where}; ${
          all(total.sum_ns, "dark for")
        }, ${total.packets} packets`,
    );
  }
  if (total.stalls > 0) {
    const at = longest(clients, ({ outages }) => outages?.stalls.list);
    const where = at === null ? "" : ` at ${seconds(at.one.t_ns)}${edges(at.one)}${of(at.host)}`;
    sentences.push(
      total.stalls === 1
        ? `one stall: no answer for ${formatTime(total.stall_longest_ns, 4)}${where}, though nothing was lost`
        : `${total.stalls} stalls (no answer, though nothing was lost), the longest of ${
          formatTime(total.stall_longest_ns, 4)
        }${where}; ${all(total.stall_sum_ns, "held up for")}`,
    );
  }
  for (const { host, outages } of clients) {
    const own = outages?.flow_list ?? [];
    if (own.length === 0) continue;
    const worst = own.reduce((a, b) => b.length_ns > a.length_ns ? b : a);
    const more = own.length + (outages?.flow_left_out ?? 0);
    sentences.push(
      `${more === 1 ? "one outage" : `${more} outages`} of single flows${of(host)}, the longest of ${
        formatTime(worst.length_ns, 4)
      } of flow ${worst.flow ?? 0} at ${seconds(worst.t_ns)}`,
    );
  }
  return sentences;
}

/** What is not known of an outage whose one end is not in the measured phase. */
export function edges(
  { open_begin = false, open_end = false }: Pick<Outage, "open_begin" | "open_end">,
): string {
  if (open_begin && open_end) return ", dark from the beginning to the end";
  if (open_begin) return ", dark when the measured phase began";
  return open_end ? ", still dark at the end" : "";
}

function seconds(ns: number): string {
  return `${(ns / 1e9).toFixed(3)} s`;
}

function longest<T extends { length_ns: number }>(
  clients: readonly Teller[],
  of: (client: Teller) => readonly T[] | undefined,
): { host: string; one: T } | null {
  let found: { host: string; one: T } | null = null;
  for (const client of clients) {
    for (const one of of(client) ?? []) {
      if (found === null || one.length_ns > found.one.length_ns) found = { host: client.host, one };
    }
  }
  return found;
}
