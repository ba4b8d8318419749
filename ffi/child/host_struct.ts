/**
 * `struct ipbench_host`: what a plugin with the extension is given.
 *
 * @module
 */

import { ERROR_BYTES } from "../limits.ts";
import { printable } from "../log_lines.ts";
import { HOST } from "../structs.ts";
import { INTERFACE_MAJOR, INTERFACE_MINOR } from "../self/version.ts";

/** The structure and the buffer for the plugin's sentence; both live as long as the process. */
export class HostStruct {
  #bytes = new Uint8Array(HOST.size);
  #view = new DataView(this.#bytes.buffer);
  #error = new Uint8Array(ERROR_BYTES);

  /**
   * @param progress address of the shared page
   * @param originalSpelling of the run, as far as it is known yet
   */
  constructor(debug: boolean, progress: bigint, originalSpelling: boolean) {
    this.#view.setUint32(HOST.major, INTERFACE_MAJOR, true);
    this.#view.setUint32(HOST.minor, INTERFACE_MINOR, true);
    this.#view.setUint32(HOST.size_field, HOST.size, true);
    this.#view.setUint32(HOST.debug, debug ? 1 : 0, true);
    this.#view.setUint32(HOST.error_size, ERROR_BYTES, true);
    const error = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#error));
    this.#view.setBigUint64(HOST.error, error, true);
    this.#view.setBigUint64(HOST.progress, progress, true);
    this.#view.setUint32(HOST.original_spelling, originalSpelling ? 1 : 0, true);
  }

  /** Address of the structure. */
  get pointer(): Deno.PointerValue {
    return Deno.UnsafePointer.of(this.#bytes);
  }

  /** Fills in what is final before `setup` is called. */
  describeRun(form: number, runId: bigint, flowBase: number, originalSpelling: boolean): void {
    this.#view.setUint32(HOST.form, form, true);
    this.#view.setBigUint64(HOST.run_id, BigInt.asUintN(64, runId), true);
    this.#view.setUint32(HOST.flow_base, flowBase, true);
    this.#view.setUint32(HOST.original_spelling, originalSpelling ? 1 : 0, true);
  }

  /** Sets whose result `unmarshall` is given. */
  describeResult(index: number): void {
    this.#view.setUint32(HOST.flow_base, index, true);
  }

  /** Forgets the sentence of an earlier call. */
  clearError(): void {
    this.#error.fill(0);
  }

  /** The plugin's sentences about its last call, a line each, "" when it gave none. */
  error(): string {
    const end = this.#error.indexOf(0);
    const text = new TextDecoder().decode(this.#error.subarray(0, end < 0 ? ERROR_BYTES : end));
    return text.split("\n").map(printable).filter((line) => line !== "").join("\n");
  }
}
