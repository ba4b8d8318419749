/**
 * Completion scripts for bash, zsh and fish, made of the command lines' own metadata. They contain words only: nothing
 * that a user types is ever evaluated.
 *
 * @module
 */

import { bashScript } from "./completion_bash.ts";
import { fishScript } from "./completion_fish.ts";
import type { Completed } from "./completion_offers.ts";
import { zshScript } from "./completion_zsh.ts";

/** The shells there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
/** One of them. */
export type Shell = typeof SHELLS[number];

/**
 * Writes a completion script for both programs.
 *
 * @param shell For which shell.
 * @param completed The programs.
 * @returns The script.
 */
export function completionScript(shell: Shell, completed: Completed): string {
  if (shell === "bash") return bashScript(completed);
  return shell === "zsh" ? zshScript(completed) : fishScript(completed);
}
