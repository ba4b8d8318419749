/**
 * The index of a sweep, "ipbench-sweep/1": what was planned, and how far it is. Written after each point, so that a sweep
 * can be resumed from it.
 *
 * @module
 */

import * as v from "valibot";
import { messageOf } from "../../base/errors.ts";
import type { RunDescription } from "../../config/run_description.ts";
import { VERDICTS } from "../../results/document/schema.ts";
import { freeform, open } from "../../results/document/shapes/parts.ts";
import { figures } from "./figures.ts";
import { planPoints, SweepError, type SweepPlan } from "./plan.ts";

/** The value of {@linkcode SweepIndex.format}. */
const SWEEP_FORMAT = "ipbench-sweep/1";

const optionalText = v.nullable(v.string());

const point = open({
  /** "point-0001", by the planned order. */
  id: v.pipe(v.string(), v.regex(/^point-\d{4,9}$/)),
  values: v.record(v.string(), v.string()),
  /** From 1. */
  repetition: v.number(),
  /**
   * How far it is. "pending": not measured yet, or to be measured again; "done": its document is on disk and not
   * INVALID; "invalid": measured as often as allowed and INVALID each time, the last document is on disk; "skipped":
   * left out because its branch had ended.
   */
  status: v.picklist(["pending", "done", "invalid", "skipped"]),
  /** Name of its document, beside the index; `null` while there is none. */
  file: v.nullable(v.pipe(v.string(), v.regex(/^point-\d{4,9}\.json$/))),
  verdict: v.nullable(v.picklist(VERDICTS)),
  /** Runs that it took. */
  attempts: v.number(),
  started: optionalText,
  ended: optionalText,
  /** Why it is not done, in a sentence. */
  reason: optionalText,
  /** The same, each reason apart; absent in indexes of earlier versions. */
  details: v.exactOptional(
    v.array(open({ text: v.string(), code: v.optional(v.string()), host: v.optional(v.string()) })),
  ),
  figures: v.nullable(figures),
});

const index = open({
  format: v.literal(SWEEP_FORMAT),
  ipbench: v.object({ version: v.string(), build: v.string() }),
  sweep: v.object({ id: v.string(), started: v.string(), ended: optionalText, interrupted: v.boolean() }),
  plan: v.object({
    axes: v.array(v.object({ arg: v.string(), values: v.array(v.string()) })),
    repeat: v.number(),
    shuffleSeed: v.nullable(v.number()),
    split: v.boolean(),
  }),
  /** How it is run; absent in indexes of earlier versions. */
  settings: v.exactOptional(v.object({
    /** Conditions that end a branch, as typed. */
    until: v.array(v.string()),
    retry: v.number(),
    cooldownSeconds: v.number(),
  })),
  /** The run that the points vary; whoever resumes the sweep checks it. */
  base: freeform,
  points: v.array(point),
});

/** One point of the index. */
export type IndexPoint = v.InferOutput<typeof point>;

/** An index as it is read from disk. */
export type StoredIndex = v.InferOutput<typeof index>;

/** The whole index. */
export interface SweepIndex extends Omit<StoredIndex, "base"> {
  base: RunDescription;
}

/** A new index with all points to be measured. */
export function newIndex(
  plan: SweepPlan,
  base: RunDescription,
  about: {
    id: string;
    started: string;
    ipbench: SweepIndex["ipbench"];
    settings: NonNullable<SweepIndex["settings"]>;
  },
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

/**
 * Checks an index that was read from disk.
 *
 * @throws {SweepError} when it is none, or damaged.
 */
export function parseIndex(json: string): StoredIndex {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new SweepError(`index.json is not JSON (${messageOf(cause)})`, { cause });
  }
  const result = v.safeParse(index, value);
  if (!result.success) {
    const [issue] = result.issues;
    throw new SweepError(
      `index.json is no ${SWEEP_FORMAT} index: ${v.getDotPath(issue) ?? "it"}: ${issue.message}`,
    );
  }
  return result.output;
}

/**
 * Refuses to resume what is not the same sweep.
 *
 * @param old The index on disk.
 * @param plan What is asked for now.
 * @param base The run that is asked for now.
 * @throws {SweepError} naming the first difference.
 */
export function checkSame(old: StoredIndex, plan: SweepPlan, base: RunDescription): void {
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
