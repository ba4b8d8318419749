/**
 * HTTP beneath the pages: what comes in as the web's Request, what goes out from its Response. Node's server, as Deno's own
 * has no limit of connections, no deadline for what a client is to send, and ends the program when descriptors run out.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { within } from "../../base/deadline.ts";
import type { Address } from "../../config/address.ts";
import { IDLE_MS, LAST_MS, MAX_CONNECTIONS, REQUEST_MS } from "../../serve/limits.ts";

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
 * @throws when the address cannot be listened on, or the keys cannot be used.
 */
export async function serveHttp(
  { host, port }: Address,
  tls: ServerKeys | null,
  handle: (request: Request) => Promise<Response>,
): Promise<HttpServer> {
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
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    // Once it listens, what fails is one connection, as when descriptors run out: the others go on.
    server.on("error", reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  return {
    address: { host: bound.address, port: bound.port },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await within(closed, LAST_MS);
      server.closeAllConnections();
    },
  };
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
  if (response.body === null || incoming.method === "HEAD") {
    await response.body?.cancel();
    outgoing.end();
    return;
  }
  const reader = response.body.getReader();
  outgoing.once("close", () => void reader.cancel().catch(() => {}));
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    // A body that fails while its reader takes nothing ends the connection.
    if (!outgoing.write(value)) await Promise.race([drained(outgoing), reader.closed]);
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
    outgoing.once("drain", resolve);
    outgoing.once("close", resolve);
  });
}
