/**
 * What `ipbench deploy` runs on the other machine, with sh.
 *
 * @module
 */

/** Exit status of {@linkcode INSPECT_SCRIPT} when what is needed there is not there; its last line on stderr says what. */
export const UNFIT = 69;

const AS_ROOT = `as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }`;

/**
 * Checks whether it can be done, and changes nothing. Words: the folder for programs, and "service" or "copy". Prints the
 * SHA-256 of the program that is there, if any.
 */
export const INSPECT_SCRIPT = `set -eu
bin=$1 what=$2
${AS_ROOT}
as_root true || { echo "root is needed: log in as root, or allow sudo without a password" >&2; exit ${UNFIT}; }
if [ "$what" != copy ]; then
  as_root systemctl daemon-reload >&2 || {
    echo "there is no systemd that could run a service; --no-service copies the programs alone" >&2
    exit ${UNFIT}
  }
fi
if [ -f "$bin/ipbench" ]; then sha256sum "$bin/ipbench" 2>/dev/null || :; fi
`;

/** Command that writes the program from its standard input into a new folder that nobody else can read. */
export function uploadCommand(stage: string): string {
  return `sh -c 'mkdir -m 700 ${stage} && exec cat > ${stage}/ipbench'`;
}

/**
 * Removes the folder; a script that is at work in it is asked to end, which undoes what it has done. Word: the folder.
 * Fails when the folder is still there after a few seconds.
 */
export const CLEAR_SCRIPT = `stage=$1
if ! kill -TERM "$(cat "$stage/pid" 2>/dev/null)" 2>/dev/null; then rm -rf "$stage"; fi
left=40
while [ -d "$stage" ] && [ $left -gt 0 ]; do sleep 0.2; left=$((left - 1)); done
[ ! -d "$stage" ]
`;

/** A file that the script installs. */
export interface DeployFile {
  /** Folder there. */
  folder: string;
  name: string;
  mode: 600 | 644;
  /** `null`: such a file is removed. */
  content: Uint8Array | null;
}

/** What is installed beside the programs. */
export interface DeployFiles {
  /** These take the place of what is there. */
  always: DeployFile[];
  /** These are for a machine on which the first of them is missing. */
  unlessThere: DeployFile[];
}

/**
 * Makes the script that installs everything or nothing. Its words: the folder with the program, the folder for programs,
 * "service" or "copy", and "new" or "same": whether there is a program to install. New files take their place by a
 * rename, so that a daemon that runs goes on with its own; what they replace is kept beside them until the end.
 *
 * @param files what is installed beside the programs; paths are of characters that mean nothing to a shell
 * @returns the script
 */
export function installScript(files: DeployFiles): string {
  const [first] = files.unlessThere;
  const guarded = first === undefined ? [] : [
    `if [ ! -f ${first.folder}/${first.name} ]; then`,
    ...files.unlessThere.map(lineFor),
    "fi",
  ];
  return BEFORE + [...files.always.map(lineFor), ...guarded].map((line) => `${line}\n`).join("") + AFTER;
}

function lineFor({ folder, name, mode, content }: DeployFile): string {
  if (content === null) return `remove ${folder} ${name}`;
  return `text ${folder} ${name} ${mode} ${content.toBase64()}`;
}

// The whole is a function: sh does nothing before it has read its end, so half a script does nothing.
const BEFORE = `set -eu
${AS_ROOT}
stage=$1 bin=$2 what=$3 program=$4
umask 077
changed= made= finished=no was= why=
finish() {
  status=$?
  trap - EXIT
  trap '' INT TERM HUP
  set +e
  if [ $finished = no ]; then undo > /dev/null 2>&1; fi
  for place in $changed; do as_root rm -f "\${place%/*}/.\${place##*/}.old" "\${place%/*}/.\${place##*/}.new"; done
  rm -rf "$stage"
  if [ -n "$why" ]; then echo "$why" >&2; fi
  exit $status
}
undo() {
  if [ "$was" = absent ]; then as_root systemctl disable --now ipbenchd; fi
  for place in $changed; do
    old=\${place%/*}/.\${place##*/}.old
    if [ -e "$old" ] || [ -L "$old" ]; then as_root mv -f "$old" "$place"; else as_root rm -f "$place"; fi
  done
  for folder in $made; do as_root rmdir "$folder"; done
  if [ "$what" != copy ]; then
    as_root systemctl daemon-reload
    if [ "$was" = active ]; then as_root systemctl restart ipbenchd; else as_root systemctl stop ipbenchd; fi
  fi
}
folder() {
  [ -z "$1" ] || [ -d "$1" ] && return
  folder "\${1%/*}"
  as_root mkdir -m 755 "$1"
  made="$1 $made"
}
keep() {
  as_root rm -f "$1/.$2.old" "$1/.$2.new"
  changed="$changed $1/$2"
  if [ -e "$1/$2" ] || [ -L "$1/$2" ]; then
    as_root ln "$1/$2" "$1/.$2.old" 2>/dev/null || as_root cp -pP "$1/$2" "$1/.$2.old"
  fi
}
place() {
  folder "$2"
  keep "$2" "$3"
  as_root install -m "$4" "$1" "$2/.$3.new"
  as_root mv -f "$2/.$3.new" "$2/$3"
}
text() {
  printf %s "$4" | base64 -d > "$stage/text"
  place "$stage/text" "$1" "$2" "$3"
}
remove() {
  [ -e "$1/$2" ] || return 0
  keep "$1" "$2"
  as_root rm -f "$1/$2"
}
programs() {
  if [ "$program" = new ]; then place "$stage/ipbench" "$bin" ipbench 755; fi
  # One file under two names: a program knows by its name which of the two it is.
  if [ -L "$bin/ipbenchd" ] || ! [ "$bin/ipbench" -ef "$bin/ipbenchd" ]; then
    keep "$bin" ipbenchd
    as_root ln "$bin/ipbench" "$bin/.ipbenchd.new" 2>/dev/null || as_root cp -p "$bin/ipbench" "$bin/.ipbenchd.new"
    as_root mv -f "$bin/.ipbenchd.new" "$bin/ipbenchd"
  fi
}
texts() {
:
`;

const AFTER = `}
main() {
  if [ "$program" = same ]; then mkdir -m 700 "$stage"; fi
  echo $$ > "$stage/pid"
  trap finish EXIT
  trap 'exit 130' INT TERM HUP
  if [ "$what" != copy ]; then
    was=$(systemctl is-active ipbenchd 2>/dev/null || :)
    if [ "$was" != active ] && ! systemctl is-enabled ipbenchd > /dev/null 2>&1; then was=absent; fi
  fi
  programs
  texts
  "$bin/ipbenchd" --version
  if [ "$what" != copy ]; then
    as_root systemctl daemon-reload
    as_root systemctl enable ipbenchd >&2
    as_root systemctl restart ipbenchd || {
      why="the service did not start: $(as_root journalctl -q -o cat -n 1 -t ipbenchd 2> /dev/null || :)"
      exit ${UNFIT}
    }
    systemctl is-active ipbenchd
  fi
  finished=yes
}
main
`;
