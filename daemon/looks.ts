/**
 * ENV's answers: one look at the machine at a time, which others who ask the same a moment later get, too.
 *
 * @module
 */
import { Turns } from "../base/turns.ts";
import { PluginError } from "../ffi/mod.ts";
import { LOOK_FRESH_MS, MAX_WAITING_LOOKS } from "./limits.ts";
import type { SlotHost } from "./spare.ts";

/** See the module. */
export class MachineLooks {
  readonly #turns = new Turns(MAX_WAITING_LOOKS);
  #last = { question: "", json: "", atMs: 0 };

  /**
   * @param about Network interface to describe, and the machine under test, whose route tells the interface; `null` each: unknown.
   * @param process Gives the process that looks, when it is this question's turn; throws where none may.
   * @returns JSON.
   */
  async answer(
    about: { iface: string | null; target: string | null },
    process: () => Promise<Pick<SlotHost, "environment">>,
  ): Promise<string> {
    return await this.#turns.run(async () => {
      try {
        return await this.#look(about, await process());
      } catch (error) {
        // It may have been the process of a test that ended meanwhile: another one looks.
        if (!(error instanceof PluginError && error.call === "kill")) throw error;
        return await this.#look(about, await process());
      }
    });
  }

  async #look(
    { iface, target }: { iface: string | null; target: string | null },
    process: Pick<SlotHost, "environment">,
  ): Promise<string> {
    const question = `${iface}|${target}`;
    const isFresh = performance.now() - this.#last.atMs < LOOK_FRESH_MS;
    if (this.#last.question === question && isFresh) return this.#last.json;
    const record = await process.environment({
      ...iface !== null && { iface },
      ...target !== null && { target },
    });
    this.#last = { question, json: JSON.stringify(record), atMs: performance.now() };
    return this.#last.json;
  }
}
