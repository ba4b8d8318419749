#!/bin/sh
# The sDDF project's charts from folders of documents, a curve for each: received over requested load, CPU summed over cores, thousand
# cycles a packet, mean and p99 round trip; as SVG, PDF, LaTeX (pgfplots) and CSV.
#
#   examples/sddf/draw.sh figures "seL4=results/sel4" "Linux=results/linux"
set -eu

folder=$1
shift
exec "${IPBENCH:-ipbench}" report "$@" --figures "$folder"
