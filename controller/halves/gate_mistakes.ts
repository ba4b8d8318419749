/**
 * Gates that cannot be met whatever is measured: figures that no test of the run gives, and limits in another unit.
 *
 * @module
 */

import type { Problem } from "../../config/config_error.ts";
import { type GateDescription, type RunDescription, testsOf } from "../../config/run_description.ts";
import type { PluginInfo } from "../../ffi/mod.ts";
import { examineGate, type GateFinding, type KnownTest } from "../../results/gates/beforehand.ts";
import { METRICS } from "../../results/compare/metrics.ts";
import { DERIVED_METRICS } from "../outcome/derived.ts";
import { type Halves, targetKey } from "./halves.ts";
import type { PluginHalf } from "./plugin_half.ts";

/** Target tests that pass on whatever figures a target without an operating system names. */
const OWN_WORDS: ReadonlySet<string> = new Set(["cpu_target", "cpu_target_lukem"]);

const OUTAGES = ["longest-outage", "dark"];
const ROUND_TRIPS = METRICS.filter(({ name, kind }) => kind === "time" && !OUTAGES.includes(name)).map((
  { name },
) => name);
const BULK: ReadonlySet<string> = new Set([...ROUND_TRIPS, ...OUTAGES]);
const NOTHING_SENT: ReadonlySet<string> = new Set([...BULK, "throughput", "loss"]);
/** What tests of ours cannot give. */
const LACKING: Readonly<Record<string, ReadonlySet<string>>> = {
  discard: NOTHING_SENT,
  stream: BULK,
  dummy: NOTHING_SENT,
  wait: NOTHING_SENT,
  client_wrapper: NOTHING_SENT,
};

/** What is found out about a run's gates. */
export interface GateMistakes {
  /** Problems whose `where` is a path in the description, such as "gates[0]". */
  problems: Problem[];
  /** What only the run can tell, in sentences. */
  remarks: string[];
}

/**
 * Finds what is wrong with the gates of a run.
 *
 * @param description the run
 * @param halves its tests' halves, opened; of those that could not be opened nothing is known
 */
export function findGateMistakes(description: RunDescription, halves: Halves): GateMistakes {
  const found: GateMistakes = { problems: [], remarks: [] };
  for (const [n, gate] of (description.gates ?? []).entries()) {
    const findings = findingsOf(gate, description, halves);
    const wrong = findings.filter((finding) => finding?.kind === "wrong").filter((each) => each !== null);
    // A gate of the command line is about every class.
    const isMetByAnother = wrong.length > 0 && wrong.length < findings.length;
    const remedy = isMetByAnother
      ? "; <expect> in the <test> of another class is about that class alone"
      : "";
    for (const { text, about } of isMetByAnother ? wrong : wrong.slice(0, 1)) {
      found.problems.push({ where: `gates[${n}]`, message: `${text}${remedy}`, argument: about });
    }
    if (wrong.length > 0) continue;
    for (const finding of findings) if (finding !== null) found.remarks.push(finding.text);
  }
  return found;
}

/** What is found out about a gate, of each class that it is about and whose tests could be loaded. */
function findingsOf(
  gate: GateDescription,
  description: RunDescription,
  halves: Halves,
): (GateFinding | null)[] {
  return testsOf(description).flatMap(({ name }, n) => {
    if (gate.class !== undefined && gate.class !== name) return [];
    const own = description.targets.filter((target) =>
      target.class === undefined ? n === 0 : target.class === name
    );
    const client = known(halves.clients[n]!, false);
    const targets = own.flatMap((target) => known(halves.targets.get(targetKey(target))!, true) ?? []);
    if (client === null || targets.length < own.length) return [];
    return [examineGate(gate, client, targets, name === "" ? "this run" : `the class ${name}`)];
  });
}

/** What a test is known to give; `null`: its plugin could not be loaded, which is reported already. */
function known(half: PluginHalf, isTarget: boolean): KnownTest | null {
  const info = half.loaded;
  if (info === null) return null;
  const isOurs = info.origin === "embedded";
  return {
    test: info.name,
    metrics: isTarget ? [...info.metrics, ...DERIVED_METRICS] : info.metrics,
    open: isOurs ? OWN_WORDS.has(info.name) : isUndescribed(info),
    lacks: isOurs ? LACKING[info.name] ?? new Set() : new Set(),
  };
}

/** Whether a plugin may give figures and describes none. One without the extension cannot give any. */
function isUndescribed({ interface: extension, metrics }: PluginInfo): boolean {
  return extension !== null && metrics.length === 0;
}
