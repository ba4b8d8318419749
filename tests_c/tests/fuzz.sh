#!/bin/sh
# fuzz.sh SECONDS TARGET… : runs each libFuzzer target for so long; stops at the first finding.
# SPDX-License-Identifier: MIT
seconds=$1
shift
for target in "$@"; do
	name=$(basename "$target")
	dir=$(dirname "$target")/corpus-$name
	mkdir -p "$dir"
	if ! "$target" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
		-artifact_prefix="$dir-" "$dir" >"$dir.log" 2>&1; then
		tail -40 "$dir.log"
		echo "not ok $name: finding, see $dir.log"
		exit 1
	fi
	echo "ok $name $(sed -n 's/^stat::number_of_executed_units: */runs=/p' "$dir.log") seconds=$seconds"
done
