#!/bin/sh
# How far cpu_target and cpu_target_lukem are from a burner that uses a known share of one CPU.
#   bench/cpu_meter.sh [REPETITIONS [SECONDS]]      median of 5 of 2 s each by default
# Prints a table; exits 1 when a median is further off than 2 points, 3 when the machine is too busy to tell: other work
# that uses more than 10 % of that CPU leaves no room for a burner of 90 %. The last CPU that this shell may use is measured.
# Its use without the burner (timer ticks, other interrupts, what the hypervisor takes) is measured beside each run. It
# is expected in the time that the burner leaves only: interrupts that come while the burner runs are in the CPU time that
# the kernel charges to it. So a burner of share B beside other use U should read B + (1 - B) x U.
# SPDX-License-Identifier: MIT
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
repetitions=${1:-5} seconds=${2:-2}
build=$root/build/bench
make -s -C "$root/bench" >/dev/null
drive=$root/build/drive
cpu=$(taskset -cp $$ | sed 's/.*[ ,-]//')

measure() { # PLUGIN: the figure for that CPU over $seconds
	"$drive" -q -s "$seconds" "$root/build/plugins/$1.so" "cpus=$cpu-$cpu" 2>/dev/null | cut -d, -f1
}
median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

status=0
printf 'plugin             burner %%  measured %%  without %%  error (points, median of %s)\n' "$repetitions"
for plugin in cpu_target cpu_target_lukem; do
	for share in 10 30 50 70 90; do
		: >"$build/errors"
		i=0
		while [ $i -lt "$repetitions" ]; do
			without=$(measure $plugin)
			"$build/cpu_meter" "$cpu" $share "$(awk "BEGIN { print $seconds + 1 }")" >"$build/truth" &
			burner=$!
			sleep 0.3
			with=$(measure $plugin)
			wait $burner
			truth=$(cat "$build/truth")
			awk "BEGIN { printf \"%.2f %.2f %.2f %.2f\\n\", $with - $truth - (1 - $truth / 100) * $without, $truth, $with, $without }" \
				>>"$build/errors"
			i=$((i + 1))
		done
		error=$(cut -d' ' -f1 "$build/errors" | median)
		printf '%-18s %8s  %10s  %9s  %s\n' $plugin "$(cut -d' ' -f2 "$build/errors" | median)" \
			"$(cut -d' ' -f3 "$build/errors" | median)" "$(cut -d' ' -f4 "$build/errors" | median)" "$error"
		idle=$(cut -d' ' -f4 "$build/errors" | median)
		if awk "BEGIN { exit !($idle > 10) }"; then
			echo "cpu_meter: other work used $idle % of CPU $cpu: this row says nothing" >&2
			[ $status -ne 0 ] || status=3
		elif awk "BEGIN { exit !($error > 2 || $error < -2) }"; then
			status=1
		fi
	done
done
exit $status
