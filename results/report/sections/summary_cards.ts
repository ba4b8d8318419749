/**
 * The figures at the top of a report.
 *
 * @module
 */
import { formatCount, formatMetric, formatRate, formatShare, formatTime } from "../../../base/figures.ts";
import { cpuUse } from "../../document/cpu_use.ts";
import { cellFigure, lossOf, type ReportModel } from "../model.ts";
import { type OwnFigure, ownFigures } from "./own_figures.ts";
import type { ReportPoint } from "../point.ts";

/** One figure. */
export interface Card {
  name: string;
  value: string;
  note?: string;
}

/** Loss above which a load no longer counts as carried. */
const CARRIED_LOSS = 0.001;

/** The figures of one run, or of a sweep. */
export function cards(model: ReportModel): Card[] {
  const [only] = model.runs;
  if (only === undefined) return [];
  if (model.runs.length > 1) return sweepCards(model);
  if (only.class === null) return runCards(only);
  return model.points.flatMap((point) =>
    runCards(point).map((card) => ({ ...card, name: `${point.class}: ${card.name}` }))
  );
}

function runCards(point: ReportPoint): Card[] {
  const result: Card[] = [];
  const { response, service } = point;
  if (point.receivedBps !== null) {
    const asked = point.offeredBps === null ? {} : { note: `of ${formatRate(point.offeredBps)} offered` };
    result.push({ name: "Throughput", value: formatRate(point.receivedBps, 3), ...asked });
  } else if (point.sentBps !== null) {
    const asked = point.offeredBps === null ? {} : { note: `of ${formatRate(point.offeredBps)} offered` };
    result.push({ name: "Sent", value: formatRate(point.sentBps, 3), ...asked });
  }
  const loss = lossOf(point);
  if (loss !== null) {
    const bad = point.counts!.sent - point.counts!.ok;
    result.push({
      name: "Loss",
      value: formatShare(loss),
      note: `${formatCount(bad)} of ${formatCount(point.counts!.sent)} packets`,
    });
  }
  const dark = point.outages.total;
  if (dark !== null && dark.count > 0) {
    result.push({
      name: dark.count === 1 ? "Outage" : "Longest outage",
      value: formatTime(dark.longest_ns, 4),
      note: dark.count === 1
        ? `${formatCount(dark.packets)} packets`
        : `of ${formatCount(dark.count)}, dark for ${formatTime(dark.sum_ns)}`,
    });
  }
  if (dark !== null && dark.stalls > 0) {
    result.push({
      name: "Longest stall",
      value: formatTime(dark.stall_longest_ns, 4),
      note: `of ${formatCount(dark.stalls)}`,
    });
  }
  if (response !== null) {
    const interval = point.meanInterval;
    const within = interval === null ? {} : {
      note: `mean ${formatTime(response.mean_ns)}, 95 % in ${formatTime(interval.low)} … ${
        formatTime(interval.high)
      }`,
    };
    result.push({ name: "Response p50", value: formatTime(response.p50_ns), ...within });
    const versus = (ns: number | undefined) => ns === undefined ? {} : { note: `service ${formatTime(ns)}` };
    result.push({ name: "Response p99", value: formatTime(response.p99_ns), ...versus(service?.p99_ns) });
    result.push({ name: "Response p99.9", value: formatTime(response.p999_ns), ...versus(service?.p999_ns) });
    result.push({
      name: "Slowest",
      value: formatTime(response.max_ns),
      note: `of ${formatCount(response.count)}`,
    });
  } else if (service !== null) {
    result.push({ name: "Service p50", value: formatTime(service.p50_ns) });
    result.push({
      name: "Service p99",
      value: formatTime(service.p99_ns),
      note: "response time is not known",
    });
  }
  for (const use of cpuUse(point.targets).slice(0, 2)) {
    result.push({ name: "CPU use", value: `${use.total.toFixed(1)} %`, note: use.host });
  }
  for (const figure of ownFigures([point])) {
    result.push({
      name: figure.name.replaceAll("_", " "),
      value: formatMetric(figure.pick(point), figure.unit),
      note: noteOf(point, figure),
    });
  }
  result.push({ name: "Testers", value: formatCount(point.clientCount) });
  return result;
}

/** Whose figure it is, and how it was put together. */
function noteOf(point: ReportPoint, { test, name }: OwnFigure): string {
  const metric = point.metrics.find((one) => one.test === test && one.name === name);
  const of = metric?.of ?? 1;
  return of > 1 && metric?.total !== undefined ? `${test}, ${metric.total} of ${of}` : test;
}

function sweepCards(model: ReportModel): Card[] {
  const cells = model.groups.flatMap((group) => group.cells);
  const loads = cells.map((cell) => cell.load).filter((load) => load > 0);
  const result: Card[] = [{
    name: "Runs",
    value: formatCount(model.runs.length),
    note: `${formatCount(cells.length)} points, ${formatCount(model.groups.length)} curve${
      model.groups.length === 1 ? "" : "s"
    }`,
  }];
  if (loads.length > 0) {
    const highest = Math.max(...loads);
    result.push({
      name: "Offered load",
      value: formatRate(highest, 3),
      note: `from ${formatRate(Math.min(...loads))}`,
    });
  }
  for (const group of model.groups.slice(0, 4)) {
    const carried = group.cells.filter((cell) => (cellFigure(cell, lossOf)?.value ?? 1) <= CARRIED_LOSS).at(
      -1,
    );
    if (carried === undefined) continue;
    const p99 = cellFigure(carried, (point) => point.response?.p99_ns);
    result.push({
      name: `Carried, ${group.label}`,
      value: formatRate(carried.load, 3),
      note: `highest load with loss ≤ ${formatShare(CARRIED_LOSS)}${
        p99 === null ? "" : `; p99 ${formatTime(p99.value)}`
      }`,
    });
  }
  return result;
}
