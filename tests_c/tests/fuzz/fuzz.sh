#!/bin/sh
# fuzz.sh SECONDS TARGET… : runs each libFuzzer target for so long, as many side by side as there are processors.
# SPDX-License-Identifier: MIT
seconds=$1
shift

one() {
	name=$(basename "$1")
	dir=$(dirname "$1")/corpus-$name
	mkdir -p "$dir"
	if ! "$1" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
		-artifact_prefix="$dir-" "$dir" >"$dir.log" 2>&1; then
		tail -40 "$dir.log"
		echo "not ok $name: finding, see $dir.log"
		return 1
	fi
	echo "ok $name $(sed -n 's/^stat::number_of_executed_units: */runs=/p' "$dir.log") seconds=$seconds"
}

status=0
while [ $# -gt 0 ]; do
	pids=
	for _ in $(seq "$(nproc)"); do
		[ $# -gt 0 ] || break
		one "$1" &
		pids="$pids $!"
		shift
	done
	for pid in $pids; do wait "$pid" || status=1; done
done
exit $status
