/**
 * RFC 2544's benchmarks as a page: the answer first, then a row a frame size, the curves, and the trials.
 *
 * @module
 */
import { digits, formatCount, formatRate, formatShare, formatTime } from "../../base/figures.ts";
import { figure } from "../report/figure.ts";
import { type Section, sectionedPage, sectionList } from "../report/html.ts";
import { type Fragment, html, type Markup, table } from "../report/markup.ts";
import { rfc2544Answer } from "./answers.ts";
import { frameCharts } from "./frame_charts.ts";
import { answerHeader, configuration, regularTag, timesNote, trialTable } from "./page.ts";
import type { ShownFrame, ShownRfc2544 } from "./shown.ts";

const n = (name: string) => ({ name, numeric: true });

/**
 * The whole page.
 *
 * @param document The benchmarks.
 * @param title Its heading.
 * @param more Sections about the trials, where they were kept.
 */
export function rfc2544Page(document: ShownRfc2544, title: string, more: readonly Section[] = []): string {
  const { sections, add } = sectionList();
  const oneWay = document.one_way === true;
  add("frames", "What was found", frameTable(document), "Found");
  const charts = frameCharts(document);
  add("curves", "Over the frame size", charts.length === 0 ? null : html`${charts.map((c) => figure(c))}`);
  add("recovery", "Recovery and reset", darkTable(document));
  add("trials", "Trials", trials(document));
  add("parameters", "How it was measured", parameters(document), "How");
  sections.push(...more);
  if (more.length === 0) add("configuration", "Configuration", configuration(document.config), "Config");
  const about = `RFC 2544 on a line of ${formatRate(document.line_rate_bps)}; ${document.carrier}`;
  return sectionedPage(
    title,
    answerHeader("ipbench rfc2544", title, about, document.run, rfc2544Answer(document)),
    sections,
    timesNote(document.ipbench.version, oneWay),
  );
}

function frameTable({ frames, one_way: oneWay }: ShownRfc2544): Markup {
  const notes = frames.flatMap((record) => record.notes.map((text) => `${record.frame} bytes: ${text}`));
  return html`${
    table(
      "Frame sizes",
      [
        { name: "Frame" },
        n("Frames/s"),
        n("Of the line"),
        n(oneWay === true ? "Mean, one way" : "Mean round trip"),
        n("p99"),
        n("Slowest"),
        n("Loss at 100 %"),
        n("Burst"),
        n("Buffer"),
        { name: "Result" },
      ],
      frames.map((record): Fragment[] => {
        const { throughput, latency, loss, back_to_back: burst } = record;
        const times = latency?.response;
        const share = throughput?.percent_of_line ?? null;
        return [
          record.frame,
          formatCount(throughput?.frames_per_second),
          share === null ? "–" : `${digits(share, 4)} %`,
          formatTime(times?.mean_ns),
          formatTime(times?.p99_ns),
          formatTime(times?.max_ns),
          formatShare(loss?.[0]?.loss_ratio),
          burst === null ? "–" : `${burst.limited ? "≥ " : ""}${formatCount(burst.average)}`,
          bufferText(burst),
          throughput !== null && regularTag(throughput.regular, throughput.stop.text),
        ];
      }),
      { stacked: true },
    )
  }${notes.length > 0 && html`<ul class="warnings">${notes.map((text) => html`<li>${text}</li>`)}</ul>`}`;
}

