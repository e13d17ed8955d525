#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apps.sh [BUILD]: what recording costs two real servers, as throughput
#
# memcached under memcaslap, MariaDB under sysbench; each with a server of its own, in a directory
# of its own, on the loopback or a unix socket. Runs alternate between native and recorded, and
# which of the two goes first alternates too, so that what else the machine does hits both. Printed
# are minimum, median and maximum of each side, and those of the ratio in each round. What is not
# installed is skipped, with a word. No test: the figures say as much about the machine as about
# the shim.
#
# RUNS=7 rounds, RUN_SECONDS=6 of load in each, OPTIONS= more LOCKPROF_OPTIONS (mode=profile),
# APPS="memcached mariadb" which of them, PORT=21411 for memcached.

set -u
build=$(cd "${1:-build}" && pwd) || exit 2
runs=${RUNS:-7}
seconds=${RUN_SECONDS:-6}
port=${PORT:-21411}
options=${OPTIONS:+:$OPTIONS}
dir=$(mktemp -d "${TMPDIR:-/tmp}/lockprof-apps.XXXXXX") || exit 1
server=
chmod 755 "$dir"

finish() {
	[ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server"
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

have() {
	for program; do
		command -v "$program" >/dev/null && continue
		echo "$app: skipped, $program is not installed"
		return 1
	done
}

as_root() { [ "$(id -u)" = 0 ]; }

# with SIDE COMMAND...: starts the server, recorded or not
with() {
	side=$1
	shift
	if [ "$side" = recorded ]; then
		LOCKPROF_OPTIONS="output=$dir/trace$options" LD_PRELOAD=$build/liblockprof.so \
			"$@" >>"$dir/log" 2>&1 &
	else
		"$@" >>"$dir/log" 2>&1 &
	fi
	server=$!
}

# until COMMAND...: waits for the server, 20 s at most
until_true() {
	for _ in $(seq 200); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	echo "$app: the server does not answer" >&2
	return 1
}

stop() {
	kill "$server"
	wait "$server"
	server=
}

memcached_needs() { have memcached memcaslap; }
memcached_prepare() { :; }
memcached_load() {
	timeout 120 memcaslap -s "127.0.0.1:$port" -T 1 -c 16 -t "${1}s" 2>/dev/null
}
memcached_once() {
	user=
	as_root && user='-u nobody'
	# shellcheck disable=SC2086
	with "$1" memcached $user -t 4 -m 256 -l 127.0.0.1 -p "$port" -U 0
	sleep 0.5
	memcached_load "$seconds" | sed -n 's/.*TPS: *\([0-9]*\).*/\1/p'
	stop
}

mariadb_needs() { have mariadbd mariadb-install-db mariadb mariadb-admin sysbench; }
mariadb_server() {
	user=
	as_root && user=--user=mysql
	# shellcheck disable=SC2086
	with "$1" mariadbd --no-defaults $user --datadir="$dir/data" --socket="$dir/sock" \
		--pid-file="$dir/pid" --skip-networking --innodb-buffer-pool-size=256M \
		--innodb-flush-log-at-trx-commit=2
	until_true mariadb-admin --no-defaults -u root -S "$dir/sock" ping
}
mariadb_sysbench() {
	timeout 120 sysbench oltp_read_write --mysql-socket="$dir/sock" --mysql-user=root \
		--tables=4 --table-size=20000 --threads=8 --time="$seconds" "$1"
}
mariadb_prepare() {
	mkdir "$dir/data"
	user=
	as_root && user=--user=mysql && chown mysql "$dir/data" && chmod 777 "$dir"
	# shellcheck disable=SC2086
	mariadb-install-db --no-defaults $user --datadir="$dir/data" --skip-test-db \
		--auth-root-authentication-method=normal >"$dir/log" 2>&1 &&
		mariadb_server native &&
		mariadb --no-defaults -u root -S "$dir/sock" -e 'create database sbtest' &&
		mariadb_sysbench prepare >/dev/null
	prepared=$?
	stop
	return $prepared
}
mariadb_once() {
	mariadb_server "$1" &&
		mariadb_sysbench run | sed -n 's/.*transactions:.*(\([0-9.]*\) per sec.*/\1/p'
	stop
}

# once SIDE: one run, its throughput appended to the side's figures
once() {
	"${app}_once" "$1" >>"$dir/$app.$1"
	[ "$1" = recorded ] && ls -s --block-size=1 "$dir/trace" | awk '{ print $1 }' >"$dir/bytes"
	rm -f "$dir/trace"
}

# spread NAME FORMAT: minimum, median and maximum of the figures on stdin
spread() {
	sort -n | awk -v app="$app" -v name="$1" -v format="$2" '
		{ v[NR] = $1 }
		END { printf "%-10s %-9s " format " " format " " format "\n", app, name, v[1],
			(v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[NR] }'
}

summary() {
	spread native %10.0f <"$dir/$app.native"
	spread recorded %10.0f <"$dir/$app.recorded"
	paste "$dir/$app.recorded" "$dir/$app.native" | awk '{ print $1 / $2 }' |
		spread ratio %10.3f
	awk -v app="$app" '{ printf "%-10s last trace %.1f MiB\n", app, $1 / 1048576 }' \
		"$dir/bytes"
}

echo "$runs rounds of $seconds s, operations (transactions) a second"
printf '%-10s %-9s %10s %10s %10s\n' program side min median max
for app in ${APPS:-memcached mariadb}; do
	"${app}_needs" || continue
	"${app}_prepare" || { echo "$app: skipped, it could not be set up"; continue; }
	for round in $(seq "$runs"); do
		case $((round % 2)) in
		1) once native; once recorded ;;
		0) once recorded; once native ;;
		esac
	done
	summary
done
