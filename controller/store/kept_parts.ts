/**
 * The bulk of many testers' results, on disk instead of in memory: histograms and the like, which nobody reads between
 * their coming in and the writing of the document.
 *
 * @module
 */

import type { ClientResult } from "../../results/document/document.ts";
import { namelessFile, storeFolder } from "./nameless_file.ts";

/** What is bulky in a tester's part of the document. */
const BULKY = ["histograms", "series", "environment", "outages", "pacing"] as const;
/** Testers up to which memory holds all. */
const MOST_IN_MEMORY = 500;

/** Closes the file of a store that nobody has any more. */
const files = new FinalizationRegistry<Deno.FsFile>((file) => file.close());
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A text that is kept. */
export interface KeptText {
  /** Gives it. */
  text(): string;
}

/** A text in a file. */
class OnDisk implements KeptText {
  /** @param store keeps the file open as long as somebody may ask for the text */
  constructor(
    readonly store: KeptParts,
    readonly file: Deno.FsFile,
    readonly at: number,
    readonly bytes: number,
  ) {}

  text(): string {
    const all = new Uint8Array(this.bytes);
    this.file.seekSync(this.at, Deno.SeekMode.Start);
    for (let done = 0; done < all.length;) {
      const got = this.file.readSync(all.subarray(done));
      if (got === null) throw new Error("a tester's result cannot be read again");
      done += got;
    }
    return decoder.decode(all);
  }
}

/** Where what is kept of a part can be read: a property beside the part's own. */
const WHERE = Symbol("where");

type Bulky = typeof BULKY[number];
type Places = Partial<Record<Bulky, KeptText>>;

/** Read what is kept. All testers share them: an object with getters of its own takes many times as much. */
const GETTERS = new Map<PropertyKey, () => unknown>(BULKY.map((key) => [
  key,
  function (this: { [WHERE]: Places }) {
    return JSON.parse(this[WHERE][key]!.text());
  },
]));

function placesOf(part: object): Places {
  return (part as { [WHERE]?: Places })[WHERE] ?? {};
}

/** Where a property is kept; `undefined` when it is in memory. */
function placeOf<T extends object>(part: T, key: keyof T): KeptText | undefined {
  const getter = Object.getOwnPropertyDescriptor(part, key)?.get;
  return getter !== undefined && getter === GETTERS.get(key) ? placesOf(part)[key as Bulky] : undefined;
}

/** See the module. */
export class KeptParts {
  readonly #file: Deno.FsFile | null;
  #end = 0;

  private constructor(file: Deno.FsFile | null) {
    this.#file = file;
    if (file !== null) files.register(this, file);
  }

  /**
   * Makes room.
   *
   * @param testers how many there are
   * @returns where their results are kept; in memory when they are few, or the disk takes none
   */
  static async open(testers: number): Promise<KeptParts> {
    if (testers <= MOST_IN_MEMORY) return new KeptParts(null);
    return new KeptParts(await namelessFile(storeFolder()).catch(() => null));
  }

  /**
   * Keeps what is bulky.
   *
   * @param part of one tester
   * @returns the same, whose bulk is read when it is asked for; {@linkcode withPart} puts it into the tester's other parts
   */
  keep(part: Partial<ClientResult>): Partial<ClientResult> {
    if (this.#file === null) return part;
    const places: Places = {};
    for (const key of BULKY) {
      if (part[key] === undefined || part[key] === null) continue;
      const kept = this.#append(JSON.stringify(part[key]));
      if (kept === null) continue;
      places[key] = kept;
      Object.defineProperty(part, key, { configurable: true, enumerable: true, get: GETTERS.get(key)! });
    }
    return Object.defineProperty(part, WHERE, { configurable: true, value: places });
  }

  /**
   * Keeps a text.
   *
   * @param text any
   * @returns what gives it
   */
  keepText(text: string): KeptText {
    return this.#append(text) ?? { text: () => text };
  }

  /** `null` when it is to be in memory, or the disk does not take it. */
  #append(text: string): OnDisk | null {
    const file = this.#file;
    if (file === null) return null;
    const bytes = encoder.encode(text);
    try {
      file.seekSync(this.#end, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    } catch {
      return null;
    }
    const kept = new OnDisk(this, file, this.#end, bytes.length);
    this.#end += bytes.length;
    return kept;
  }
}

/**
 * Gives a property as JSON; what is kept as such is not parsed for that.
 *
 * @param part what has the property
 * @param key its name
 * @returns `undefined` where JSON has nothing
 */
export function jsonOf<T extends object>(part: T, key: keyof T): string | undefined {
  return placeOf(part, key)?.text() ?? JSON.stringify(part[key]);
}

/**
 * Puts what is new into what is known, without reading what is kept on disk.
 *
 * @param known what is known
 * @param part what is new
 */
export function withPart<T extends object>(known: T, part: Partial<T>): T {
  const both: PropertyDescriptorMap = {
    ...Object.getOwnPropertyDescriptors(known),
    ...Object.getOwnPropertyDescriptors(part),
  };
  const places = { ...placesOf(known), ...placesOf(part) };
  if (WHERE in both) both[WHERE] = { configurable: true, value: places };
  return Object.defineProperties({}, both) as T;
}

/**
 * Whether a property is the same in two parts, without reading it when it is kept on disk.
 *
 * @param key its name
 * @param one a part
 * @param other another, or none
 */
export function isSame<T extends object>(key: keyof T, one: T, other: T | undefined): boolean {
  if (other === undefined) return false;
  const [a, b] = [placeOf(one, key), placeOf(other, key)];
  return a === b && (a !== undefined || one[key] === other[key]);
}
