/**
 * Which link, and which host, loses packets that others do not lose.
 *
 * @module
 */
import { formatShare } from "../../base/figures.ts";
import type { MeshFinding, MeshHost, MeshPair } from "./document.ts";
import { binomialTail, median } from "./median_polish.ts";
import { LEAST_HOSTS, linkName, type MeshFindings, nameOf } from "./standing.ts";

/** The chance of a loss by itself, over all links or hosts, below which it is named. */
const CHANCE = 0.001;
/** Loss that is expected where nothing is lost, and the least that is named. */
const LOSS_FLOOR = 0.0005;
const LEAST_LOSS = 0.005;

interface Lossy {
  sent: number;
  lost: number;
}

const shareOf = ({ sent, lost }: Lossy) => sent === 0 ? 0 : lost / sent;

export function lossFindings(hosts: readonly MeshHost[], pairs: readonly MeshPair[]): MeshFindings {
  const n = hosts.length;
  const links = new Map<string, Lossy & { hosts: [number, number] }>();
  for (const { from, to, sent, lost } of pairs) {
    if (sent === null || lost === null || sent === 0) continue;
    const ends: [number, number] = from < to ? [from, to] : [to, from];
    const link = links.get(ends.join()) ?? { hosts: ends, sent: 0, lost: 0 };
    link.sent += sent;
    link.lost += lost;
    links.set(ends.join(), link);
  }
  if (links.size === 0) return { findings: [], summary: [] };
  const all = [...links.values()];
  const of = (host: number, but: number | null) =>
    all.filter(({ hosts: ends }) => ends.includes(host) && (but === null || !ends.includes(but))).map(
      shareOf,
    );
  const middle = (values: number[]) => values.length === 0 ? 0 : median(values);
  const findings: MeshFinding[] = [];
  for (const link of all) {
    const [i, j] = link.hosts;
    const expected = Math.max(LOSS_FLOOR, middle(of(i, j)), middle(of(j, i)));
    const chance = Math.min(1, binomialTail(link.lost, link.sent, expected) * all.length);
    if (chance >= CHANCE || shareOf(link) < LEAST_LOSS || shareOf(link) < 2 * expected) continue;
    findings.push({
      subject: "link",
      hosts: link.hosts,
      what: "loss",
      value: shareOf(link),
      expected: expected <= LOSS_FLOOR ? 0 : expected,
      deviations: null,
      chance,
      sentence: `the link ${linkName(hosts, link.hosts)} loses packets: ${
        formatShare(shareOf(link))
      } (${link.lost} of ${link.sent}), where the other links of its two hosts lose ${
        expected <= LOSS_FLOOR ? "none or hardly any" : formatShare(expected)
      }; the chance of that by itself, over all ${all.length} links, is ${chanceText(chance)}`,
    });
  }
  for (let host = 0; host < n; host++) {
    const own = of(host, null);
    const others = all.filter(({ hosts: ends }) => !ends.includes(host)).map(shareOf);
    if (own.length < LEAST_HOSTS - 1 || others.length === 0) continue;
    const [value, expected] = [middle(own), Math.max(LOSS_FLOOR, middle(others))];
    const mine = all.filter(({ hosts: ends }) => ends.includes(host));
    const sent = mine.reduce((sum, link) => sum + link.sent, 0),
      lost = mine.reduce((sum, link) => sum + link.lost, 0);
    const chance = Math.min(1, binomialTail(lost, sent, expected) * n);
    if (chance >= CHANCE || value < LEAST_LOSS || value < 2 * expected) continue;
    findings.push({
      subject: "host",
      hosts: [host],
      what: "loss",
      value,
      expected: expected <= LOSS_FLOOR ? 0 : expected,
      deviations: null,
      chance,
      sentence: `the host ${nameOf(hosts, host)} loses packets with everybody: ${
        formatShare(value)
      } on its middle link`,
    });
  }
  const most = all.reduce((least, link) => Math.max(least, shareOf(link)), 0);
  return {
    findings: findings.sort((a, b) => b.value - a.value),
    summary: findings.length > 0
      ? []
      : [most === 0 ? "no packet was lost" : `no link's loss stands out (${formatShare(most)} at the most)`],
  };
}

function chanceText(chance: number): string {
  return chance < 1e-9
    ? "below one in a billion"
    : `one in ${Math.round(1 / chance).toLocaleString("en-US")}`;
}
