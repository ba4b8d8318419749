/**
 * Where the history is unless somebody names another file.
 *
 * @module
 */

/**
 * The user's own history, by the XDG Base Directory Specification 0.8.
 *
 * @returns its path; `null` where neither `XDG_DATA_HOME` nor `HOME` is set
 */
export function ownHistory(): string | null {
  const data = Deno.env.get("XDG_DATA_HOME"), home = Deno.env.get("HOME");
  // A relative path is to be passed over, says the specification.
  if (data?.startsWith("/")) return `${data}/ipbench/history.sqlite`;
  return home ? `${home}/.local/share/ipbench/history.sqlite` : null;
}
