/**
 * Several conversations over one connection, for peers of which only one can make connections: each channel is a stream of
 * bytes of its own, with an end of its own. What goes over the wire are frames: channel (1 byte), kind (1 byte), length (2
 * bytes, the high one first), and so many bytes.
 *
 * Nobody sends ahead of what the other end reads by more than a channel's room and what the kernel holds: who does not read
 * one channel is not read from on any.
 *
 * @module
 */

/** Bytes of a frame before its content. */
const HEAD_BYTES = 4;
/** Bytes that one frame may hold. */
const MAX_FRAME_BYTES = 65_535;
/**
 * Bytes that have come for a channel and are not read yet, before the connection is not read on: the kernel has room for
 * more, and there may be thousands of connections.
 */
const ROOM_BYTES = 2 * 1024;
/** Bytes that one read takes; in the middle of a frame, as many as its reader has room for. */
const READ_BYTES = 512;
const NO_BYTES = new Uint8Array(0);
/** Channels that are open at the same time. */
const MAX_CHANNELS = 16;

/** What a frame is. */
const KIND = {
  /** The channel begins. */
  open: 0,
  data: 1,
  /** No more data comes from this end. */
  end: 2,
  /** The channel is over, both ways. */
  close: 3,
} as const;

/** What this module needs of a connection. */
export interface ByteStream {
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Gives what has come next as it has come, where that is in memory already; `null` at the end. */
  take?(): Promise<Uint8Array<ArrayBuffer> | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** The other end does not keep to the frames. */
class ChannelError extends Error {
  override readonly name = "ChannelError";
}

/** One connection with its channels. */
export class Channels {
  readonly #stream: ByteStream;
  readonly #onOpen: ((channel: Channel) => void) | null;
  /** Few, so that a list finds them fast enough. */
  readonly #open: Channel[] = [];
  #next = 0;
  #writing: Promise<void> | null = null;
  #closed = false;
  /** Settled when the connection is over, with why when that was no plain end. Never rejects. */
  readonly over: Promise<Error | null>;

  /**
   * @param stream the connection; this object owns it from now on
   * @param onOpen gets each channel that the other end opens; `null`: it may open none
   * @param rest what has been read of the connection already
   */
  constructor(
    stream: ByteStream,
    onOpen: ((channel: Channel) => void) | null = null,
    rest: Uint8Array = NO_BYTES,
  ) {
    this.#stream = stream;
    this.#onOpen = onOpen;
    this.over = this.#run(rest);
  }

  /** Whether the connection is over. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Opens a channel.
   *
   * @throws {ChannelError} when the connection is over, or has as many as it may.
   */
  async open(): Promise<Channel> {
    if (this.#closed) throw new ChannelError("the connection is closed");
    if (this.#open.length >= MAX_CHANNELS) throw new ChannelError("too many channels on one connection");
    while (this.#find(this.#next) !== undefined) this.#next = (this.#next + 1) % 256;
    const channel = this.#make(this.#next);
    this.#next = (this.#next + 1) % 256;
    await this.send(channel.id, KIND.open);
    return channel;
  }

  /** Closes the connection, and with it all channels. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#stream.close();
    } catch {
      // Closed by the runtime already.
    }
    for (const channel of this.#open.splice(0)) channel.ended(true);
  }

  /** Sends one frame, when those before it have been sent. */
  async send(id: number, kind: number, content: Uint8Array = NO_BYTES): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    if (this.#closed) throw new ChannelError("the connection is closed");
    const frame = new Uint8Array(HEAD_BYTES + content.length);
    frame.set([id, kind, content.length >> 8, content.length & 0xff]);
    frame.set(content, HEAD_BYTES);
    const writing = Promise.withResolvers<void>();
    this.#writing = writing.promise;
    try {
      for (let rest = frame; rest.length > 0;) rest = rest.subarray(await this.#stream.write(rest));
    } catch (error) {
      this.close(); // What cannot be written to is over, before reading shows it.
      throw error;
    } finally {
      this.#writing = null;
      writing.resolve();
    }
  }

  #find(id: number): Channel | undefined {
    return this.#open.find((channel) => channel.id === id);
  }

  /** Called by a channel that is closed. */
  forget(channel: Channel): void {
    const at = this.#open.indexOf(channel);
    if (at >= 0) this.#open.splice(at, 1);
  }

  #make(id: number): Channel {
    const channel = new Channel(id, this);
    this.#open.push(channel);
    return channel;
  }

  /** Reads the connection to its end, in one function: there are thousands of them, each with what it takes to wait. */
  async #run(rest: Uint8Array): Promise<Error | null> {
    let head = 0, headFilled = 0, contentLeft = 0;
    let failure: Error | null = null;
    const own = new Uint8Array(READ_BYTES);
    try {
      for (let got: Uint8Array | null = rest; got !== null;) {
        for (let at = 0; at < got.length;) {
          if (headFilled < HEAD_BYTES) {
            head = (head << 8 | got[at++]!) >>> 0;
            if (++headFilled < HEAD_BYTES) continue;
            contentLeft = head & 0xffff;
            this.#begin(head >>> 24, head >>> 16 & 0xff, contentLeft);
          } else {
            const part = got.subarray(at, at + contentLeft);
            at += part.length;
            contentLeft -= part.length;
            const full = this.#find(head >>> 24)?.received(part, contentLeft > 0);
            if (full) await full;
          }
          if (contentLeft === 0) headFilled = 0;
        }
        const reader = contentLeft > READ_BYTES ? this.#find(head >>> 24) : undefined;
        const into = reader?.awaits ?? null;
        if (into === null) {
          const count: number | null = await this.#stream.read(own);
          got = count === null ? null : own.subarray(0, count);
          continue;
        }
        const count = await this.#stream.read(into.subarray(0, contentLeft));
        got = count === null ? null : NO_BYTES;
        reader!.filled(count ?? 0);
        contentLeft -= count ?? 0;
        if (contentLeft === 0) headFilled = 0;
      }
      if (headFilled > 0) failure = new ChannelError("the connection ended in the middle of a frame");
    } catch (error) {
      failure = error as Error;
    }
    if (this.#closed) return null;
    this.close();
    return failure;
  }

  /** What is for a channel that is over is passed over: the other end may not know yet. */
  #begin(id: number, kind: number, length: number): void {
    if (kind === KIND.data) return;
    if (kind > KIND.close || length > 0) throw new ChannelError(`a frame of kind ${kind}, ${length} bytes`);
    if (kind === KIND.open) {
      if (this.#onOpen === null || this.#find(id) !== undefined || this.#open.length >= MAX_CHANNELS) {
        throw new ChannelError(`channel ${id} is opened where none may be`);
      }
      this.#onOpen(this.#make(id));
    } else this.#find(id)?.ended(kind === KIND.close);
  }
}

/** Whoever waits for bytes of a channel, or for their end. */
interface Taker extends PromiseWithResolvers<Uint8Array<ArrayBuffer> | null> {
  /** Where they may go without a copy of their own in between. */
  into: Uint8Array<ArrayBuffer> | null;
}

/** One of the conversations; it can be used like a connection. */
export class Channel implements ByteStream {
  #received: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  #ended = false;
  #closed = false;
  #wrote = false;
  #taker: Taker | null = null;
  /** The connection, which waits until there is room. */
  #room: PromiseWithResolvers<void> | null = null;

