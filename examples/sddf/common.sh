# What sddf.sh and sddf/measure.sh have in common: who takes part, from the environment, and the test at one rate.
ipbench=${IPBENCH:-ipbench}
target=${TARGET:-192.0.2.1}
clients=${CLIENTS:-192.0.2.11}
phases=${PHASES:-warmup=10,cooldown=10,samples=200000}
size=${SIZE:-1472}

n=0
client_args=
for client in $clients; do
	n=$((n + 1))
	client_args="$client_args --client $client"
done

# measure RATE COMMAND...: one run with the command; each client offers its share of the rate.
measure() {
	share=$(($1 / n))
	shift
	"$@" --test latency-check $client_args --test-args "socktype=udp,bps=$share,size=$size,$phases" \
		--test-target "$target" --test-port "${ECHO_PORT:-1235}" \
		--target-test cpu_target_lukem --target-test-hostname "$target" --target-test-port "${METER_PORT:-1237}"
}