/** Each trial of recovery and reset; `null` where neither was measured. */
function darkTable({ frames }: ShownRfc2544): Markup | null {
  const rows = frames.flatMap(({ frame, recovery, reset }): Fragment[][] => [
    ...(recovery?.trials ?? []).map(({ recovery_ns, lost, recovered }): Fragment[] => [
      frame,
      `recovery from ${formatRate(recovery!.overload)} to ${formatRate(recovery!.load)}`,
      recovered ? formatTime(recovery_ns, 4) : "not in the trial",
      "–",
      formatCount(lost),
      "–",
    ]),
    ...(reset?.trials ?? []).map((trial): Fragment[] => [
      frame,
      html`<span>reset by <code>${reset!.command}</code></span>`,
      `${trial.came_back ? "" : "≥ "}${formatTime(trial.outage_ns, 4)}`,
      `± ${formatTime(trial.error_ns)}`,
      formatCount(trial.lost),
      trial.after_ns === null ? "–" : formatTime(Math.max(0, trial.after_ns)),
    ]),
  ]);
  if (rows.length === 0) return null;
  const columns = [n("Frame"), { name: "What" }, n("Took"), n("Right to"), n("Lost"), n("Dark after")];
  return html`
    ${table("Recovery and reset", columns, rows, { stacked: true })}<p
      class="quiet">Recovery is the time from the end of an overload to the last frame that was lost (26.5). Reset is the longest
      run of lost frames times their interval (26.6, RFC 6201); “dark after” is from the begin of the command to the first of them.</p>
  `;
}

/** The trials of each size: those of the search, those of the loss curve, and the bursts. */
function trials({ frames }: ShownRfc2544): Markup {
  return html`${
    frames.map((record, i) =>
      html`<details${
        i === 0 && frames.length === 1 && html`
          open
        `
      }><summary>${record.frame} bytes</summary>${trialsOf(record)}</details>`
    )
  }`;
}

function trialsOf({ throughput, loss, back_to_back: burst }: ShownFrame): Markup {
  const searched = trialTable(throughput?.trial_list ?? [], [], "bit/s");
  return html`${searched !== null && html`<h3>Throughput</h3>${searched}`}${
    loss !== null && html`<h3>Frame loss rate</h3>${
      table(
        "Frame loss rate",
        [n("Of the line"), n("Offered"), n("Loss"), { name: "Reason" }],
        loss.map((point): Fragment[] => [
          `${point.percent} %`,
          formatRate(point.load),
          formatShare(point.loss_ratio),
          point.reason ?? "",
        ]),
        { stacked: true },
      )
    }`
  }${
    burst !== null && html`
      <h3>Back-to-back frames</h3>
      <p>The longest burst without loss of each repetition: ${burst.bursts.map((frames) =>
        formatCount(frames)
      ).join(", ")}.</p>
    `
  }`;
}

function parameters({ parameters: all }: ShownRfc2544): Markup {
  return table(
    "Parameters",
    [{ name: "Parameter" }, n("Value")],
    Object.entries(all).map(([name, value]): Fragment[] => [name.replaceAll("_", " "), digits(value, 6)]),
  );
}

function bufferText(burst: ShownFrame["back_to_back"]): string {
  const seconds = burst?.corrected_buffer_seconds ?? null;
  return seconds === null ? "–" : `${burst?.limited === true ? "≥ " : ""}${formatTime(seconds * 1e9)}`;
}

/** A header and a row a frame size, for a CSV. */
export function rfc2544Rows({ frames }: ShownRfc2544): (string | number | boolean | null)[][] {
  const columns =
    "frame,size,line_fps,throughput_bps,throughput_fps,percent_of_line,regular,mean_ns,p50_ns,p99_ns,max_ns," +
    "loss_at_full_rate,burst_frames,buffer_s,recovery_ns,reset_ns";
  return [
    columns.split(","),
    ...frames.map(
      (record) => {
        const { frame, size, full_frames_per_second: full, throughput, latency, loss, back_to_back: burst } =
          record;
        const times = latency?.response ?? null;
        return [
          ...[frame, size, full, throughput?.load ?? null, throughput?.frames_per_second ?? null],
          ...[throughput?.percent_of_line ?? null, throughput?.regular ?? null],
          ...[times?.mean_ns ?? null, times?.p50_ns ?? null, times?.p99_ns ?? null, times?.max_ns ?? null],
          ...[loss?.[0]?.loss_ratio ?? null, burst?.average ?? null, burst?.corrected_buffer_seconds ?? null],
          ...[record.recovery?.mean_ns ?? null, record.reset?.mean_ns ?? null],
        ];
      },
    ),
  ];
}
