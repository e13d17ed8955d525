#!/bin/sh
# SPDX-License-Identifier: MIT
# What a process and a thread cost before they do anything: time from fork to wait, resident size.
# Resident pages of the trace's mapping are counted in: they are the page cache's, too.
. "$(dirname "$0")/common"

export LOCKPROF_OPTIONS="output=$work/trace.%p"

# row ROW, then wall ns, processor ns and kB: native, recorded
row() {
	cat <<-END
	$1|native us|$(($2 / 1000))
	$1|recorded us|$(($5 / 1000))
	$1|added us|$((($5 - $2) / 1000))
	$1|added cpu us|$((($6 - $3) / 1000))
	$1|native kB|$4
	$1|added kB|$(($7 - $4))
	END
}

process() {
	for round in $(rounds 21); do
		row "$*" $("$bench/cost" "$@") $(COST_PRELOAD=$shim "$bench/cost" "$@")
		rm -f "$work"/trace*
	done
}

per_thread() {
	for round in $(rounds 3); do
		few=$("$bench/idle" 1) many=$("$bench/idle" 101)
		echo "idle thread|native kB|$(((many - few) / 100))"
		few_ours=$(LD_PRELOAD=$shim "$bench/idle" 1)
		many_ours=$(LD_PRELOAD=$shim "$bench/idle" 101)
		echo "idle thread|added kB|$(((many_ours - few_ours - many + few) / 100))"
		rm -f "$work"/trace*
	done
}

echo "start-up and memory"
{
	process /bin/true
	command -v python3 >/dev/null && process python3 -c pass
	per_thread
} | RANGES='added us' table process
