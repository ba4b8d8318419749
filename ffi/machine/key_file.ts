/**
 * Files that hold secrets and keys.
 *
 * @module
 */

/**
 * Whether others can read a file than its owner and, where root owns it, the group that this process runs in: that is how
 * root hands a file to a service, and a cluster a secret to a container.
 *
 * @param file What the system reports of it.
 * @param group The process's own group; `null`: not known.
 */
export function othersCanRead(
  file: Pick<Deno.FileInfo, "mode" | "uid" | "gid">,
  group: number | null,
): boolean {
  if (file.mode === null) return false;
  const given = file.uid === 0 && file.gid !== 0 && file.gid === group && (file.mode & 0o070) === 0o040;
  return (file.mode & (given ? 0o007 : 0o077)) !== 0;
}
