#!/bin/sh
# SPDX-License-Identifier: MIT
# The same programs under other tools that see locks, as far as they are installed: LTTng's pthread
# wrapper (every lock call as an event, through a session daemon), mutrace (statistics), Valgrind's
# drd and helgrind (simulation: they look for races, not for waiting).
. "$(dirname "$0")/common"

pairs=${PAIRS:-1000000}
ms=${MS:-250}
wrapper=$(ldconfig -p | sed -n 's/.*=> \(.*liblttng-ust-pthread-wrapper.*\)/\1/p' | head -1)
[ -n "$wrapper" ] || wrapper=$(ls /usr/lib/*/liblttng-ust-pthread-wrapper.so.1 2>/dev/null)

# row TOOL PAIRS PREFIX...: one row of the table
row() {
	tool=$1
	n=$2
	shift 2
	pair=$("$@" "$bench/pair" mutex one "$n" plain 2>/dev/null)
	short=$("$@" "$bench/contended" mutex 2 25 125 "$ms" 2>/dev/null)
	medium=$("$@" "$bench/contended" mutex 2 1250 1250 "$ms" 2>/dev/null)
	[ "$tool" = native ] && native_pair=$pair
	cat <<-END
	$tool|pair ns|$pair
	$tool|x native|$(ratio "$pair" "$native_pair")
	$tool|short k/s|${short% *}
	$tool|medium k/s|${medium% *}
	END
}

lttng_session() {
	export HOME=$work LTTNG_HOME=$work
	lttng-sessiond --daemonize --no-kernel --pidfile="$work/sessiond.pid" >/dev/null 2>&1 &&
		lttng -q create bench --output="$work/lttng" &&
		lttng -q enable-channel -u --subbuf-size=4M --num-subbuf=8 pairs &&
		lttng -q enable-event -u -c pairs 'lttng_ust_pthread:*' && lttng -q start
}

lttng_row() {
	LTTNG_UST_REGISTER_TIMEOUT=3000 row "LTTng pthread wrapper" "$pairs" \
		env LD_PRELOAD="$wrapper"
}

lttng_end() {
	lttng -q destroy bench >/dev/null 2>&1
	[ -s "$work/sessiond.pid" ] && kill "$(cat "$work/sessiond.pid")"
	sleep 1
}

rows() {
	row native "$pairs" env
	row "lockprof, trace" "$pairs" ours trace
	row "lockprof, profile" "$pairs" ours profile
	[ -n "$lttng" ] && lttng_row
	command -v mutrace >/dev/null && row mutrace "$pairs" mutrace
	command -v valgrind >/dev/null || return
	row "valgrind --tool=drd" $((pairs / 20)) valgrind -q --tool=drd
	row "valgrind --tool=helgrind" $((pairs / 20)) valgrind -q --tool=helgrind
}

lttng=
if command -v lttng >/dev/null && [ -n "$wrapper" ]; then
	lttng_session >/dev/null 2>&1 && lttng=yes || echo "LTTng: the session did not start"
	trap 'lttng_end; rm -rf "$work"' EXIT
else
	echo "LTTng: skipped, not installed"
fi
command -v mutrace >/dev/null || echo "mutrace: skipped, not installed"
echo "peers, mutex"
for round in $(rounds 3); do
	rows
done | RANGES='pair ns' table tool
