# To be sourced by the scripts, from the project's folder: finds or fetches Deno, and keeps everything below .tools/.
# Sets DENO and DENO_DIR.  SPDX-License-Identifier: MIT

stop() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# Whether $1 is a Deno that will do: 2.6.8 or newer, below 3.
suits() {
	version=$("$1" --version 2>/dev/null | sed -n '1s/^deno \([0-9.]*\).*/\1/p')
	echo "$version" | awk -F. '{ exit !($1 == 2 && ($2 > 6 || ($2 == 6 && $3 >= 8))) }'
}

for tool in gcc make; do
	command -v $tool >/dev/null || stop "$tool is missing: install it (Debian: apt-get install gcc make libc6-dev)"
done
mkdir -p .tools
export DENO_DIR="$PWD/.tools/deno_dir" DENO_NO_UPDATE_CHECK=1
# Deno below 2.7 does not look at the certificates of the system by itself.
export DENO_TLS_CA_STORE="${DENO_TLS_CA_STORE:-mozilla,system}"
DENO=
for candidate in "$(command -v deno)" .tools/node_modules/@deno/linux-*/deno; do
	if [ -x "$candidate" ] && suits "$candidate"; then
		DENO=$candidate
		break
	fi
done
if [ -z "$DENO" ]; then
	command -v npm >/dev/null || stop "npm is missing: install it (Debian: apt-get install npm), or put Deno 2.9 on PATH"
	echo "fetching Deno, once, below .tools/" >&2
	cp scripts/tools/package.json scripts/tools/package-lock.json .tools/
	npm ci --prefix .tools --ignore-scripts --no-audit --no-fund --loglevel=error >&2 ||
		stop "npm could not fetch Deno: is the package registry reachable?"
	for candidate in .tools/node_modules/@deno/linux-*/deno; do
		if [ -x "$candidate" ] && suits "$candidate"; then DENO=$candidate; fi
	done
	[ -n "$DENO" ] || stop "npm has no Deno for this machine: put Deno 2.9 on PATH (npm has it for x86-64 and arm64 with glibc)"
fi
case $DENO in
/*) ;;
*) DENO=$PWD/$DENO ;;
esac
export DENO
PATH=$(dirname "$DENO"):$PATH

# The packages of deno.lock are fetched once; without a change nothing is looked up again.
if ! cmp -s deno.lock .tools/fetched.lock; then
	"$DENO" install --frozen --quiet >&2 ||
		stop "the packages of deno.lock could not be fetched: is the package registry reachable?"
	cp deno.lock .tools/fetched.lock
fi
