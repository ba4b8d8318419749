/**
 * Which link, and which host, stands out of a mesh. What a pair shows is taken for the sum of something common, a share of
 * either host, and a rest; medians find these shares (median polish: J. W. Tukey, Exploratory Data Analysis, 1977, chapter
 * 11), so that one bad link does not spoil what its hosts' other links show. A link stands out by its rest, a host by its share.
 *
 * @module
 */
import { formatRate, formatShare, formatTime } from "../../base/figures.ts";
import type { MeshFinding, MeshHost, MeshPair } from "./document.ts";
import { lossFindings } from "./loss_findings.ts";
import { furthest, LEAST_HOSTS, linkName, type MeshFindings, nameOf, standing } from "./standing.ts";

/** Both directions of a link have to be so far out. */
const BOTH_OUT = 3;
/** And by so much of what is expected, at least: smaller differences are told by deviations alone where links are much alike. */
const LEAST_DELAY_SHARE = 0.2;
/** A link that gets four fifths of what its hosts get elsewhere is not called slow. */
const LEAST_RATE_SHARE = 0.2;
/** Scatter is taken for no less than this share of the middle: timers and rounding make values alike. */
const LEAST_SCATTER_SHARE = 0.005;
const LEAST_SCATTER_NS = 1000;

/** Links without any traffic that are named; more are counted. */
const MOST_SILENT = 5;

/** Looks for links and hosts that stand out. */
export function findOutliers(hosts: readonly MeshHost[], pairs: readonly MeshPair[]): MeshFindings {
  const present = hosts.filter((_, n) =>
    pairs.some((pair) => isMeasured(pair) && (pair.from === n || pair.to === n))
  );
  if (present.length < LEAST_HOSTS) {
    return {
      findings: [],
      summary: [
        `with ${present.length} hosts a slow link cannot be told from a slow host; ${LEAST_HOSTS} are needed`,
      ],
    };
  }
  const delay = delayFindings(hosts, pairs),
    rate = rateFindings(hosts, pairs),
    loss = lossFindings(hosts, pairs);
  return {
    findings: [...delay.findings, ...loss.findings, ...rate.findings],
    summary: [...delay.summary, ...loss.summary, ...rate.summary],
  };
}

function isMeasured({ delay, rate_bps }: MeshPair): boolean {
  return delay !== null || rate_bps !== null;
}

function matrixOf(
  n: number,
  pairs: readonly MeshPair[],
  pick: (pair: MeshPair) => number | null,
): number[][] {
  const matrix = Array.from({ length: n }, () => new Array<number>(n).fill(NaN));
  for (const pair of pairs) {
    const value = pick(pair);
    if (value !== null && Number.isFinite(value)) matrix[pair.from]![pair.to] = value;
  }
  return matrix;
}

function delayFindings(hosts: readonly MeshHost[], pairs: readonly MeshPair[]): MeshFindings {
  // The shortest round trip shows what the way itself takes, the median what it usually took; either may stand out.
  const found: MeshFinding[] = [];
  let scatterText: string | null = null;
  for (const [key, words] of [["min_ns", "shortest round trip"], ["p50_ns", "median round trip"]] as const) {
    const ways = matrixOf(hosts.length, pairs, ({ delay }) => delay?.[key] ?? null);
    const matrix = key === "min_ns" ? shorter(ways) : ways;
    if (matrix.flat().every(Number.isNaN)) return { findings: [], summary: [] };
    const { common, scatter, links, hosts: shares } = standing(
      matrix,
      (middle) => Math.max(LEAST_SCATTER_NS, LEAST_SCATTER_SHARE * Math.abs(middle)),
    );
    scatterText ??= `± ${formatTime(scatter)}`;
    const { named, next } = furthest(links, hosts.length, 1);
    const out = named.filter((link) =>
      link.both.every((each) => each >= BOTH_OUT) &&
      link.value - link.expected >= LEAST_DELAY_SHARE * Math.abs(common)
    );
    for (const { hosts: ends, value, expected, out: deviations } of out) {
      if (found.some((one) => one.subject === "link" && same(one.hosts, ends))) continue;
      found.push({
        subject: "link",
        hosts: ends,
        what: "delay",
        value,
        expected: Math.max(0, expected),
        deviations,
        chance: null,
        sentence:
          `the link ${linkName(hosts, ends)} is slow: ${words} ${formatTime(value)}, ${
            formatTime(value - expected)
          } more than the other links of its two hosts let expect; that is ${
            deviations.toFixed(0)
          } times the usual ` +
          `scatter (± ${formatTime(scatter)}), and the furthest of the others is ${next.toFixed(1)} times`,
      });
    }
    for (const { host, by, out: deviations } of furthest(shares, hosts.length, 1).named) {
      if (by < LEAST_DELAY_SHARE * Math.abs(common) / 2) continue;
      if (found.some((one) => one.subject === "host" && one.hosts[0] === host)) continue;
      found.push({
        subject: "host",
        hosts: [host],
        what: "delay",
        value: Math.max(0, common + 2 * by),
        expected: Math.max(0, common),
        deviations,
        chance: null,
        sentence:
          `the host ${nameOf(hosts, host)} is slow with everybody: ${words} about ${formatTime(by)} more ` +
          `than with others; that is ${deviations.toFixed(0)} times the usual scatter of hosts`,
      });
    }
  }
  return {
    findings: found,
    summary: found.length > 0 ? [] : [`no link's delay stands out of the scatter (${scatterText})`],
  };
}

