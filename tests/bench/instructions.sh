#!/bin/sh
# SPDX-License-Identifier: MIT
# Instructions per uncontended pair, counted by callgrind: they repeat exactly, whatever else runs.
# Each count is (a run of 2N pairs - a run of N pairs) / N, so flushes of full rings are in it.
# The clock runs on while valgrind simulates, so that times are longer and events take a path of
# some 40 instructions more than at full speed: compare these counts with each other only.
. "$(dirname "$0")/common"

command -v valgrind >/dev/null || {
	echo "instructions: skipped, there is no valgrind"
	exit 0
}
n=${PAIRS:-65536}

# count PAIRS KIND PATTERN, native or with the shim as the environment says
count() {
	valgrind --tool=callgrind --trace-children=yes --callgrind-out-file=/dev/null \
		"$bench/pair" "$2" "$3" "$1" plain 2>&1 >/dev/null |
		sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' | tail -1
}

per_pair() {
	once=$(count "$n" "$@")
	twice=$(count $((2 * n)) "$@")
	awk -v a="$once" -v b="$twice" -v n="$n" 'BEGIN { printf "%.1f", (b - a) / n }'
}

echo "instructions per uncontended pair"
for what in "mutex one" "mutex many" "mutex nested" "recursive one" "rdlock one" "wrlock one" \
	"spin one" "sem one"; do
	set -- $what
	echo "$1, $2|native|$(per_pair "$@")"
	for mode in trace profile; do
		echo "$1, $2|$mode|$(ours $mode per_pair "$@")"
	done
done | table 'kind, locks'
