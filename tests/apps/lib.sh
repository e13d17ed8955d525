# SPDX-License-Identifier: MIT
# For tests of real programs, to be sourced first. Each runs the same work natively and recorded and
# compares what came of it, then reads the traces: tests/apps/traces.py says what must hold for them.
#
#   needs PROGRAM...          skips the whole test where one is not installed
#   same NAME COMMAND...      status, output and errors, native and in both modes; and the traces
#   on SIDE COMMAND...        SIDE is native, trace or profile
#   serve SIDE COMMAND...     the same in the background, its output in ./SIDE.log; $server is its pid
#   until_true COMMAND...     waits until it succeeds, 30 s at most
#   stop [SIGNAL]             ends the server by a signal; its exit status is in $status
#   traces NAME [OPTION...]   checks and removes the traces that were left, with traces.py's options
#
# No command lives longer than $limit_s, no server longer than this script. $filter is what `same`
# sends output and errors through before it compares them (times, process ids), $modes which modes it
# records in, $may has the options for traces.py that `same` hands on.
apps=$(cd "${0%/*}" && pwd)
. "$apps/../lib/tap.sh"
lockprof=$BUILD/lockprof
shim=$BUILD/liblockprof.so
limit_s=120
filter=cat
modes='trace profile'
may=
guard=
mkdir traces
trap 'finish' EXIT
trap 'exit 1' HUP INT TERM

finish()
{
	if [ -n "$guard" ]; then
		kill -KILL "$server" "$guard" 2>/dev/null
		wait
	fi
	rm -rf "$tmp"
}

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 0
}

needs()
{
	for program; do
		command -v "$program" >/dev/null || skip_all "$program is not installed"
	done
}

# The shell becomes the command: for subshells.
become()
{
	side=$1
	shift
	case $side in
	native) exec timeout -k 5 "$limit_s" "$@" ;;
	*) exec timeout -k 5 "$limit_s" env LD_PRELOAD="$shim" \
		LOCKPROF_OPTIONS="output=$tmp/traces/%e.%p:mode=$side" "$@" ;;
	esac
}

on()
{
	(become "$@")
}

# One run, as three files: SIDE.out, SIDE.err and SIDE.status
keep()
{
	on "$@" >raw.out 2>raw.err </dev/null
	echo $? >"$1.status"
	$filter <raw.out >"$1.out"
	$filter <raw.err >"$1.err"
}

alike()
{
	if cmp -s "native.$2" "$3.$2"; then
		is "$1, $3 mode: same $2" x x
	else
		diff -a "native.$2" "$3.$2" | cut -c1-300 | head -20 | sed 's/^/# /' >&2
		is "$1, $3 mode: same $2" "the native $2" 'another'
	fi
}

same()
{
	name=$1
	shift
	keep native "$@"
	for mode in $modes; do
		keep "$mode" "$@"
		for part in status out err; do
			alike "$name" "$part" "$mode"
		done
		# shellcheck disable=SC2086 # a list of options
		traces "$name, $mode mode" $may
	done
}

# timeout is the child that the shell knows, the server is timeout's.
serve()
{
	become "$@" >"$1.log" 2>&1 &
	guard=$!
	until_true serving
}

serving()
{
	server=$(cat "/proc/$guard/task/$guard/children")
	server=${server%% *}
	[ -n "$server" ]
}

until_true()
{
	for _ in $(seq 300); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	echo "# not within 30 s: $*" >&2
	return 1
}

stop()
{
	kill "-${1:-TERM}" "$server"
	wait "$guard"
	status=$?
	guard=
}

traces()
{
	what=$1
	shift
	is "$what: the traces are whole" '' "$(python3 "$apps/traces.py" "$lockprof" traces "$@" 2>&1)"
	[ -e facts ] && cat facts
	rm -rf traces/* facts
}
