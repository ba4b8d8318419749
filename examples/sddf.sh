#!/bin/sh
# The way the sDDF project measures its network stack: no file, one command line a rate, the row on stdout. The machine
# under test answers UDP on port 1235, proving that it read each packet (latency-check), and has a meter on port 1237
# that reports idle and total cycles as ",IDLE,TOTAL", which makes 12 columns.
#
#   IPBENCH=dist/ipbench TARGET=192.0.2.1 CLIENTS="192.0.2.11 192.0.2.12" examples/sddf.sh 10000000 20000000 50000000
set -eu

. "${0%/*}/sddf/common.sh"

status=0
for rate in "$@"; do
	"$ipbench" abort $clients >&2 || true
	# A run that is not valid (status 1) still has its row, and its reasons are on stderr.
	row=$(measure "$rate" "$ipbench" --debug --port 8036) || status=$?
	printf '%s' "$row" | tr -d '\n'
	echo
done
exit "$status"
