#!/bin/sh
# run.sh TEST… -- TEST… : runs test binaries (cmocka), the first ones JOBS at a time (4: they wait more than they work), then
# the others, which measure, one after another; under ThreadSanitizer with addresses that are not random, as it may not find
# room for its own else. RUNNER: a command that starts those of another machine, such as "qemu-aarch64-static".
# Prints a line for each, "ok NAME (VARIANT) passed=N failed=M skipped=S seconds=T", the output of those that failed, why
# some were skipped, and a total for each variant. The first eight of those that failed, or ran beside others and skipped a test, are
# run once more, alone, and then count as they end this time: what a crowded machine did to a test does not last. Exit status 1 when anything failed.  SPDX-License-Identifier: MIT
JOBS=${JOBS:-4}

one() {
	variant=$(basename "$(dirname "$(dirname "$1")")")
	log=$DIR/$variant-$(basename "$1")
	fixed="setarch $(uname -m) -R"
	case $1 in */tsan/*) $fixed true 2>/dev/null || fixed= ;; *) fixed= ;; esac
	begin=$(date +%s%N)
	CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 $fixed ${RUNNER:-} "$1" >"$log" 2>&1
	status=$?
	seconds=$((($(date +%s%N) - begin) / 100000000))
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
		[ "$word" = ok ] && sed -n 's/^# skipped: /  skipped: /p' "$log"
		echo "$word $(basename "$1") ($variant) passed=$passed failed=$failed skipped=$skipped" \
			"seconds=$((seconds / 10)).$((seconds % 10))"
	} >"$log.report"
	flock "$DIR/lock" cat "$log.report"
	echo "$variant $passed $failed $skipped $1" >"$log.counts"
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
{
	cat "$DIR"/*.counts | awk '$3 > 0 { print $5 }'
	cat "$DIR"/*.counts | awk '$3 == 0 && $4 > 0 { print $5 }' | grep -Fxf "$side"
} | head -n 8 >"$DIR/again"
sed 's|.*/|once more, alone: |' "$DIR/again"
xargs -r -n 1 sh "$0" <"$DIR/again"
cat "$DIR"/*.counts | awk -v count="$count" '
	{ n[$1]++; p[$1] += $2; f[$1] += $3; s[$1] += $4; failed += $3 }
	END {
		for (v in n) printf "C tests: %d passed, %d failed, %d skipped, in %d programs (%s)\n", p[v], f[v], s[v], n[v], v
		exit NR == count && failed == 0 ? 0 : 1
	}'
