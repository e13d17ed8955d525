#!/bin/sh
# SPDX-License-Identifier: MIT
# What a process and a thread cost before they do anything: time from fork to wait, resident size.
# Resident pages of the trace's mapping are counted in: they are the page cache's, too.
. "$(dirname "$0")/common"

export LOCKPROF_OPTIONS="output=$work/trace.%p"

process() {
	row=$1
	shift
	for round in $(rounds 21); do
		set -- "$@" -- $("$bench/cost" "$@") $(COST_PRELOAD=$shim "$bench/cost" "$@")
		args=
		while [ "$1" != -- ]; do
			args="$args $1"
			shift
		done
		shift
		cat <<-END
		$row|native us|$(($1 / 1000))
		$row|recorded us|$(($4 / 1000))
		$row|added us|$((($4 - $1) / 1000))
		$row|native kB|$3
		$row|added kB|$(($6 - $3))
		END
		set -- $args
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
	process /bin/true /bin/true
	command -v python3 >/dev/null && process "python3 -c pass" python3 -c pass
	per_thread
} | RANGES='added us' table process
