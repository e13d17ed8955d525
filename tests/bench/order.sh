#!/bin/sh
# SPDX-License-Identifier: MIT
# How long `lockprof order` takes to judge 100 inversions among 22,000 locks, in how much memory.
# ORDER_MILLIONS=200 for the size that the design is made for (1.3 GB in /tmp).
. "$(dirname "$0")/common"

echo "order: 100 planted inversions, 16 threads, 22,000 locks"
"$bench/bench_order" "${ORDER_MILLIONS:-10}"
echo "the same, half of all sections are of locks in cycles"
"$bench/bench_order" "${ORDER_MILLIONS:-10}" 2
echo
