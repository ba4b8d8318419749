/**
 * What this process may do without anybody being asked: on a terminal the runtime asks its user for a permission that is
 * missing, and a program that uses the library would stand still for something that it can do without.
 *
 * @module
 */

/**
 * @param permission such as `{ name: "read", path: "/proc" }`
 * @returns whether it has been granted
 */
export function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/**
 * @param name of an environment variable
 * @returns its value; `undefined` when it is not set, or must not be read
 */
export function variable(name: string): string | undefined {
  return isGranted({ name: "env", variable: name }) ? Deno.env.get(name) : undefined;
}
