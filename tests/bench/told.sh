#!/bin/sh
# SPDX-License-Identifier: MIT
# What a program pays for telling (lockprof.h), without and with the shim, and for locks while
# recording is off. Instructions by callgrind repeat exactly; times are lowest deciles.
. "$(dirname "$0")/common"

calls=${CALLS:-1000000}

# count CALLS WHAT: instructions
count() {
	valgrind --tool=callgrind --trace-children=yes --callgrind-out-file=/dev/null \
		"$bench/told" "$2" "$1" 2>&1 >/dev/null | sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' | tail -1
}

per_call() {
	once=$(count 50000 "$1")
	twice=$(count 100000 "$1")
	awk -v a="$once" -v b="$twice" 'BEGIN { printf "%.1f", (b - a) / 50000 }'
}

if command -v valgrind >/dev/null; then
	echo "instructions per call (pair, stopped: of a mutex)"
	for what in work own pair stopped; do
		echo "$what|native|$(per_call $what)"
		for mode in trace profile; do
			echo "$what|$mode|$(ours $mode per_call $what)"
		done
	done | table call
fi
echo "ns per call"
for round in $(rounds 5); do
	for what in nothing work own pair stopped; do
		echo "$what|native|$("$bench/told" $what "$calls")"
		for mode in trace profile; do
			echo "$what|$mode|$(ours $mode "$bench/told" $what "$calls")"
		done
	done
	for threads in 1 100 1000; do
		echo "phase, $threads threads|native|$("$bench/told" phase "$calls" $threads)"
		echo "phase, $threads threads|trace|$(ours trace "$bench/told" phase 20000 $threads)"
	done
done | table call
