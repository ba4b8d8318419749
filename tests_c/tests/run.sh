#!/bin/sh
# Runs test binaries (cmocka) one after another; under ThreadSanitizer with addresses that are not random, as it may not
# find room for its own else. Prints a line for each, "ok NAME passed=N failed=M", the output of
# those that failed, and a total. Exit status 1 when anything failed.  SPDX-License-Identifier: MIT
fixed="setarch $(uname -m) -R"
case $1 in */tsan/*) $fixed true 2>/dev/null || fixed= ;; *) fixed= ;; esac
passed=0 failed=0 skipped=0 broken=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for test in "$@"; do
	CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 $fixed "$test" >"$log" 2>&1
	status=$?
	p=$(grep -c '^ok ' "$log")
	s=$(grep -c '^not ok .*# SKIP' "$log")
	f=$(($(grep -c '^not ok ' "$log") - s))
	word=ok
	if [ "$status" -ne 0 ] || [ $((p + s)) -eq 0 ]; then
		word="not ok"
		broken=$((broken + 1))
		[ "$f" -eq 0 ] && f=1
		sed 's/^/  /' "$log"
	fi
	echo "$word $(basename "$test") passed=$p failed=$f skipped=$s"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
done
echo "C tests: $passed passed, $failed failed, $skipped skipped, in $# programs"
[ "$failed" -eq 0 ] && [ "$broken" -eq 0 ]
