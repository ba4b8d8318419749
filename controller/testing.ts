/**
 * A daemon that follows a script, for tests of the controller's side.
 *
 * @module
 */

/** What the scripted daemon does with one connection; each item answers one line, the first the connecting. */
export type Step =
  /** Text to send, in one write. */
  | string
  /** Pieces to send, each in a write of its own, the next when the one before is on its way. */
  | readonly string[]
  /** Text that is made when it is its turn. */
  | (() => string)
  /** Close the connection. */
  | "CLOSE"
  /** Say nothing. */
  | "SILENT";

/** A scripted daemon that is listening. */
export interface ScriptedDaemon extends AsyncDisposable {
  readonly port: number;
  /** Lines as they came, all connections together, each with its line end. */
  readonly lines: string[];
  /** Chunks as `recv` gave them. */
  readonly chunks: string[];
  /** How many connections were made. */
  connections(): number;
}

/**
 * Listens on a free port of 127.0.0.1.
 *
 * @param scripts one for each connection, in their order; the last one is used again
 * @returns the daemon
 */
export function scriptedDaemon(...scripts: readonly (readonly Step[])[]): ScriptedDaemon {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const lines: string[] = [];
  const chunks: string[] = [];
  const open = new Set<Deno.TcpConn>();
  let n = 0;
  const serving = (async () => {
    const tasks: Promise<void>[] = [];
    for await (const conn of listener) {
      conn.setNoDelay(true);
      open.add(conn);
      const script = scripts[Math.min(n++, scripts.length - 1)]!;
      tasks.push(follow(conn, script, lines, chunks).catch(() => {}).finally(() => open.delete(conn)));
    }
    await Promise.all(tasks);
  })();
  return {
    port: listener.addr.port,
    lines,
    chunks,
    connections: () => n,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const conn of open) conn.close();
      await serving;
    },
  };
}

async function follow(
  conn: Deno.TcpConn,
  script: readonly Step[],
  lines: string[],
  chunks: string[],
): Promise<void> {
  const encoder = new TextEncoder(), decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let text = "";
  for (const step of script) {
    if (step === "CLOSE") return conn.close();
    const said = typeof step === "function" ? step() : step;
    const pieces = said === "SILENT" ? [] : typeof said === "string" ? [said] : said;
    for (const piece of pieces) {
      const bytes = encoder.encode(piece);
      for (let done = 0; done < bytes.length;) done += await conn.write(bytes.subarray(done));
    }
    while (!text.includes("\n")) {
      const got = await conn.read(buffer);
      if (got === null) return conn.close();
      const chunk = decoder.decode(buffer.subarray(0, got));
      chunks.push(chunk);
      text += chunk;
    }
    const end = text.indexOf("\n") + 1;
    lines.push(text.slice(0, end));
    text = text.slice(end);
  }
  while (await conn.read(buffer) !== null);
  conn.close();
}
