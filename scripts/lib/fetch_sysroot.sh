#!/bin/sh
# Fetches Debian's packages for another architecture, with all that they depend on, and unpacks them into a folder; the
# system's packages and apt's lists stay as they are. The folder gets a database of them for dpkg-query --admindir.
# Arguments: FOLDER ARCHITECTURE PACKAGE…  SPDX-License-Identifier: MIT
set -eu
root=$1/root apt=$1/apt architecture=$2
shift 2

with_own_lists() {
	apt-get -q -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
		-o Dir::State::lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache::archives="$apt/archives" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Debug::NoLocking=1 -o APT::Sandbox::User= "$@"
}

mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$root/var/lib/dpkg/info"
: >"$apt/status"
with_own_lists update
with_own_lists install --yes --download-only --no-install-recommends "$@"
for package in "$apt"/archives/*.deb; do
	dpkg-deb --extract "$package" "$root"
	name=$(dpkg-deb --field "$package" Package)
	{ dpkg-deb --field "$package" && echo "Status: install ok unpacked" && echo; } >>"$root/var/lib/dpkg/status"
	dpkg-deb --fsys-tarfile "$package" | tar -t | sed 's|^\.||; s|/$||; s|^$|/.|' >"$root/var/lib/dpkg/info/$name.list"
done
