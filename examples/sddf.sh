#!/bin/sh
# The way the sDDF project measures its network stack: no file, one command line a rate, the row on stdout. The machine
# under test answers UDP on port 1235, proving that it read each packet (latency-check), and has a meter on port 1237
# that reports idle and total cycles as ",IDLE,TOTAL", which makes 12 columns.
#
#   IPBENCH=dist/ipbench TARGET=192.0.2.1 CLIENTS="192.0.2.11 192.0.2.12" examples/sddf.sh 10000000 20000000 50000000
set -eu

ipbench=${IPBENCH:-ipbench}
target=${TARGET:-192.0.2.1}
clients=${CLIENTS:-192.0.2.11}
phases=${PHASES:-warmup=10,cooldown=10,samples=200000}
size=${SIZE:-1472}

n=0
status=0
client_args=
for client in $clients; do
	n=$((n + 1))
	client_args="$client_args --client $client"
done

for rate in "$@"; do
	"$ipbench" abort $clients >&2 || true
	# Each client offers its share of the rate. A run that is not valid (status 1) still has its row, and its reasons are
	# on stderr.
	row=$("$ipbench" --debug --test latency-check --port 8036 $client_args \
		--test-args "socktype=udp,bps=$((rate / n)),size=$size,$phases" \
		--test-target "$target" --test-port "${ECHO_PORT:-1235}" \
		--target-test cpu_target_lukem --target-test-hostname "$target" --target-test-port "${METER_PORT:-1237}") || status=$?
	printf '%s' "$row" | tr -d '\n'
	echo
done
exit "$status"
