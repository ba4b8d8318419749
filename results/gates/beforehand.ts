/**
 * What can be said of a gate before anything has run: whether there can be such a figure, and whether its limit fits.
 *
 * @module
 */

import { askedName } from "../../base/nearest.ts";
import { MetricError, metricOf, METRICS } from "../compare/metrics.ts";
import { isCpuUse } from "../document/cpu_use.ts";
import { type Gate, type Limited, limitOf, unitText } from "./limit.ts";

/** Which figures one test is known to give before it has run. */
export interface KnownTest {
  test: string;
  /** Of its own; a name that ends in `*` stands for any ending. */
  metrics: readonly { name: string; unit: string }[];
  /** Whether it may give others of its own, too. */
  open: boolean;
  /** Those of the figures that every test may have, by their names, that this one does not. */
  lacks: ReadonlySet<string>;
}

/** What is found out about a gate. */
export interface GateFinding {
  /** `wrong`: it cannot be met, whatever is measured. `open`: only the run can tell. */
  kind: "wrong" | "open";
  /** What of the gate it is about. */
  about: "metric" | "limit";
  /** A sentence without a full stop. */
  text: string;
}

/** A figure that is known beforehand. */
interface KnownFigure extends Limited {
  names: readonly string[];
}

/** Figures that every test may have and that are made from what targets report. */
const OF_TARGETS = "cpu";

/**
 * Examines a gate.
 *
 * @param gate The gate.
 * @param client The test of the testers that it is about.
 * @param targets The tests of their targets.
 * @param of Whose figures they are, as a message names it: "this run", "the class bulk".
 * @returns `null`: nothing is wrong with it
 */
export function examineGate(
  gate: Gate,
  client: KnownTest,
  targets: readonly KnownTest[],
  of: string,
): GateFinding | null {
  const tests = [client, ...targets];
  const usual = usualMetric(gate.metric);
  if (usual !== null) {
    if (usual.name === OF_TARGETS && targets.length === 0) {
      const text = `${of} has no target that reports its CPU use; --target-test cpu_target measures it`;
      return { kind: "wrong", about: "metric", text };
    }
    if (client.lacks.has(usual.name)) {
      const own = ownFigures(tests).find(({ names }) =>
        names[0]!.endsWith(`.${usual.name}`) || names.includes(usual.name)
      );
      const instead = own === undefined ? "" : `; there is ${own.names[0]}`;
      return {
        kind: "wrong",
        about: "metric",
        text: `the test ${client.test} has no ${usual.label}${instead}`,
      };
    }
    return fitting(gate, usual);
  }
  const wanted = gate.metric.trim().toLowerCase();
  const own = ownFigures(tests);
  const found = own.find(({ names }) => names.includes(wanted));
  if (found !== undefined) return fitting(gate, found);
  if (tests.some((test) => isOfFamily(wanted, test))) return null;
  const known = METRICS.filter(({ name }) =>
    !client.lacks.has(name) && (name !== OF_TARGETS || targets.length > 0)
  ).map(({ name }) => name);
  const names = [...known, ...own.map((figure) => figure.names.at(-1)!)];
  const asked = askedName(gate.metric, names);
  const may = tests.filter((test) => test.open).map(({ test }) => test);
  const figure = `figure ${JSON.stringify(gate.metric.slice(0, 60))}`;
  if (may.length > 0) {
    const text = `only the run can tell whether there is a ${figure}: ${may.join(" and ")} may report one`;
    return { kind: "open", about: "metric", text: asked === null ? text : `${text}; ${asked}` };
  }
  return {
    kind: "wrong",
    about: "metric",
    text: `${of} has no ${figure}; ${asked ?? `there are ${names.join(", ")}`}`,
  };
}

function usualMetric(name: string) {
  try {
    return metricOf(name);
  } catch (error) {
    if (error instanceof MetricError) return null;
    throw error;
  }
}

function fitting(gate: Gate, figure: Limited): GateFinding | null {
  return limitOf(gate, figure) === null
    ? { kind: "wrong", about: "limit", text: unitText(gate, figure) }
    : null;
}

/** The tests' own figures whose whole names are known, by the names under which a gate finds them, the short one last. */
function ownFigures(tests: readonly KnownTest[]): KnownFigure[] {
  const taken = new Set(METRICS.map(({ name }) => name));
  return tests.flatMap(({ test, metrics }) =>
    metrics.filter((metric) => !metric.name.endsWith("*") && !isCpuUse(metric)).map(({ name, unit }) => {
      const [key, short] = [`${test}.${name}`.toLowerCase(), name.toLowerCase()];
      const names = taken.has(short) ? [key] : [key, short];
      taken.add(short);
      return { names, label: name, kind: unit === "%" ? "percent" as const : "own" as const, unit };
    })
  );
}

/** Whether a test may give a figure of such a name, and in any unit. */
function isOfFamily(wanted: string, { test, metrics }: KnownTest): boolean {
  return metrics.some(({ name }) => {
    if (!name.endsWith("*")) return false;
    const begin = name.slice(0, -1).toLowerCase();
    return [begin, `${test.toLowerCase()}.${begin}`].some((each) =>
      wanted.startsWith(each) && wanted.length > each.length
    );
  });
}
