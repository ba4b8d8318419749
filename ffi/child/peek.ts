/**
 * The name inside a plugin's file, read without opening it: opening a shared object runs its code, and a test that is
 * asked for is no reason to run that of others.
 *
 * @module
 */

import { MAX_NAME_BYTES } from "../limits.ts";
import { PLUGIN } from "../structs.ts";

/** Of the ELF specification, for 64 bits. */
const HEADER_BYTES = 64;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_RELA = 7;
const DT_RELASZ = 8;
const SYMBOL_BYTES = 24;
const RELA_BYTES = 24;
const DYNAMIC_BYTES = 16;
const SYMBOL_NAME = "ipbench_plugin";

/**
 * Reads the name of a plugin.
 *
 * @param bytes The file.
 * @returns the name; `null` when the file has no plugin in it; `undefined` when that cannot be told
 */
export function peekName(bytes: Uint8Array<ArrayBuffer>): string | null | undefined {
  try {
    return new Elf(bytes).pluginName();
  } catch (error) {
    if (error instanceof RangeError) return undefined; // It points outside of itself.
    throw error;
  }
}

interface Segment {
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

class Elf {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #loaded: Segment[] = [];
  readonly #dynamic = new Map<number, number>();

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < HEADER_BYTES || bytes[4] !== CLASS_64 || bytes[5] !== LITTLE_ENDIAN) {
      throw new RangeError("not a file that this machine could open");
    }
    this.#readSegments();
  }

  pluginName(): string | null | undefined {
    const symbols = this.#dynamic.get(DT_SYMTAB);
    const strings = this.#dynamic.get(DT_STRTAB);
    // Linkers put the strings right behind the symbols, whose number is nowhere else in few words.
    if (symbols === undefined || strings === undefined || strings <= symbols) return undefined;
    for (let at = symbols; at + SYMBOL_BYTES <= strings; at += SYMBOL_BYTES) {
      const symbol = this.#offset(at, SYMBOL_BYTES);
      const section = this.#view.getUint16(symbol + 6, true);
      if (section === 0) continue; // It is somebody else's.
      if (this.#text(strings + this.#view.getUint32(symbol, true)) !== SYMBOL_NAME) continue;
      const name = this.#pointer(this.#whole(symbol + 8) + PLUGIN.name);
      return name === 0 ? undefined : this.#text(name);
    }
    return null;
  }

  #readSegments(): void {
    const table = this.#whole(32);
    const size = this.#view.getUint16(54, true);
    const count = this.#view.getUint16(56, true);
    let dynamic: Segment | null = null;
    for (let index = 0; index < count; index++) {
      const at = table + index * size;
      const type = this.#view.getUint32(at, true);
      const segment = {
        offset: this.#whole(at + 8),
        address: this.#whole(at + 16),
        size: this.#whole(at + 32),
      };
      if (type === PT_LOAD) this.#loaded.push(segment);
      if (type === PT_DYNAMIC) dynamic = segment;
    }
    if (dynamic === null) return;
    for (let at = dynamic.offset; at + DYNAMIC_BYTES <= dynamic.offset + dynamic.size; at += DYNAMIC_BYTES) {
      const tag = this.#whole(at);
      if (tag === 0) break;
      if (!this.#dynamic.has(tag)) this.#dynamic.set(tag, this.#whole(at + 8));
    }
  }

  /** The pointer that will be at an address: what a relocation gives, or what is there already. */
  #pointer(address: number): number {
    const table = this.#dynamic.get(DT_RELA) ?? 0;
    const size = this.#dynamic.get(DT_RELASZ) ?? 0;
    for (let at = table; at + RELA_BYTES <= table + size; at += RELA_BYTES) {
      const entry = this.#offset(at, RELA_BYTES);
      if (this.#whole(entry) !== address) continue;
      // Of a symbol of its own: only in files that export their strings, which plugins have no reason for.
      return this.#view.getUint32(entry + 12, true) === 0 ? this.#whole(entry + 16) : 0;
    }
    return this.#whole(this.#offset(address, 8));
  }

  #text(address: number): string {
    const start = this.#offset(address, 1);
    const end = this.#bytes.subarray(start, start + MAX_NAME_BYTES + 1).indexOf(0);
    if (end < 0) throw new RangeError("a text without an end");
    return new TextDecoder().decode(this.#bytes.subarray(start, start + end));
  }

  /** Where in the file an address is. */
  #offset(address: number, size: number): number {
    const segment = this.#loaded.find((each) =>
      address >= each.address && address + size <= each.address + each.size
    );
    if (segment === undefined) throw new RangeError(`nothing is at ${address}`);
    return address - segment.address + segment.offset;
  }

  #whole(at: number): number {
    const value = this.#view.getBigInt64(at, true);
    // Tags of operating systems are large; addresses of files are not.
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`${value} is no address`);
    return Number(value);
  }
}
