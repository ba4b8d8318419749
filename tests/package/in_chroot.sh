#!/bin/sh
# in_chroot.sh ROOT OLD.deb NEW.deb : in a minimal Debian below ROOT, installs a package, runs the daemon as its unit does,
# measures with it, upgrades, purges. Called within mount, network and process namespaces of its own (unshare), with which
# mounts and processes end. Prints "ok STEP" for each step.
set -eu
root=$1
cp "$2" "$root/old.deb"
cp "$3" "$root/new.deb"
mount -t proc proc "$root/proc"
ip link set lo up
within() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
# What a package manager writes of itself is no part of the package.
files() { (cd "$root" && find . -path ./proc -prune -o -path ./var/lib/dpkg -prune -o -path ./var/log -prune -o -print | sort); }
install -d -m 700 "$root/var/cache/private" # systemd makes it, and keeps it
files >"$root.before"

within dpkg --install /old.deb
within ipbench --version
within ipbenchd --version
echo "ok installs"

sed -i 's/^IPBENCHD_OPTIONS=.*/IPBENCHD_OPTIONS="--target --ip 127.0.0.1"/' "$root/etc/default/ipbenchd"
# As the unit: its options, its command line, its capability, a user without rights, a cache folder.
within sh -c '
	. /etc/default/ipbenchd
	command=$(sed -n "s/^ExecStart=//p" /usr/lib/systemd/system/ipbenchd.service)
	mkdir /var/cache/private/ipbench
	ln -s private/ipbench /var/cache/ipbench
	chmod 711 /var/cache/private
	chown 64999:64999 /var/cache/private/ipbench
	export XDG_CACHE_HOME=/var/cache/ipbench HOME=/var/cache/ipbench IPBENCHD_OPTIONS
	eval exec setpriv --reuid=64999 --regid=64999 --clear-groups --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw \
		--bounding-set=-all,+net_raw --no-new-privs $command
' 2>"$root.log" &
daemon=$!
tries=0
until grep -q "ready: " "$root.log"; do
	tries=$((tries + 1))
	if [ $tries -gt 300 ] || ! kill -0 $daemon; then
		cat "$root.log" >&2
		exit 1
	fi
	sleep 0.1
done
echo "ok starts: $(sed -n 's/^ipbenchd: //p' "$root.log" | head -1)"
within ipbench quick 127.0.0.1 --json - >"$root.json"
kill $daemon
wait $daemon || :
echo "ok answers"

# The package's own options have changed, too, and nobody can be asked.
within dpkg --install --force-confold /new.deb </dev/null
grep -q '^IPBENCHD_OPTIONS="--target --ip 127.0.0.1"' "$root/etc/default/ipbenchd"
echo "ok upgrades: $(within dpkg-query --show --showformat='${Version}' ipbench)"

# What an owner who enables the service makes (systemctl enable).
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s /usr/lib/systemd/system/ipbenchd.service "$root/etc/systemd/system/multi-user.target.wants/"
within dpkg --purge ipbench
files >"$root.after"
diff "$root.before" "$root.after"
echo "ok leaves nothing"
