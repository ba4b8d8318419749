#!/bin/sh
# Installs ipbench from the folder that this script is in, or removes it.  SPDX-License-Identifier: MIT
usage="Usage: install.sh [--prefix DIR] [--remove]

Installs the programs, their pages, completions and the service's unit below
DIR (default: /usr/local), and its options, where there are none yet, as
/etc/default/ipbenchd. --remove removes them; options that were changed stay.
Without being root: --prefix to a folder of your own, such as ~/.local.
The variable DESTDIR puts a folder in front of all that. The service is not
started: systemctl enable --now ipbenchd does that."
set -eu
umask 022
stop() {
	echo "install.sh: $*" >&2
	exit "${status:-1}"
}
prefix=/usr/local remove=no
while [ $# -gt 0 ]; do
	case $1 in
	--prefix) [ $# -gt 1 ] || status=2 stop "--prefix needs a folder"; prefix=$2; shift ;;
	--prefix=*) prefix=${1#--prefix=} ;;
	--remove) remove=yes ;;
	-h | --help) echo "$usage"; exit 0 ;;
	*) status=2 stop "$1 is no option; --help names them" ;;
	esac
	shift
done
case $prefix in
*[!A-Za-z0-9._/-]*) status=2 stop "--prefix $prefix: a folder's name is of letters, digits and ._/-" ;;
/*) ;;
*) status=2 stop "--prefix $prefix: a folder's whole path begins with /" ;;
esac
prefix=${prefix%/}
root=${DESTDIR:-}
case $root in
"" | /*) ;;
*) root=$PWD/$root ;;
esac
cd "$(dirname "$0")"
[ -f bin/ipbench ] || stop "bin/ipbench is not beside this script: unpack the archive again"
options=$root/etc/default/ipbenchd
at=$root$prefix
while [ ! -d "$at" ]; do
	at=${at%/*}
	at=${at:-/}
done
[ -w "$at" ] || stop "$at cannot be written to: be root, or name a folder of your own with --prefix"

if [ "$remove" = yes ]; then
	find bin lib share ! -type d | while read -r path; do rm -f "$root$prefix/$path"; done
	find "$root$prefix/share/doc/ipbench" -depth -type d -exec rmdir {} + 2>/dev/null || :
	if [ -f "$options" ]; then
		if ! cmp -s etc/default/ipbenchd "$options"; then
			echo "$options was changed: it stays"
		elif [ -w "${options%/*}" ]; then
			rm "$options"
		else
			echo "$options is root's: it stays"
		fi
	fi
	exit 0
fi
find bin lib share -type d | while read -r path; do mkdir -p "$root$prefix/$path"; done
find bin lib share ! -type d | while read -r path; do
	# A program that runs cannot be written to, but replaced.
	cp -P "$path" "$root$prefix/$path.new"
	mv -f "$root$prefix/$path.new" "$root$prefix/$path"
done
unit=lib/systemd/system/ipbenchd.service
sed "s|/usr/local/bin/|$prefix/bin/|" "$unit" >"$root$prefix/$unit"
if [ ! -f "$options" ] && ! { mkdir -p "${options%/*}" && cp etc/default/ipbenchd "$options"; } 2>/dev/null; then
	[ "$(id -u)" -ne 0 ] || stop "$options cannot be written: the programs are there, the service has no options"
	echo "the service and $options are for root; ipbenchd takes its options on the command line as well"
fi
echo "installed below $root$prefix: ipbench --help, ipbenchd --help"
