/**
 * How many clients a run needs.
 *
 * @module
 */

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
  if (text === "all") return clients;
  const match = /^(\d{1,9})(%?)$/.exec(text);
  const number = match === null ? NaN : Number(match[1]);
  const needed = match?.[2] === "%" ? Math.ceil((number / 100) * clients) : number;
  if (!(needed >= 1 && needed <= clients)) {
    throw new TypeError(
      `require is "${text}" for ${clients} client(s); expected "all", a count from 1 to ${clients}, or a share such as "90%"`,
    );
  }
  return needed;
}
