#!/bin/sh
# SPDX-License-Identifier: MIT
# One uncontended lock and unlock, in nanoseconds, native and recorded.
#
#   native        the pair alone
#   +clocks       native with two clock reads between lock and unlock: what a recorder cannot avoid
#   sum           native plus the cost of two clock reads back to back, which overlap and cost less
#   trace         recorded exactly, into a file on disk;  profile: folded, bounded file
#   trace/+clocks, trace/sum, profile/+clocks   ratios within one round
#   bytes         per acquisition, in the trace's events
. "$(dirname "$0")/common"

pairs=${PAIRS:-1500000}

measure() {
	row="$1, $2"
	set -- "$1" "$2" $("$bench/pair" "$1" "$2" "$pairs")
	native=$3 clocked=$4
	sum=$(awk -v a="$3" -v b="$5" 'BEGIN { printf "%.2f", a + b }')
	profile=$(ours profile "$bench/pair" "$1" "$2" "$pairs" plain)
	trace=$(ours trace "$bench/pair" "$1" "$2" "$pairs" plain)
	cat <<-END
	$row|native|$native
	$row|+clocks|$clocked
	$row|sum|$sum
	$row|trace|$trace
	$row|trace/+clocks|$(ratio "$trace" "$clocked")
	$row|trace/sum|$(ratio "$trace" "$sum")
	$row|profile|$profile
	$row|profile/+clocks|$(ratio "$profile" "$clocked")
	$row|bytes|$(printf %.2f "$(fact bytes_per_acquisition)")
	END
}

echo "uncontended pair, ns"
for round in $(rounds 5); do
	for kind in mutex recursive rdlock wrlock spin sem; do
		for pattern in one many nested; do
			measure $kind $pattern
		done
	done
done | RANGES=trace,trace/+clocks table 'kind, locks'
