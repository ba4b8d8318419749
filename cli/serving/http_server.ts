/**
 * HTTP beneath the pages: what comes in as the web's Request, what goes out from its Response. Node's server, as Deno's own
 * has no limit of connections, no deadline for what a client is to send, and ends the program when descriptors run out. Node's stops
 * accepting then: it is replaced.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { within } from "../../base/deadline.ts";
import type { Address } from "../../config/address.ts";
import {
  BACKLOG,
  IDLE_MS,
  LAST_MS,
  MAX_CONNECTIONS,
  OTHER_FILES,
  PIECE_BYTES,
  READER_STALL_MS,
  REQUEST_MS,
  WATCH_MS,
} from "../../serve/limits.ts";
import { AcceptWatch } from "./accept_watch.ts";

/** Certificate and key, PEM. */
export interface ServerKeys {
  cert: string;
  key: string;
}

/** A server that listens. */
export interface HttpServer {
  /** Where, with the real port. */
  address: Address;
  /** Ends it: answers on their way get {@linkcode LAST_MS}. */
  close(): Promise<void>;
}

/**
 * Listens and answers until it is closed.
 *
 * @param address Where.
 * @param tls `null`: in the clear.
 * @param handle Answers a request; it does not throw.
 * @param maxConnections Connections at the same time; one more is closed.
 * @throws when the address cannot be listened on, or the keys cannot be used.
 */
export async function serveHttp(
  address: Address,
  tls: ServerKeys | null,
  handle: (request: Request) => Promise<Response>,
  maxConnections: number = fittingConnections(),
): Promise<HttpServer> {
  let current = await listening(address, tls, handle, maxConnections);
  const bound = current.server.address() as AddressInfo;
  const here = { host: bound.address, port: bound.port };
  let isClosed = false;
  let looking: Promise<void> = Promise.resolve();
  const look = async () => {
    if (await current.watch.accepts(here) !== false || isClosed) return;
    const { server } = current;
    server.close();
    // What it has left would be without deadlines; browsers come again by themselves.
    server.closeAllConnections();
    // Where it fails there is no descriptor yet: the next look finds that nobody listens.
    const again = await listening(here, tls, handle, maxConnections).catch(() => null);
    if (again !== null) current = again;
  };
  const timer = setInterval(() => looking = looking.then(look), WATCH_MS);
  return {
    address: here,
    async close() {
      isClosed = true;
      clearInterval(timer);
      await looking;
      const { server } = current;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await within(closed, LAST_MS);
      server.closeAllConnections();
    },
  };
}

/** So many connections that their descriptors and those of the files that are read fit below the system's limit. */
function fittingConnections(): number {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  const files = Number(/^Max open files\s+([0-9]+)/m.exec(limits)?.[1] ?? Infinity);
  // Of a crowd many are accepted before those beyond the limit are closed.
  return Math.max(1, Math.min(MAX_CONNECTIONS, Math.floor((files - OTHER_FILES) / 2)));
}

async function listening(
  { host, port }: Address,
  tls: ServerKeys | null,
  handle: (request: Request) => Promise<Response>,
  maxConnections: number,
) {
  const options: ServerOptions = {
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: 1_000,
  };
  const scheme = tls === null ? "http" : "https";
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) =>
    void give(scheme, incoming, outgoing, handle).catch(() => outgoing.destroy());
  const server = tls === null
    ? createServer(options, answer)
    : createSecureServer({ ...options, ...tls, handshakeTimeout: REQUEST_MS }, answer);
  server.maxConnections = maxConnections;
  const watch = new AcceptWatch(server);
  await new Promise<void>((resolve, reject) => {
    // Once it listens, what fails is one connection, as when descriptors run out: the others go on.
    server.on("error", reject);
    server.listen({ port, host, backlog: BACKLOG }, resolve);
  });
  return { server, watch };
}

async function give(
  scheme: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: (request: Request) => Promise<Response>,
): Promise<void> {
  const request = requestOf(scheme, incoming);
  const response = request === null
    ? new Response("this is no request that can be answered\n", { status: 400 })
    : await handle(request);
  // What nobody reads of a body must not be taken for the next request.
  if (incoming.method !== "GET" && incoming.method !== "HEAD") outgoing.setHeader("connection", "close");
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  // Who has gone meanwhile takes nothing: a reader of live figures would keep its place until it is found to be slow.
  if (response.body === null || incoming.method === "HEAD" || outgoing.destroyed) {
    await response.body?.cancel();
    outgoing.end();
    return;
  }
  const reader = response.body.getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => {}));
  const failed = new Promise<never>((_, reject) => reader.closed.catch(reject));
  failed.catch(() => {}); // where nobody waits for the reader, reading it says so
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    for (let at = 0; at < value.length; at += PIECE_BYTES) {
      if (outgoing.write(value.subarray(at, at + PIECE_BYTES))) continue;
      // A body that fails while its reader takes nothing ends the connection, and so does a reader that never goes on.
      const taken = await within(Promise.race([drained(outgoing), failed]), READER_STALL_MS);
      if (!taken || outgoing.destroyed) {
        outgoing.destroy();
        return;
      }
    }
  }
  outgoing.end();
}

/** `null`: it has no address here, or a method that no page has. */
function requestOf(scheme: string, { headers, method = "GET", url = "" }: IncomingMessage): Request | null {
  if (!url.startsWith("/")) return null;
  const fields = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) fields.set(name, typeof value === "string" ? value : value.join(", "));
  }
  try {
    return new Request(`${scheme}://${headers.host ?? "localhost"}${url}`, { method, headers: fields });
  } catch {
    return null;
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done).off("close", done);
      resolve();
    };
    outgoing.on("drain", done).on("close", done);
  });
}
