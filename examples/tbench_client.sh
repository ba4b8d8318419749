#!/bin/sh
# tbench (Debian: dbench) against SERVER, and its figures as lines of which client_wrapper makes metrics.
#
#   tbench_client.sh SERVER [SECONDS] [CLIENTS]
set -eu

tbench -t "${2:-10}" "${3:-1}" "$1" | awk '
  /^Throughput / {
    found = 1
    print "metric: sum_throughput " $2 " " ($3 == "MB/sec" ? "MB/s" : $3)
    if (match($0, /max_latency=[0-9.]+/)) print "metric: max_latency " substr($0, RSTART + 12, RLENGTH - 12) " ms"
  }
  table && NF == 4 { operations += $2 }
  /^ *-+$/ { table = 1 }
  NF == 0 && operations > 0 { table = 0 }
  END {
    if (!found) { print "tbench gave no result" > "/dev/stderr"; exit 1 }
    print "metric: sum_operations " operations
  }'