/** A way and back is the same from either end: what was longer from one of them is what that tester was held up for. */
function shorter(ways: readonly (readonly number[])[]): number[][] {
  return ways.map((row, i) =>
    row.map((value, j) => {
      const other = ways[j]![i]!;
      return Number.isNaN(value) ? other : Number.isNaN(other) ? value : Math.min(value, other);
    })
  );
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

function rateFindings(hosts: readonly MeshHost[], pairs: readonly MeshPair[]): MeshFindings {
  // Shares of a rate are factors: they add up as logarithms.
  const matrix = matrixOf(
    hosts.length,
    pairs,
    // Nothing is no factor of anything, and is named by itself.
    ({ rate_bps }) => rate_bps === null || rate_bps === 0 ? null : Math.log(Math.max(1, rate_bps)),
  );
  const isUnmeasured = matrix.flat().every(Number.isNaN);
  const { findings, summary } = silentLinks(hosts, pairs);
  if (isUnmeasured) return { findings, summary };
  const { common, scatter, links, hosts: shares } = standing(matrix, () => 0.01);
  for (const { hosts: ends, value, expected, out, both } of furthest(links, hosts.length, -1).named) {
    const share = 1 - Math.exp(value - expected);
    if (both.some((each) => -each < BOTH_OUT) || share < LEAST_RATE_SHARE) continue;
    findings.push({
      subject: "link",
      hosts: ends,
      what: "rate",
      value: Math.exp(value),
      expected: Math.exp(expected),
      deviations: -out,
      chance: null,
      sentence: `the link ${linkName(hosts, ends)} carries little: ${formatRate(Math.exp(value), 3)}, ${
        formatShare(share)
      } less than the other links of its two hosts let expect (${
        formatRate(Math.exp(expected), 3)
      }); that is ${(-out).toFixed(0)} times the usual scatter`,
    });
  }
  for (const { host, by, out } of furthest(shares, hosts.length, -1).named) {
    const share = 1 - Math.exp(by);
    if (share < LEAST_RATE_SHARE / 2) continue;
    findings.push({
      subject: "host",
      hosts: [host],
      what: "rate",
      value: Math.exp(common + 2 * by),
      expected: Math.exp(common),
      deviations: -out,
      chance: null,
      sentence: `the host ${nameOf(hosts, host)} carries little with everybody: ${
        formatShare(share)
      } less than others`,
    });
  }
  const scatterText = formatShare(Math.exp(scatter) - 1);
  if (findings.length === 0) summary.push(`no link's rate stands out of the scatter (± ${scatterText})`);
  return { findings, summary };
}

/** Links of which a direction carried nothing at all. */
function silentLinks(hosts: readonly MeshHost[], pairs: readonly MeshPair[]): MeshFindings {
  const silent = pairs.filter(({ rate_bps }) => rate_bps === 0);
  const rates = pairs.flatMap(({ rate_bps }) => rate_bps === null || rate_bps === 0 ? [] : rate_bps);
  const expected = rates.sort((a, b) => a - b)[rates.length >> 1] ?? 0;
  const links = [
    ...Map.groupBy(silent, ({ from, to }) => `${Math.min(from, to)} ${Math.max(from, to)}`).values(),
  ];
  const findings = links.slice(0, MOST_SILENT).map((ways): MeshFinding => {
    const { from, to } = ways[0]!;
    const which = ways.length > 1 ? "in both directions" : `from ${nameOf(hosts, from)}`;
    return {
      subject: "link",
      hosts: [from, to],
      what: "rate",
      value: 0,
      expected,
      deviations: null,
      chance: null,
      sentence: `the link ${linkName(hosts, [from, to])} carried nothing ${which}`,
    };
  });
  const more = links.length - findings.length;
  return { findings, summary: more > 0 ? [`${more} more links carried nothing in a direction`] : [] };
}
