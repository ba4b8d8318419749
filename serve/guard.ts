/**
 * Who may read the pages.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { MAX_TOKEN, MAX_URL } from "./limits.ts";

/** Name of the cookie that keeps the token. */
const COOKIE = "ipbench_token";
/** A token fits into a cookie and a link as it is, and is too long to be guessed. */
const TOKEN = new RegExp(`^[A-Za-z0-9_~.-]{16,${MAX_TOKEN}}$`);

/** What a server asks for. */
export interface GuardOptions {
  /** `null`: none, which is for loopback and TLS alone. */
  token: string | null;
  /** Names beside addresses and localhost by which the server may be called. */
  names: readonly string[];
  /** Whether cookies are for TLS alone. */
  tls: boolean;
}

/**
 * What is wrong with a token.
 *
 * @param token What a file holds.
 * @returns A sentence, or `null`.
 */
export function tokenProblem(token: string): string | null {
  return TOKEN.test(token) ? null : `a token has 16 to ${MAX_TOKEN} letters, digits, or . _ ~ -`;
}

/**
 * Examines a request before anything else does.
 *
 * @param request The request.
 * @param options What is asked for.
 * @returns The answer to one that is refused, or sent elsewhere; `null`: go on.
 */
export function refusal(request: Request, { token, names, tls }: GuardOptions): Response | null {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return plain(405, "these pages can only be read\n", { allow: "GET, HEAD" });
  }
  if (request.url.length > MAX_URL) return plain(414, "the address is too long\n");
  // HTTP/2 has no such header: there the address has the name.
  const host = request.headers.get("host") ?? new URL(request.url).host;
  // A page of somebody else's whose name was made to lead here (DNS rebinding) asks under that name.
  if (!isOwnName(host, names)) {
    return plain(
      421,
      `this server is not called ${host.slice(0, 100)}: start it with --name to allow that\n`,
    );
  }
  // Pictures and frames of a page of somebody else cannot show anything of this server, but would have it work while tests run.
  if (
    request.headers.get("sec-fetch-site") === "cross-site" &&
    request.headers.get("sec-fetch-dest") !== "document"
  ) {
    return plain(403, "pages of others may link here, and nothing else\n");
  }
  if (token === null) return null;
  const url = new URL(request.url);
  const given = url.searchParams.get("token");
  if (given !== null) {
    if (!same(given, token)) return plain(401, "that is not the token\n");
    url.searchParams.delete("token");
    const secure = tls ? "; Secure" : "";
    return plain(303, "", {
      // What begins with two slashes would be the name of another server.
      location: url.pathname.replace(/^\/+/, "/") + url.search,
      "set-cookie": `${COOKIE}=${token}; Path=/; HttpOnly; SameSite=Strict${secure}`,
    });
  }
  const bearer = /^Bearer (\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  const cookie = cookieOf(request.headers.get("cookie") ?? "");
  if (same(bearer ?? cookie ?? "", token)) return null;
  return plain(401, "a token is needed: open the link that ends in ?token=…, once\n", {
    "www-authenticate": "Bearer",
  });
}

/** An answer in plain text. */
export function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}

function isOwnName(host: string, names: readonly string[]): boolean {
  const [, bracketed, other] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]*))(?::\d{1,5})?$/.exec(host) ?? [];
  const name = (bracketed ?? other ?? "").toLowerCase();
  return isIP(name) !== 0 || name === "localhost" || names.some((own) => own.toLowerCase() === name);
}

function cookieOf(header: string): string | undefined {
  return header.split(/;\s*/).find((part) => part.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
}

/** Whether two texts are the same, in a time that does not depend on where they differ. */
function same(a: string, b: string): boolean {
  const [one, other] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
