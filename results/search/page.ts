/**
 * A search as a page: the answer first, then the curves and every trial.
 *
 * @module
 */
import { digits, formatCount, formatDate, formatShare, formatTime } from "../../base/figures.ts";
import { codesOf } from "../document/reason_groups.ts";
import { figure } from "../report/figure.ts";
import { type Section, sectionedPage, sectionList } from "../report/html.ts";
import { type Fragment, html, type Markup, table } from "../report/markup.ts";
import { type Answer, goalText, loadText, searchAnswer } from "./answers.ts";
import { searchCharts } from "./load_charts.ts";
import { missedGoals } from "./marks.ts";
import type { ShownGoal, ShownSearch, ShownTrial } from "./shown.ts";

/** Trials that a page lists; the CSV has all. */
const TRIAL_ROWS = 1000;

const n = (name: string) => ({ name, numeric: true });

/**
 * The whole page.
 *
 * @param document The search.
 * @param title Its heading.
 * @param more Sections about its trials, where they were kept.
 */
export function searchPage(document: ShownSearch, title: string, more: readonly Section[] = []): string {
  const { search, test, load, goals, trials } = document;
  const { sections, add } = sectionList();
  add("goals", "What was found", goalTable(document), "Found");
  const charts = searchCharts(document);
  add("curves", "Over the load", charts.length === 0 ? null : html`${charts.map((chart) => figure(chart))}`);
  add("trials", "Trials", trialTable(trials, goals, load.unit));
  sections.push(...more);
  if (more.length === 0) add("configuration", "Configuration", configuration(document.config), "Config");
  const about = `${test.name} over ${load.arg} from ${loadText(load.min, load.unit)} to ${
    loadText(load.max, load.unit)
  }, ${load.testers === 1 ? "one tester" : `${load.testers} testers`}, ${trials.length} trials`;
  return sectionedPage(
    title,
    answerHeader("ipbench search", title, about, search, searchAnswer(document)),
    sections,
    timesNote(document.ipbench.version, test.one_way === true),
  );
}

/** The top of a page that begins with its answer. */
export function answerHeader(
  brand: string,
  title: string,
  about: string,
  run: { id: string; started: string; reasons: readonly string[] },
  { verdict, word, lines }: Answer,
): Markup {
  return html`
    <header>
      <div class="in">
        <p class="brand">${brand}</p>
        <h1>${title}</h1>
        <p class="sub">${about} · ${formatDate(run.started)} · ${run.id}</p>
        <div class="verdict ${verdict}"><b>${word}</b><div><ul>${[...run.reasons, ...lines].map((line) =>
          html`<li>${line}</li>`
        )}</ul></div></div>
      </div>
    </header>
  `;
}

/** The foot of a page: what its times are. */
export function timesNote(version: string, oneWay: boolean): Markup {
  return html`
    Written by ipbench from a document of version ${version}. Times are ${oneWay
      ? "one way, from the sending tester's kernel to the receiving one's"
      : "round trips, from when a packet was due"}. Lost is what was sent in the measured phase and did not come back well
    by the end of the drain.
  `;
}

/** The run description that was varied. */
export function configuration(config: unknown): Markup {
  return html`
    <details>
      <summary>The run description that was varied</summary>
      <pre tabindex="0">${JSON.stringify(config, null, 1)}</pre>
    </details>
  `;
}

function goalTable({ goals, load, test }: ShownSearch): Markup {
  const way = test.one_way === true ? "one way" : "round trip";
  return table(
    "Goals",
    [
      { name: "Goal" },
      n("Highest load"),
      n("Not kept from"),
      n("Conditional throughput"),
      n("Packets/s"),
      n(`p50, ${way}`),
      n("p99"),
      { name: "Result" },
    ],
    goals.map((goal): Fragment[] => {
      const response = goal.latency_at_lower_bound?.response ?? null;
      const bits = load.bits_per_packet;
      return [
        html`<span><b>${goal.name}</b><br><span class="quiet">${goalText(goal)}; ${
          effort(goal)
        }</span></span>`,
        loadText(goal.lower_bound, load.unit),
        loadText(goal.upper_bound, load.unit),
        loadText(goal.conditional_throughput, load.unit),
        goal.lower_bound === null || bits === null ? "–" : formatCount(Math.round(goal.lower_bound / bits)),
        formatTime(response?.p50_ns),
        formatTime(response?.p99_ns),
        regularTag(goal.regular, goal.stop.text),
      ];
    }),
    { stacked: true },
  );
}

