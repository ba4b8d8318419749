#!/bin/sh
# One result document for each rate, of one system: what draw.sh makes figures of. The machine under test is as examples/sddf.sh
# describes it; for cycles a packet its meter counts packets, too (docs/target_words.md).
#
#   TARGET=192.0.2.1 CLIENTS="192.0.2.11 192.0.2.12" examples/sddf/measure.sh results/sel4 10000000 20000000 50000000
set -eu

. "${0%/*}/common.sh"

folder=$1
shift
status=0
mkdir -p "$folder"
for rate in "$@"; do
	# A run that is not valid (status 1) has its document, and its reasons are in it.
	measure "$rate" "$ipbench" run --reset --json "$folder/$rate.json" || status=$?
done
exit "$status"
