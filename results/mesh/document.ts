/**
 * What a mesh leaves behind, "ipbench-mesh/1": what each host saw of each other one. Times are nanoseconds, rates bit/s;
 * `null`: not measured.
 *
 * @module
 */
import * as v from "valibot";
import { amount, count, list, open, text } from "../document/shapes/parts.ts";
import { describeIssue, VERDICTS } from "../document/schema.ts";

/** The value of {@linkcode MeshDocument.format}. */
export const MESH_FORMAT = "ipbench-mesh/1";
/** Most hosts of a mesh. */
export const MAX_MESH_HOSTS = 512;

const host = open({
  /** By which it is named: host, and port of its tester where that is not the usual one. */
  name: text,
  host: text,
  port: count,
  targetPort: count,
  /** Where others send to. */
  address: text,
  /** Why it took part no longer. */
  failed: v.exactOptional(text),
});

const times = open({ min_ns: amount, p50_ns: amount, p99_ns: amount, max_ns: amount });

const pair = open({
  /** Numbers of the hosts. */
  from: count,
  to: count,
  /** In which round, from 1. */
  round: count,
  /** Round trips from `from` to `to` and back. */
  delay: v.nullable(times),
  /** Packets of those that were sent, and lost. */
  sent: v.nullable(count),
  lost: v.nullable(count),
  /** What `to` got from `from`. */
  rate_bps: v.nullable(amount),
  /** How often it was measured, of a link that stood out: then the better of each figure is kept. */
  looks: v.exactOptional(count),
  verdict: v.picklist(VERDICTS),
  /** The gravest reason, or why nothing was measured. */
  reason: v.nullable(text),
});

const subject = v.picklist(["link", "host"]);
const finding = open({
  subject,
  /** Numbers of the hosts: two of a link. */
  hosts: list(count),
  what: v.picklist(["delay", "loss", "rate"]),
  /** What was found, and what the hosts' other links let expect: ns, share or bit/s. */
  value: amount,
  expected: amount,
  /** How far it is out, in units of the usual scatter; of loss `null`. */
  deviations: v.nullable(amount),
  /** Of loss: the chance of so much by itself, over all links. */
  chance: v.nullable(amount),
  sentence: text,
});

const document = open({
  format: v.literal(MESH_FORMAT),
  ipbench: open({ version: text, build: text }),
  started: text,
  ended: text,
  interrupted: v.boolean(),
  hosts: v.pipe(v.array(host), v.maxLength(MAX_MESH_HOSTS)),
  /** How many there are in all. */
  rounds: count,
  /** Arguments of the tests; `null`: that is not measured. */
  delay_args: v.nullable(text),
  rate_args: v.nullable(text),
  /** Whether both directions of a pair ran at the same time. */
  both: v.boolean(),
  pairs: v.pipe(v.array(pair), v.maxLength(MAX_MESH_HOSTS * MAX_MESH_HOSTS)),
  findings: list(finding),
  /** What can be concluded where nothing is named. */
  summary: list(text),
});

export type MeshHost = v.InferOutput<typeof host>;
export type MeshPair = v.InferOutput<typeof pair>;
export type MeshFinding = v.InferOutput<typeof finding>;
export type MeshDocument = v.InferOutput<typeof document>;

/** A text that is no such document. */
export class MeshError extends Error {
  override name = "MeshError";
}

/**
 * Reads one.
 *
 * @param json its text
 * @throws {MeshError} naming what is wrong in it
 */
export function parseMesh(json: string): MeshDocument {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new MeshError("is no JSON, or was cut short", { cause });
  }
  const checked = v.safeParse(document, value, { abortEarly: true });
  if (!checked.success) throw new MeshError(describeIssue(checked.issues));
  const { hosts, pairs, findings } = checked.output as MeshDocument;
  const wrong = pairs.find(({ from, to }) => from >= hosts.length || to >= hosts.length || from === to) ??
    findings.find((one) => one.hosts.some((n) => n >= hosts.length));
  if (wrong !== undefined) throw new MeshError("it names a host that it does not have");
  return checked.output as MeshDocument;
}
