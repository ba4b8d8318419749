/**
 * What a run's figures are expected to be: `<expect metric="p99" below="200us"/>` and `--gate "p99<200us"`.
 *
 * @module
 */

import { parseQuantity } from "../base/units.ts";
import type { CommandLine } from "./command_line.ts";
import { OPTION_NAMES } from "./command_line.ts";
import type { ConfigFile } from "./config_file.ts";
import type { Position } from "./config_error.ts";
import { attribute, type Checker } from "./inherit.ts";
import { note, type Places } from "./places.ts";
import type { GateDescription } from "./run_description.ts";

/** Attributes of `<expect>` that give a limit, and what they mean. */
const LIMITS = { below: "<", at_most: "<=", above: ">", at_least: ">=" } as const;
/** As `sweep --until` and `search --latency` have it. */
const CONDITION = /^([A-Za-z][\w.-]*)\s*(<=|>=|<|>)\s*(\S+(?: [A-Za-zµμ%]+)?)$/;

/**
 * Reads the gates of a file's tests and of the command line; the latter hold for every class.
 *
 * @param line The options as typed.
 * @param file The configuration file.
 * @param checker Receives what is wrong.
 * @param places Receives where each was written.
 * @returns nothing where there are none
 */
export function readGates(
  line: CommandLine,
  file: ConfigFile | null,
  checker: Checker,
  places: Places,
): { gates?: GateDescription[] } {
  const gates: GateDescription[] = [];
  const add = (gate: GateDescription, where: Position | string, metricAt?: Position | string) => {
    if (parseQuantity(gate.limit) === null) {
      const text = `${JSON.stringify(gate.limit)} is no limit; expected such as 200us, 0.1% or 10M`;
      return checker.complain(where, text);
    }
    const placeOf = (about: string) => about === "metric" && typeof metricAt === "object" ? metricAt : null;
    note(places, { [`gates[${gates.length}]`]: { text: gate.metric, where, placeOf } });
    gates.push(gate);
  };
  for (const test of file?.tests ?? []) {
    const of = attribute(test, "class")?.text;
    for (const element of test.children.filter(({ name }) => name === "expect")) {
      const metric = attribute(element, "metric");
      const limits = Object.entries(LIMITS).flatMap(([name, operator]) => {
        const limit = attribute(element, name);
        return limit === undefined ? [] : [{ operator, limit }];
      });
      if (metric === undefined || metric.text === "" || limits.length === 0) {
        const example = `expected such as <expect metric="p99" below="200us"/> (${
          Object.keys(LIMITS).join(", ")
        })`;
        checker.complain(
          element.position,
          `<expect> without a ${metric === undefined ? "metric" : "limit"}; ${example}`,
        );
        continue;
      }
      for (const { operator, limit } of limits) {
        const gate = {
          metric: metric.text,
          operator,
          limit: limit.text,
          ...of !== undefined && { class: of },
        };
        add(gate, limit.where, metric.where);
      }
    }
  }
  for (const text of line.gate ?? []) {
    const [, metric, operator, limit] = CONDITION.exec(text.trim()) ?? [];
    if (metric === undefined || limit === undefined) {
      checker.complain(
        OPTION_NAMES.gate,
        `${JSON.stringify(text)} is no condition; expected such as "p99<200us"`,
      );
    } else add({ metric, operator: operator as GateDescription["operator"], limit }, OPTION_NAMES.gate);
  }
  return gates.length === 0 ? {} : { gates };
}
