/**
 * What a test needs of the machine: asked once, before the test is declared, so that a test that cannot run is counted
 * as skipped and not as passed.
 *
 * @module
 */

const FOLDERS = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];

/**
 * Whether a program of the system is there.
 *
 * @param name Its name, such as "zsh".
 */
export function isInstalled(name: string): boolean {
  return FOLDERS.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

let namespaces: boolean | undefined;

/** Whether network namespaces can be made here: it takes root and `ip` (Debian: iproute2). */
export function hasNamespaces(): boolean {
  if (namespaces !== undefined) return namespaces;
  if (Deno.uid() !== 0 || !isInstalled("ip")) return namespaces = false;
  const name = `ipbprobe${Deno.pid}`;
  const ip = (...args: string[]) =>
    new Deno.Command("ip", { args, stdout: "null", stderr: "null" }).outputSync().success;
  namespaces = ip("netns", "add", name);
  if (namespaces) ip("netns", "del", name);
  return namespaces;
}
