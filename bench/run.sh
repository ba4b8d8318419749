#!/bin/sh
# Every benchmark, one after another, about half an hour; bench/README.md says what each shows. Nothing else should
# run. Ends with 1 when one of them failed or missed its limit.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
status=0
for bench in host startup start_skew scale engine stream requests threads xdp effect history; do
	echo "== $bench"
	deno run --allow-all "bench/$bench.ts" || status=1
done
echo "== cpu_meter"
sh bench/cpu_meter.sh || status=1
exit $status