/** Whether a result is regular, and why its search ended where it is not. */
export function regularTag(regular: boolean, why: string): Markup {
  return regular
    ? html`<span class="tag VALID">regular</span>`
    : html`<span><span class="tag SUSPECT">irregular</span> ${why}</span>`;
}

function effort({ goal }: ShownGoal): string {
  const seconds = (value: number) => `${digits(value)} s`;
  return `trials of ${seconds(goal.final_trial_seconds)}, ${
    seconds(goal.duration_sum_seconds)
  } at a load, of which ${formatShare(goal.exceed_ratio)} may miss it; to within ${formatShare(goal.width)}`;
}

/**
 * Every trial, a row each.
 *
 * @param goals Whose limits they are held against.
 */
export function trialTable(
  trials: readonly ShownTrial[],
  goals: readonly ShownGoal[],
  unit: string,
): Markup | null {
  if (trials.length === 0) return null;
  const rows = trials.slice(0, TRIAL_ROWS).map((trial): Fragment[] => {
    const times = trial.latency?.response;
    return [
      trial.n,
      loadText(trial.load, unit),
      `${digits(trial.seconds)} s`,
      formatShare(trial.loss_ratio),
      formatTime(times?.p50_ns),
      formatTime(times?.p99_ns),
      held(trial, goals),
      html`<span class="tag ${trial.verdict}">${trial.verdict}</span>`,
      html`<span><span title="${trial.reasons.join("; ")}">${
        codesOf(trial.details ?? []) ?? trial.reasons[0]
      }</span>${
        trial.file !== undefined && html`
          <code>${trial.file}</code>
        `
      }</span>`,
    ];
  });
  return html`${
    table(
      "Trials",
      [
        n("Trial"),
        n("Offered"),
        n("For"),
        n("Loss"),
        n("p50"),
        n("p99"),
        { name: "Goal" },
        { name: "Verdict" },
        { name: "Reasons, file" },
      ],
      rows,
      { stacked: true },
    )
  }${
    trials.length > TRIAL_ROWS &&
    html`<p class="quiet">${trials.length - TRIAL_ROWS} more: ipbench report --csv.</p>`
  }`;
}

/** What a trial means for the goals. */
function held(trial: ShownTrial, goals: readonly ShownGoal[]): string {
  if (trial.outcome !== "valid") return trial.outcome === "invalid" ? "does not count" : trial.outcome;
  const missed = missedGoals(trial, goals);
  if (missed.length === 0) return "kept";
  return goals.length <= 1 ? "missed" : `misses ${missed.join(", ")}`;
}

/** A header and a row a trial, for a CSV. */
export function searchRows({ trials, goals }: ShownSearch): (string | number | null)[][] {
  const columns = [
    "n,load,seconds,goal,step,outcome,verdict,loss_ratio,sent,ok,mean_ns,p50_ns,p99_ns,max_ns,missed,started,file",
  ].flatMap((names) => names.split(","));
  return [
    columns,
    ...trials.map((trial) => {
      const times = trial.latency?.response ?? null;
      return [
        ...[trial.n, trial.load, trial.seconds, trial.goal, trial.step, trial.outcome, trial.verdict],
        ...[trial.loss_ratio, trial.counts?.sent ?? null, trial.counts?.ok ?? null],
        ...[times?.mean_ns ?? null, times?.p50_ns ?? null, times?.p99_ns ?? null, times?.max_ns ?? null],
        ...[trial.outcome === "valid" ? missedGoals(trial, goals).join(" ") : null],
        ...[trial.started, trial.file ?? null],
      ];
    }),
  ];
}
