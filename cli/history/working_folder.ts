/**
 * Which commit the working folder is at.
 *
 * @module
 */

/** How long git may take, in milliseconds. */
const GIT_MS = 3_000;
/** Git is to read and not to start anything that a folder's own configuration names. */
const QUIETLY = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks"];

/**
 * Asks git.
 *
 * @param folder Any folder.
 * @returns `undefined` where there is no git, no repository or no commit
 */
export async function commitOf(
  folder: string,
): Promise<{ id: string; tag: string | null; dirty: boolean } | undefined> {
  const [id, tags, changes] = await Promise.all([
    git(folder, "rev-parse", "--verify", "--quiet", "HEAD"),
    git(folder, "tag", "--points-at", "HEAD"),
    git(folder, "status", "--porcelain", "--untracked-files=no"),
  ]);
  if (id === null || !/^[0-9a-f]{40,64}$/.test(id)) return undefined;
  return { id, tag: tags?.split("\n").find((name) => name !== "") ?? null, dirty: (changes ?? "") !== "" };
}

/**
 * The commit that a name stands for in the working folder.
 *
 * @param name A branch, tag or the beginning of a commit's number.
 * @returns its number; `null`: nobody knows
 */
export async function resolveCommit(folder: string, name: string): Promise<string | null> {
  if (name.startsWith("-")) return null;
  return await git(folder, "rev-parse", "--verify", "--quiet", `${name}^{commit}`);
}

async function git(folder: string, ...args: string[]): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: [...QUIETLY, "-C", folder, ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      signal: AbortSignal.timeout(GIT_MS),
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch {
    return null; // There is no git, or it took too long: nothing is known then.
  }
}
