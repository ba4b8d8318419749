/**
 * What `ipbench deploy` runs on the other machine, with sh. Its words are: the folder with the copied files, the folder
 * for programs, the one for settings, "service", "upgrade" (what there is of a secret stays) or "copy", and the name of the copied program.
 *
 * @module
 */

/** The script. New files take their place by a rename, so that a daemon that runs goes on with its own. */
export const DEPLOY_SCRIPT = `set -eu
stage=$1 bin=$2 etc=$3 what=$4 name=$5
trap 'rm -rf "$stage"' EXIT
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
as_root mkdir -p "$bin"
for program in ipbench ipbenchd; do
  as_root install -m 755 "$stage/$name" "$bin/.$program.new"
  as_root mv -f "$bin/.$program.new" "$bin/$program"
done
if [ "$what" != copy ]; then
  dropin=$etc/systemd/system/ipbenchd.service.d
  as_root mkdir -p "$etc/systemd/system" "$etc/default"
  as_root install -m 644 "$stage/ipbenchd.service" "$etc/systemd/system/ipbenchd.service"
  if [ -f "$stage/ipbenchd.default" ]; then
    as_root install -m 644 "$stage/ipbenchd.default" "$etc/default/ipbenchd"
  fi
  if [ "$what" = service ] || [ ! -f "$dropin/ipbench-secret.conf" ]; then
    as_root mkdir -p "$dropin"
    as_root install -m 644 "$stage/ipbenchd-secret.conf" "$dropin/ipbench-secret.conf"
    if [ -f "$stage/ipbench.secret" ]; then
      as_root mkdir -p -m 755 "$etc/ipbench"
      as_root install -m 600 "$stage/ipbench.secret" "$etc/ipbench/secret"
    fi
  fi
  as_root systemctl daemon-reload
  as_root systemctl enable ipbenchd >&2
  as_root systemctl restart ipbenchd
fi
"$bin/ipbenchd" --version
if [ "$what" != copy ]; then systemctl is-active ipbenchd; fi
`;
