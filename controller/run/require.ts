/**
 * How many clients a run needs.
 *
 * @module
 */

import { parseRequire, type Requirement } from "../../config/require.ts";

/**
 * Reads the `require` of a run description.
 *
 * @param text "all", a count such as "3", or a share such as "90%" (rounded up)
 * @param clients how many clients the run names
 * @returns how many have to be there, 1..clients
 * @throws {TypeError} when the text is none of these or asks for more than there are
 *
 * @example
 * ```ts
 * import { requiredClients } from "./require.ts";
 * requiredClients("90%", 16); // 15
 * ```
 */
export function requiredClients(text: string, clients: number): number {
  const needed = neededOf(parseRequire(text), clients);
  if (!(needed >= 1 && needed <= clients)) {
    throw new TypeError(
      `require is "${text}" for ${clients} client(s); expected "all", a count from 1 to ${clients}, or a share such as "90%"`,
    );
  }
  return needed;
}

function neededOf(wanted: Requirement | null, clients: number): number {
  if (wanted === null) return NaN;
  if (wanted === "all") return clients;
  // 7 % of 100 are 7, whatever 0.07 times 100 is in binary.
  return "count" in wanted ? wanted.count : Math.ceil(Number((wanted.share * clients).toPrecision(12)));
}
