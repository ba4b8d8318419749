/**
 * What is found when a machine is judged.
 *
 * @module
 */

/** Something that could be changed. */
export interface Change {
  what: string;
  /** How it is now. */
  now: string;
  /** Which measurements profit: "all", "latency", "load", or an argument of tests. */
  gains: string;
  /** How to change it, in a root shell unless noted otherwise; `null` where there is no one command. */
  command: string | null;
}

/** All that is to be reported of a machine. */
export interface Advice {
  /** In the order of what it usually brings. */
  changes: Change[];
  fine: string[];
  unknown: string[];
  /** What one has to know and cannot change. */
  notes: string[];
}

/** Collects. */
export class Findings implements Advice {
  readonly changes: Change[] = [];
  readonly fine: string[] = [];
  readonly unknown: string[] = [];
  readonly notes: string[] = [];

  change(what: string, now: string, gains: string, command: string | null): void {
    this.changes.push({ what, now, gains, command });
  }
}
