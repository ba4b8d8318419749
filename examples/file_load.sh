#!/bin/sh
# A file server's load on a folder, such as one that is mounted over NFS: dbench (Debian: dbench) with so many clients, and
# its figures as lines of which client_wrapper makes metrics. What it writes is removed again.
#
#   file_load.sh FOLDER [SECONDS] [CLIENTS]
set -eu

folder=$(mktemp -d "$1/ipbench-load-XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
dbench -D "$folder" -t "${2:-10}" "${3:-1}" | awk '
  /^Throughput / {
    found = 1
    print "metric: sum_throughput " $2 " " ($3 == "MB/sec" ? "MB/s" : $3)
    if (match($0, /max_latency=[0-9.]+/)) print "metric: max_latency " substr($0, RSTART + 12, RLENGTH - 12) " ms"
  }
  table && NF == 4 { print "metric: mean_" tolower($1) " " $3 " ms"; operations += $2 }
  /^ *-+$/ { table = 1 }
  NF == 0 && operations > 0 { table = 0 }
  END {
    if (!found) { print "dbench gave no result" > "/dev/stderr"; exit 1 }
    print "metric: sum_operations " operations
  }'
