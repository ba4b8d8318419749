/**
 * Reads of memory at addresses that a plugin gave, which may be wrong: a bad address is an error, not a crash.
 *
 * @module
 */

import { libc } from "./libc.ts";

const PAGE = 4096;
const EXECUTABLE = /^([0-9a-f]+)-([0-9a-f]+) r?[-w]?.?x/;

/** An address that cannot be read. */
export class BadPointer extends Error {}

let refused = false; // the kernel or a filter may forbid the safe way of reading

/**
 * Copies memory.
 *
 * @throws {BadPointer} when it is not all readable
 */
export function readMemory(address: bigint, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length);
  if (length === 0) return copy;
  if (!refused) {
    const local = new BigUint64Array([Deno.UnsafePointer.value(Deno.UnsafePointer.of(copy)), BigInt(length)]);
    const remote = new BigUint64Array([address, BigInt(length)]);
    const read = Number(libc().process_vm_readv(Deno.pid, local, 1n, remote, 1n, 0n));
    remote.fill(0n); // a leak checker must not take it for a pointer that somebody keeps
    if (read === length) return copy;
    if (canReadItself()) {
      throw new BadPointer(`0x${address.toString(16)} is no address of ${length} readable bytes`);
    }
    refused = true;
  }
  const pointer = Deno.UnsafePointer.create(address);
  if (pointer === null) throw new BadPointer("the address is NULL");
  new Deno.UnsafePointerView(pointer).copyInto(copy);
  return copy;
}

function canReadItself(): boolean {
  const known = new Uint8Array(1);
  const to = new Uint8Array(1);
  const at = (bytes: Uint8Array<ArrayBuffer>) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
  const local = new BigUint64Array([at(to), 1n]);
  const remote = new BigUint64Array([at(known), 1n]);
  return Number(libc().process_vm_readv(Deno.pid, local, 1n, remote, 1n, 0n)) === 1;
}

/**
 * Reads a NUL-terminated UTF-8 string.
 *
 * @param limit longest string, in bytes without the NUL
 * @throws {BadPointer} when it is not readable or longer
 */
export function readCString(address: bigint, limit: number): string {
  return new TextDecoder().decode(readCBytes(address, limit));
}

/** The bytes of a NUL-terminated string, as {@linkcode readCString}. */
export function readCBytes(address: bigint, limit: number): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  let at = address;
  while (length <= limit) {
    const chunk = readMemory(at, PAGE - Number(at % BigInt(PAGE)));
    const end = chunk.indexOf(0);
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    parts.push(part);
    length += part.length;
    if (end >= 0 && length <= limit) return concat(parts, length);
    at += BigInt(chunk.length);
  }
  throw new BadPointer(`the string at 0x${address.toString(16)} is longer than ${limit} bytes`);
}

function concat(parts: Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** The ranges of this process's memory that hold code. */
export class CodeRanges {
  #ranges: [bigint, bigint][] = [];

  constructor() {
    for (const line of Deno.readTextFileSync("/proc/self/maps").split("\n")) {
      const match = EXECUTABLE.exec(line);
      if (match !== null) this.#ranges.push([BigInt("0x" + match[1]), BigInt("0x" + match[2])]);
    }
  }

  /** Whether a function can begin at this address. */
  holds(address: bigint): boolean {
    return this.#ranges.some(([begin, end]) => address >= begin && address < end);
  }
}

/** Overwrites memory that is known to be writable, such as a variable of an opened library. */
export function writeInt32(pointer: Deno.PointerObject, value: number): void {
  new DataView(Deno.UnsafePointerView.getArrayBuffer(pointer, 4)).setInt32(0, value, true);
}
