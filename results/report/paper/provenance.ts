/**
 * Where the numbers of a figure come from: its caption, and what stands in its file's metadata.
 *
 * @module
 */
import { formatDate } from "../../../base/figures.ts";
import type { ReportModel } from "../model.ts";
import type { PaperFigure, System } from "./systems.ts";

/** Facts of a machine that are named. */
const FACTS = ["hostname", "cpu.model", "cpu.count", "kernel", "nic.driver", "nic.speed_mbps"];
/** Most hosts and runs that are named. */
const NAMED = 12;

/** What is known of runs beside their documents, by their numbers: `commit`, `board` and other labels. */
export type RunLabels = ReadonlyMap<string, Readonly<Record<string, string>>>;

/**
 * One sentence for below a figure.
 *
 * @param figure The figure.
 * @param systems What it shows.
 */
export function captionOf(figure: PaperFigure, systems: readonly System[]): string {
  const runs = systems.flatMap(({ model }) => model.runs);
  const args = [...systems[0]!.model.shared].filter(([name, value]) =>
    systems.every(({ model }) => model.shared.get(name) === value)
  ).map(([name, value]) => value === "" ? name : `${name}=${value}`).join(", ");
  const tests = [...new Set(runs.map(({ test }) => test))].join(", ");
  const repeated = systems.some(({ model }) =>
    model.groups.some(({ cells }) => cells.some((c) => c.usable.length > 1))
  );
  return `${figure.title}, ${tests}${args === "" ? "" : ` (${args})`}, ${runs.length} runs (${
    verdicts(systems)
  })${
    repeated ? "; middle of the repetitions, bars from the lowest to the highest" : ""
  }. Measured with ipbench ${[...new Set(runs.map(({ version }) => version.split(" ")[0]))].join(", ")}.`;
}

/**
 * Who measured what, on what, with which version and verdict: a line each.
 *
 * @param systems What a figure shows.
 * @param labels What is known of their runs beside the documents.
 */
export function provenanceOf(systems: readonly System[], labels: RunLabels): string[] {
  return systems.flatMap(({ label, model }): string[] => {
    const { runs } = model;
    const first = runs[0], last = runs.at(-1);
    if (first === undefined || last === undefined) return [`${label}: no results`];
    const known = new Map<string, Set<string>>();
    for (const { id } of runs) {
      for (const [name, value] of Object.entries(labels.get(id) ?? {})) {
        known.set(name, (known.get(name) ?? new Set()).add(value));
      }
    }
    const args = [...model.shared].map(([name, value]) => value === "" ? name : `${name}=${value}`).join(",");
    const targets = runs.flatMap(({ targets }) => targets.map(({ host, test }) => `${test} on ${host}`));
    return [
      `${label}: ${[...new Set(runs.map(({ test }) => test))].join(", ")}${args === "" ? "" : ` ${args}`}`,
      ...[...known].map(([name, values]) => `${label}: ${name} ${[...values].slice(0, NAMED).join(", ")}`),
      `${label}: ${runs.length} runs, ${verdicts([{ label, model }])}, ${formatDate(first.started)} to ${
        formatDate(last.ended)
      }`,
      `${label}: by ipbench ${[...new Set(runs.map(({ version }) => version))].join(", ")}`,
      ...machines(label, model),
      ...[...new Set(targets)].slice(0, NAMED).map((target) => `${label}: ${target}`),
      `${label}: run ${runs.slice(0, NAMED).map(({ id }) => id).join(", ")}${
        runs.length > NAMED ? ` and ${runs.length - NAMED} more` : ""
      }`,
    ];
  });
}

function machines(label: string, { hosts, testers }: ReportModel): string[] {
  return [...hosts].slice(0, NAMED).map(([host, facts]) => {
    const told = FACTS.flatMap((name) => facts.get(name) ?? []);
    return `${label}: ${testers.has(host) ? "tester" : "target"} ${host}${
      told.length === 0 ? "" : ` (${told.join(", ")})`
    }`;
  });
}

function verdicts(systems: readonly System[]): string {
  const sum = (verdict: "VALID" | "SUSPECT" | "INVALID") =>
    systems.reduce((all, { model }) => all + model.verdictCounts[verdict], 0);
  return (["VALID", "SUSPECT", "INVALID"] as const).filter((verdict) => sum(verdict) > 0)
    .map((verdict) => `${sum(verdict)} ${verdict}`).join(", ");
}
