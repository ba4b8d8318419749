/**
 * The index of a sweep, "ipbench-sweep/1": what was planned, and how far it is. Written after each point, so that a sweep
 * can be resumed from it.
 *
 * @module
 */

import * as v from "valibot";
import { messageOf } from "../../base/errors.ts";
import type { RunDescription } from "../../config/run_description.ts";
import type { Verdict } from "../../results/document/document.ts";
import type { GroupedReason } from "../../results/document/reason_groups.ts";
import type { Figures } from "./figures.ts";
import { type PlannedPoint, planPoints, SweepError, type SweepPlan } from "./plan.ts";

/** The value of {@linkcode SweepIndex.format}. */
const SWEEP_FORMAT = "ipbench-sweep/1";

/** How far a point is. */
export type PointStatus =
  /** Not measured yet, or to be measured again. */
  | "pending"
  /** Measured; its document is on disk and not INVALID. */
  | "done"
  /** Measured as often as allowed and INVALID each time; the last document is on disk. */
  | "invalid"
  /** Left out because its branch had ended. */
  | "skipped";

/** One point of the index. */
export interface IndexPoint extends PlannedPoint {
  status: PointStatus;
  /** Name of its document, beside the index; `null` while there is none. */
  file: string | null;
  verdict: Verdict | null;
  /** Runs that it took. */
  attempts: number;
  started: string | null;
  ended: string | null;
  /** Why it is not done, in a sentence. */
  reason: string | null;
  /** The same, each reason apart; absent in indexes of earlier versions. */
  details?: GroupedReason[];
  figures: Figures | null;
}

/** The whole index. */
export interface SweepIndex {
  format: typeof SWEEP_FORMAT;
  ipbench: { version: string; build: string };
  sweep: { id: string; started: string; ended: string | null; interrupted: boolean };
  plan: SweepPlan;
  /** How it is run; absent in indexes of earlier versions. */
  settings?: SweepSettings;
  /** The run that the points vary. */
  base: RunDescription;
  points: IndexPoint[];
}

/** How a sweep is run, beside its plan. */
export interface SweepSettings {
  /** Conditions that end a branch, as typed. */
  until: string[];
  retry: number;
  cooldownSeconds: number;
}

/** A new index with all points to be measured. */
export function newIndex(
  plan: SweepPlan,
  base: RunDescription,
  about: { id: string; started: string; ipbench: SweepIndex["ipbench"]; settings: SweepSettings },
): SweepIndex {
  const points = planPoints(plan).map((point): IndexPoint => ({
    ...point,
    status: "pending",
    file: null,
    verdict: null,
    attempts: 0,
    started: null,
    ended: null,
    reason: null,
    figures: null,
  }));
  return {
    format: SWEEP_FORMAT,
    ipbench: about.ipbench,
    sweep: { id: about.id, started: about.started, ended: null, interrupted: false },
    plan,
    settings: about.settings,
    base,
    points,
  };
}

const text = v.string();
const optionalText = v.nullable(v.string());
const planSchema = v.object({
  axes: v.array(v.object({ arg: text, values: v.array(text) })),
  repeat: v.number(),
  shuffleSeed: v.nullable(v.number()),
  split: v.boolean(),
});
const pointSchema = v.looseObject({
  id: v.pipe(text, v.regex(/^point-\d{4,9}$/)),
  values: v.record(text, text),
  repetition: v.number(),
  status: v.picklist(["pending", "done", "invalid", "skipped"]),
  file: v.nullable(v.pipe(text, v.regex(/^point-\d{4,9}\.json$/))),
  verdict: v.nullable(v.picklist(["VALID", "SUSPECT", "INVALID"])),
  attempts: v.number(),
  started: optionalText,
  ended: optionalText,
  reason: optionalText,
  details: v.exactOptional(
    v.array(v.looseObject({ text, code: v.exactOptional(text), host: v.exactOptional(text) })),
  ),
  figures: v.nullable(v.looseObject({})),
});
const indexSchema = v.looseObject({
  format: v.literal(SWEEP_FORMAT),
  ipbench: v.object({ version: text, build: text }),
  sweep: v.object({ id: text, started: text, ended: optionalText, interrupted: v.boolean() }),
  plan: planSchema,
  settings: v.exactOptional(
    v.object({ until: v.array(text), retry: v.number(), cooldownSeconds: v.number() }),
  ),
  base: v.looseObject({}),
  points: v.array(pointSchema),
});

/**
 * Checks an index that was read from disk.
 *
 * @throws {SweepError} when it is none, or damaged.
 */
export function parseIndex(json: string): SweepIndex {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new SweepError(`index.json is not JSON (${messageOf(cause)})`, {
      cause,
    });
  }
  const result = v.safeParse(indexSchema, value);
  if (!result.success) {
    const [issue] = result.issues;
    throw new SweepError(
      `index.json is no ${SWEEP_FORMAT} index: ${v.getDotPath(issue) ?? "it"}: ${issue.message}`,
    );
  }
  return result.output as unknown as SweepIndex;
}

/**
 * Refuses to resume what is not the same sweep.
 *
 * @param old The index on disk.
 * @param plan What is asked for now.
 * @param base The run that is asked for now.
 * @throws {SweepError} naming the first difference.
 */
export function checkSame(old: SweepIndex, plan: SweepPlan, base: RunDescription): void {
  const parts: [string, unknown, unknown][] = [
    ["the axes", old.plan.axes, plan.axes],
    ["the number of repetitions", old.plan.repeat, plan.repeat],
    ["--split", old.plan.split, plan.split],
    ["the test", old.base.test, base.test],
    ["the clients", old.base.clients, base.clients],
    ["the targets", old.base.targets, base.targets],
  ];
  for (const [what, before, now] of parts) {
    if (JSON.stringify(before) !== JSON.stringify(now)) {
      throw new SweepError(
        `cannot resume: ${what} of the sweep on disk differ from what is asked for now ` +
          `(${brief(before)} there, ${brief(now)} now); use the same options or another --out`,
      );
    }
  }
}

function brief(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}
