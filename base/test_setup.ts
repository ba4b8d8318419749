/**
 * What a test is set up with: from the controller over the protocol to the plugin's process, one record.
 *
 * @module
 */

/** A tester's has a target and a port, a target's has neither. */
export interface TestSetup {
  /** The machine under test: name, address or MAC; `null` on a target. */
  readonly target: string | null;
  /** 0..65535; `null` on a target. */
  readonly port: number | null;
  /** The test's arguments without the quotes around them. */
  readonly args: string;
  /** 1: marshall in the plugin's extended form (extension `form`); 0: in the original's. */
  readonly form: 0 | 1;
  /** The same for all daemons of a run; 0 when unknown (extension `form`). */
  readonly runId: bigint;
  /** Number of this tester in the run, from 0 (extension `form`). */
  readonly flowBase: number;
  /** The run is in the original's spelling: what the test does not know is warned of, not refused (extension `form`). */
  readonly originalSpelling: boolean;
}

/** A setup with nothing in it: no target, no arguments, the original's form. */
export const EMPTY_SETUP: TestSetup = {
  target: null,
  port: null,
  args: "",
  form: 0,
  runId: 0n,
  flowBase: 0,
  originalSpelling: false,
};
