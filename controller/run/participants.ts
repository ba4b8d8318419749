/**
 * Who takes part in a run, and what its state is made from.
 *
 * @module
 */

import type {
  ClassDescription,
  ClientDescription,
  RunDescription,
  TargetDescription,
} from "../../config/run_description.ts";
import type { ResultStamps } from "../../protocol/mod.ts";
import type { ResultDocument } from "../../results/document/document.ts";
import type { OffsetInterval } from "../link/clock_estimate.ts";
import type { ClockKeeper } from "../link/clock_keeper.ts";
import type { Limits } from "../limits.ts";
import type { Peer, PeerContext, ResultHead } from "../link/peer.ts";
import type { Reception } from "../join/reception.ts";
import type { Half } from "../halves/plugin_half.ts";
import type { ProgressEvent } from "./progress.ts";
import type { KeptParts, KeptText } from "../store/kept_parts.ts";
import type { SideChannel } from "../link/side_channel.ts";
import type { Merger } from "../outcome/totals.ts";
import type { PlannedWindow } from "../outcome/window_plan.ts";

/** One test of a run: its plugin on this side, and its testers. A run without classes has one, whose name is "". */
export interface ClassRun {
  readonly index: number;
  readonly description: ClassDescription;
  readonly half: Half;
  /** How many of its testers have to be there for the run to go on. */
  readonly required: number;
  readonly clients: ClientRun[];
  readonly merger: Merger;
  /** When its testers start and, if their time is set, end: nanoseconds from the run's agreed instant. */
  readonly beginNs: number;
  readonly endNs: number | null;
}

/** What is known of whoever takes part, beside its test. */
interface Participant {
  /** Another one when its daemon was lost before START and has dialled in again. */
  peer: Peer;
  side: SideChannel | null;
  /** Its clock before the run. */
  before: OffsetInterval | null;
  /** Compares its clock while the test runs, where the test's figures depend on that. */
  keeper: ClockKeeper | null;
  /** What that found. */
  during: OffsetInterval[];
  /** Its clock after the run. */
  after: OffsetInterval | null;
  /** What its daemon reports of its machine: JSON. */
  environment: KeptText | null;
  /** Settled when `environment` is known, or will not be. */
  described: Promise<void>;
  /** Why it will not be, in a sentence. */
  undescribed: string | null;
}

/** What that is before anything is known. */
export function unknownParticipant(): Omit<Participant, "peer"> {
  return {
    side: null,
    before: null,
    keeper: null,
    during: [],
    after: null,
    environment: null,
    described: Promise.resolve(),
    undescribed: null,
  };
}

/** One tester's part in a run. */
export interface ClientRun extends Participant {
  readonly index: number;
  readonly description: ClientDescription;
  readonly class: ClassRun;
  /** Its number among the testers of its class. */
  readonly place: number;
  /** Nanoseconds from START to its end; `null` unknown, 0 until stopped. */
  expectedNs: number | null;
  window: PlannedWindow | null;
  /** Settled when START has been sent to it, or will not be. */
  started: Promise<void>;
  /** Nothing in its arguments makes its test end with its class: it is stopped. */
  toStop: boolean;
  /** Nanoseconds that an original tester may take longer than that, because it waits for what its target loses. */
  patienceNs: number;
  /** Set up and not failed. */
  ready: boolean;
  /** Its result is in the document. */
  done: boolean;
}

/** One target's part in a run. */
export interface TargetRun extends Participant {
  readonly index: number;
  readonly description: TargetDescription;
  /** The test whose measured phase its figure is to cover: of a target of the whole run, the first. */
  readonly class: ClassRun;
  readonly half: Half;
  /** Its figure is to cover the testers' measured phase alone. */
  meter: boolean;
  /** The beginning of its result, awaited from START on. */
  head: Promise<ResultHead> | null;
  stopped: boolean;
  /** Resolved when STOP goes out, with how long before its instant that is, in milliseconds. */
  readonly stopSent: PromiseWithResolvers<number>;
  /** When it was to start, started and ended, if it knows; known with its result. */
  stamps: ResultStamps | null;
}

/** What a run's state is made from. */
export interface RunParts {
  description: RunDescription;
  limits: Limits;
  access: Omit<PeerContext, "onPhase" | "debug">;
  /** Where daemons dial in; `null` when none does. */
  reception: Reception | null;
  /** The run's tests, as `testsOf` gives them. */
  tests: Pick<ClassRun, "description" | "half" | "required">[];
  /** The half of each target test, by {@linkcode targetKey}. */
  targetHalves: Map<string, Half>;
  runId: bigint;
  document: ResultDocument;
  /** Where the bulk of results waits for the document. */
  kept: KeptParts;
  emit: (event: ProgressEvent) => void;
  save: (document: ResultDocument) => Promise<void>;
  debug: (message: string) => void;
}
