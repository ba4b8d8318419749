/**
 * Calls of a plugin's functions, one C prototype each.
 *
 * @module
 */

const prototypes = {
  // int setup(char *host, int port, char *arg)
  clientSetup: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  // int setup(char *arg); int setup_controller(char *arg); int stop(struct timeval *stop)
  intOfBuffer: { parameters: ["buffer"], result: "i32" },
  // int attach(const struct ipbench_host *host)
  intOfPointer: { parameters: ["pointer"], result: "i32" },
  // int marshall(char **data, int *size, double running_time)
  marshall: { parameters: ["buffer", "buffer", "f64"], result: "i32" },
  // int unmarshall(char *input, int len, char **data, int *data_len)
  unmarshall: { parameters: ["buffer", "i32", "buffer", "buffer"], result: "i32" },
  // void marshall_cleanup(char **data) and the other cleanups
  cleanup: { parameters: ["buffer"], result: "void" },
  // int output(struct client_data data[], int n)
  clientOutput: { parameters: ["buffer", "i32"], result: "i32" },
  // int expected_duration(const char *args, uint64_t *ns); int results(const struct client_data *data, char **json)
  intOfTwoBuffers: { parameters: ["buffer", "buffer"], result: "i32" },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** Name of a C prototype. */
export type Prototype = keyof typeof prototypes;

/**
 * @param pointer a function of a plugin
 * @param prototype what it is declared as
 * @returns an object whose `call` calls it on this thread
 */
export function callable<P extends Prototype>(
  pointer: Deno.PointerObject,
  prototype: P,
): Deno.UnsafeFnPointer<typeof prototypes[P]> {
  type Definition = typeof prototypes[P];
  return new Deno.UnsafeFnPointer<Definition>(
    pointer as Deno.PointerObject<Definition>,
    prototypes[prototype],
  );
}

/** A pointer variable of C: what a function gives back through `char **`. */
export class PointerCell {
  /** The variable itself, for a parameter. */
  readonly cell: BigUint64Array<ArrayBuffer> = new BigUint64Array(1);

  /** Address that it holds; 0 for NULL. */
  get address(): bigint {
    return this.cell[0]!;
  }
}

/**
 * @returns a copy of what a buffer holds that C may write to and keep, never empty
 */
export function mutableCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(Math.max(1, bytes.length));
  copy.set(bytes);
  return copy;
}
