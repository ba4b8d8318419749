#!/bin/sh
# run.sh TEST… -- TEST… : runs test binaries (cmocka), the first ones two at a time, then the others, which measure, one
# after another; under ThreadSanitizer with addresses that are not random, as it may not find room for its own else.
# Prints a line for each, "ok NAME passed=N failed=M", the output of those that failed, and a total. Exit status 1 when
# anything failed.  SPDX-License-Identifier: MIT
JOBS=2

one() {
	log=$DIR/$(basename "$1")
	fixed="setarch $(uname -m) -R"
	case $1 in */tsan/*) $fixed true 2>/dev/null || fixed= ;; *) fixed= ;; esac
	CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 $fixed "$1" >"$log" 2>&1
	status=$?
	passed=$(grep -c '^ok ' "$log")
	skipped=$(grep -c '^not ok .*# SKIP' "$log")
	failed=$(($(grep -c '^not ok ' "$log") - skipped))
	word=ok
	if [ "$status" -ne 0 ] || [ $((passed + skipped)) -eq 0 ]; then
		word="not ok"
		[ "$failed" -eq 0 ] && failed=1
	fi
	{
		[ "$word" = ok ] || sed 's/^/  /' "$log"
		echo "$word $(basename "$1") passed=$passed failed=$failed skipped=$skipped"
	} >"$log.told"
	flock "$DIR/lock" cat "$log.told"
	echo "$passed $failed $skipped" >"$log.counts"
}

if [ -n "${DIR:-}" ]; then # called by xargs, below
	one "$1"
	exit 0
fi
DIR=$(mktemp -d) || exit 1
export DIR
trap 'rm -rf "$DIR"' EXIT
count=0 side=$DIR/side alone=$DIR/alone list=$side
: >"$side" >"$alone"
for test in "$@"; do
	if [ "$test" = -- ]; then list=$alone; else
		echo "$test" >>"$list"
		count=$((count + 1))
	fi
done
xargs -r -P "$JOBS" -n 1 sh "$0" <"$side"
xargs -r -n 1 sh "$0" <"$alone"
set -- $(cat "$DIR"/*.counts | awk '{ p += $1; f += $2; s += $3 } END { print NR, p, f, s }')
echo "C tests: $2 passed, $3 failed, $4 skipped, in $1 programs"
[ "$1" -eq "$count" ] && [ "$3" -eq 0 ]