  /**
   * @param id its number
   * @param all what it is one of
   */
  constructor(readonly id: number, readonly all: Channels) {}

  /** Reads what there is; `null` at the end. Not for several readers at the same time. */
  async read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    const piece = await this.#take(into);
    if (piece === null) return null;
    if (piece.buffer === into.buffer) return piece.length;
    const part = piece.subarray(0, into.length);
    into.set(part);
    if (part.length < piece.length) {
      this.#received.unshift(piece.subarray(part.length));
      this.#bytes += piece.length - part.length;
    }
    return part.length;
  }

  /** Gives the next piece as it has come; `null` at the end. Not for several readers at the same time. */
  take(): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#take(null);
  }

  #take(into: Uint8Array<ArrayBuffer> | null): Promise<Uint8Array<ArrayBuffer> | null> {
    this.#taker = { ...Promise.withResolvers<Uint8Array<ArrayBuffer> | null>(), into };
    const { promise } = this.#taker;
    this.#serve();
    return promise;
  }

  /** Writes all bytes. */
  async write(bytes: Uint8Array): Promise<number> {
    for (let at = 0; at < bytes.length; at += MAX_FRAME_BYTES) {
      if (this.#closed || this.#wrote) throw new Deno.errors.BrokenPipe("the channel is closed");
      await this.all.send(this.id, KIND.data, bytes.subarray(at, at + MAX_FRAME_BYTES));
    }
    return bytes.length;
  }

  /** Announces to the other end that nothing more comes. */
  async closeWrite(): Promise<void> {
    if (this.#closed || this.#wrote) return;
    this.#wrote = true;
    await this.all.send(this.id, KIND.end);
  }

  /** Ends it, both ways. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#received = [];
    this.#bytes = 0;
    this.#makeRoom();
    this.#serve();
    this.all.forget(this);
    if (!this.all.closed) this.all.send(this.id, KIND.close).catch(() => {});
  }

  /**
   * The connection has bytes for it.
   *
   * @param bytes valid until this returns
   * @param more whether the frame has more of them, before which nothing else can come
   * @returns what to wait for when it has no room for more, or nobody wants it yet
   */
  received(bytes: Uint8Array, more: boolean): Promise<void> | null {
    if (this.#closed || this.#ended) return null;
    this.#received.push(bytes.slice());
    this.#bytes += bytes.length;
    this.#serve();
    if (this.#bytes < ROOM_BYTES && !(more && this.#taker === null)) return null;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Where whoever waits wants the next bytes, all that came before having been read; `null` when nobody does. */
  get awaits(): Uint8Array<ArrayBuffer> | null {
    return this.#taker?.into ?? null;
  }

  /** So many bytes are where they were awaited, unless nobody awaits them any more. */
  filled(count: number): void {
    const taker = this.#taker;
    if (taker === null || taker.into === null || count === 0) return;
    this.#taker = null;
    taker.resolve(taker.into.subarray(0, count));
  }

  /** The other end sends no more; with `closed` it reads no more either. */
  ended(closed: boolean): void {
    this.#ended = true;
    if (closed) this.#wrote = true;
    this.#serve();
  }

  /** Gives whoever waits what there is, be it the end. */
  #serve(): void {
    const taker = this.#taker;
    if (taker === null) return;
    const piece = this.#received.shift();
    if (piece !== undefined) {
      this.#bytes -= piece.length;
      if (this.#bytes < ROOM_BYTES) this.#makeRoom();
      taker.resolve(piece);
    } else if (this.#closed) taker.reject(new Deno.errors.BadResource("the channel is closed"));
    else if (this.#ended) taker.resolve(null);
    else return this.#makeRoom();
    this.#taker = null;
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = null;
  }
}
