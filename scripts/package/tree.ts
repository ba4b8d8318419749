/**
 * A folder with the files of a package, whose modes and times depend on nobody's settings.
 *
 * @module
 */

import { dirname } from "node:path";
import { must } from "../lib/steps.ts";

/** Files that are going to be packed. */
export class Tree {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /**
   * Begins an empty one.
   *
   * @param root its folder, without a slash at the end; what it held is removed
   */
  static async make(root: string): Promise<Tree> {
    await Deno.remove(root, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    await Deno.mkdir(root, { recursive: true });
    await Deno.chmod(root, 0o755);
    return new Tree(root);
  }

  /**
   * Writes a file.
   *
   * @param path from the folder
   */
  async write(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
    await this.folder(dirname(path));
    const whole = `${this.root}/${path}`;
    await Deno.writeFile(whole, typeof content === "string" ? new TextEncoder().encode(content) : content);
    await Deno.chmod(whole, mode);
  }

  /** Writes a file in gzip's form, without name and time. */
  async writeCompressed(path: string, content: string): Promise<void> {
    await this.write(path, content);
    await must("gzip", ["-9n", `${this.root}/${path}`]);
  }

  /** Copies a file. */
  async copy(from: string, path: string, mode = 0o644): Promise<void> {
    await this.folder(dirname(path));
    await Deno.copyFile(from, `${this.root}/${path}`);
    await Deno.chmod(`${this.root}/${path}`, mode);
  }

  /** Makes a symbolic link. */
  async link(path: string, to: string): Promise<void> {
    await this.folder(dirname(path));
    await Deno.symlink(to, `${this.root}/${path}`);
  }

  /** Makes a folder and those above it. */
  async folder(path: string, mode = 0o755): Promise<void> {
    if (path === ".") return;
    await this.folder(dirname(path));
    try {
      await Deno.mkdir(`${this.root}/${path}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      return;
    }
    await Deno.chmod(`${this.root}/${path}`, mode);
  }

  /** Paths of its files, links and folders from the folder, in order. */
  async paths(): Promise<string[]> {
    const output = await must("find", [".", "-mindepth", "1", "-printf", "%P\\n"], { cwd: this.root });
    return output.split("\n").filter((path) => path !== "").toSorted();
  }

  /**
   * Packs it, sorted, as root's files and with one time.
   *
   * @param output a .tar, or with `compress` a .tar.gz
   * @param epoch the time, in seconds since 1970
   * @param top the folder's name in the archive; "." where there is none
   */
  async pack(output: string, epoch: number, { compress = false, top = "." } = {}): Promise<void> {
    const archive = compress ? output.replace(/\.gz$/, "") : output;
    const owner = ["--owner=0", "--group=0", "--numeric-owner", `--mtime=@${epoch}`];
    const names = ["--sort=name", "--format=gnu", `--transform=s,^\\.,${top},S`];
    await must("tar", ["--create", ...names, ...owner, "--file", archive, "--directory", this.root, "."]);
    if (compress) await must("gzip", ["-nf", archive]);
  }
}
