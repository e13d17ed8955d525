#!/bin/sh
# SPDX-License-Identifier: MIT
# Throughput of a lock that several threads want, in thousand turns per second.
#
#   native, +clocks   the program alone, and with two clock reads under the lock
#   trace, profile    recorded; ratios to native within one round
#   cpu: ...          the same per second of processor time: less moved by what runs beside, and
#                     blind to time lost asleep
#   waits             contended acquisitions in the trace, per hundred
#
# short: about 20 ns under the lock and 90 ns outside; medium: about 1 us and 1 us.
. "$(dirname "$0")/common"

ms=${MS:-200}

measure() {
	row=$1
	shift
	native=$("$bench/contended" "$@" "$ms")
	clocked=$("$bench/contended" "$@" "$ms" clocked)
	profile=$(ours profile "$bench/contended" "$@" "$ms")
	trace=$(ours trace "$bench/contended" "$@" "$ms")
	acquired=$(fact acquisition)
	waited=$(fact wait-begin)
	set -- $native $clocked $trace $profile
	cat <<-END
	$row|native|$1
	$row|trace|$5
	$row|trace/native|$(ratio "$5" "$1")
	$row|profile/native|$(ratio "$7" "$1")
	$row|cpu: +clocks/native|$(ratio "$4" "$2")
	$row|cpu: trace/native|$(ratio "$6" "$2")
	$row|cpu: trace/+clocks|$(ratio "$6" "$4")
	$row|waits|$(awk -v a="$waited" -v b="$acquired" 'BEGIN { printf "%.1f", a * 100 / b }')
	END
}

echo "contended, thousand turns per second"
for round in $(rounds 7); do
	for threads in 2 8; do
		measure "mutex short, $threads" mutex $threads 25 125
		measure "mutex medium, $threads" mutex $threads 1250 1250
		measure "rwlock 90 % read, $threads" rwlock $threads 1250 1250
	done
	measure "cond ping-pong, 2" cond 2 25 25
done | RANGES=trace/native,cpu:\ trace/native table 'lock, threads'
