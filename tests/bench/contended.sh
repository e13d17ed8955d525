#!/bin/sh
# SPDX-License-Identifier: MIT
# Throughput of a lock that several threads want, in thousand turns per second.
#
# short: about 20 ns under the lock, medium: about 1 us; the same loop with ten times that outside
# is `outside`. waits: contended acquisitions of the trace, per hundred.
. "$(dirname "$0")/common"

ms=${MS:-250}

measure() {
	row=$1
	shift
	native=$("$bench/contended" "$@" "$ms")
	profile=$(ours profile "$bench/contended" "$@" "$ms")
	trace=$(ours trace "$bench/contended" "$@" "$ms")
	acquired=$(fact acquisition)
	waited=$(fact wait-begin)
	cat <<-END
	$row|native|$native
	$row|trace|$trace
	$row|profile|$profile
	$row|trace/native|$(ratio "$trace" "$native")
	$row|profile/native|$(ratio "$profile" "$native")
	$row|waits|$(awk -v a="$waited" -v b="$acquired" 'BEGIN { printf "%.1f", a * 100 / b }')
	END
}

echo "contended, thousand turns per second"
for round in $(rounds 7); do
	for threads in 2 8; do
		measure "mutex short, $threads threads" mutex $threads 25 125
		measure "mutex medium, $threads threads" mutex $threads 1250 1250
		measure "mutex medium, outside 10x, $threads threads" mutex $threads 1250 12500
		measure "rwlock 90 % readers, $threads threads" rwlock $threads 1250 1250
	done
	measure "cond ping-pong, 2 threads" cond 2 25 25
done | RANGES=native,trace/native,profile/native table 'lock'
