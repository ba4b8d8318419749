/**
 * The room of histories: every document that was measured, and what they show as series over time.
 *
 * @module
 */

export {
  CANARY_LABEL,
  checkHistory,
  type CheckOptions,
  type Finding,
  isAlarm,
  type RunAt,
  type SeriesState,
} from "./check.ts";
export { type Analysis, OBSERVATIONS, type Step } from "./changes.ts";
export { bencherJson, benchstatText, otavaConfig, otavaCsv, type SeriesWithRuns } from "./exports.ts";
export { History, type NewRun, type RunFacts } from "./history.ts";
export { HistoryError } from "./history_error.ts";
export { type Identity, type Machine, type MetricInfo, type Point, pointsOf } from "./identity.ts";
export { look, type Observation, observationsOf } from "./observations.ts";
export { ownHistory } from "./place.ts";
export { historyRun, withFacts } from "./from_document.ts";
export { meshRun, quickRun } from "./from_looks.ts";
export { rfc2544Run, searchRun } from "./from_search.ts";
export type { Ack, RunEntry, RunFilter, SeriesEntry, SeriesRun } from "./rows.ts";
export { argsText, commitText, figureText, loadText, machinesText, SHORT, testText } from "./words.ts";
