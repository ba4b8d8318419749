#!/bin/sh
# Every benchmark, one after another, about ten minutes; bench/README.md says what each shows. Nothing else should
# run. Ends with 1 when one of them failed or missed its limit.
# SPDX-License-Identifier: MIT
cd "$(dirname "$0")/.." || exit 1
status=0
for bench in host overhead start_skew scale engine requests; do
	echo "== $bench"
	deno run --allow-all "bench/$bench.ts" || status=1
done
echo "== cpu_meter"
sh bench/cpu_meter.sh || status=1
exit $status
