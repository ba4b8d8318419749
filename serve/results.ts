/**
 * Where pages find results that have been measured: whoever starts the server gives it.
 *
 * @module
 */

import type { NamedResult } from "../results/answers.ts";

/** A run in a list. */
export interface ListedRun {
  /** What links call it. */
  id: string;
  /** What people call it: its file, or its test. */
  name: string;
  /** ISO 8601, "" not known. */
  started: string;
  verdict: "VALID" | "SUSPECT" | "INVALID" | "";
  labels: Record<string, string>;
  /** Series of the history that it is in. */
  series: readonly string[];
  /** Whether it is one run, which can be compared with another one. */
  single: boolean;
}

/** Which runs are wanted: words that their names, verdicts or labels hold, and labels as a whole. */
export interface Wanted {
  words: readonly string[];
  labels: Record<string, string>;
  limit: number;
  offset: number;
}

/** Results that can be listed and read. */
export interface Results {
  /** Heading of the list. */
  readonly title: string;
  /** The latest first, and how many there are of that kind. */
  list(wanted: Wanted): Promise<{ runs: ListedRun[]; count: number }>;
  has(id: string): Promise<boolean>;
  /** `null`: there is no single run of that number any more, or it cannot be read. */
  read(id: string): Promise<NamedResult | null>;
  /** The page of what is more than one run: a search, a mesh, a quick look, a sweep; `null`: it is none of those. */
  page(id: string): Promise<string | null>;
}
