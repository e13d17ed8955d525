#!/bin/sh
# SPDX-License-Identifier: MIT
# Debuggers beside us: gdb attaches to a recorded program, sees its threads, walks through a lock
# that waits in our wrapper, and goes; strace follows every thread; valgrind's memcheck finds nothing. The program
# ends with the right result each time.
. "${0%/*}/lib.sh"

cat >work.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 2000 };

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER, lock = PTHREAD_MUTEX_INITIALIZER;
static long sum;

static void *waiting_worker(void *own)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	for (long i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		sum += i * (long)own;
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	char *memory = malloc(64);

	(void)argv;
	pthread_mutex_lock(&gate);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, waiting_worker, (void *)(i + 1));
	if (argc > 1)	/* the gate stays closed until somebody has looked */
		getchar();
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%ld\n", sum);
	free(memory);
	return 3;
}
END
command -v gcc >/dev/null || skip_all 'gcc is not installed'
gcc -g -O1 -pthread -o work work.c || exit 1
same 'the program' ./work
is 'its result' 19990000 "$(cat native.out)"

# waits NR: that many threads sleep
waits()
{
	[ "$(cat /proc/"$server"/task/*/stat | sed 's/.*) //' | grep -c '^S')" = "$1" ]
}

if command -v gdb >/dev/null; then
	printf '%s\n' 'set pagination off' 'info threads' 'thread apply all bt' \
		'print sum' 'call (long)getpid() == $_inferior' detach >script
	for side in native trace profile; do
		mkfifo input
		exec 3<>input
		# shellcheck disable=SC2094 # a pipe
		(become $side ./work wait <input >$side.out 2>$side.err) &
		guard=$!
		until_true serving
		until_true waits 5
		timeout "$limit_s" gdb -q -nx -batch -p "$server" -x script >$side.gdb 2>&1
		echo >&3
		wait $guard
		echo $? >$side.status
		guard=
		exec 3>&-
		rm -f input
		grep -c ' in waiting_worker ' $side.gdb >$side.waiting
		grep -c -e '^\* *[0-9] *Thread' -e '^ *[0-9] *Thread' $side.gdb >$side.threads
		[ $side = native ] && continue
		for part in out status waiting threads; do
			alike gdb $part $side
		done
		like "gdb, $side mode: it sees the wait" '*pthread_mutex_lock*waiting_worker*' "$(cat $side.gdb)"
		traces "gdb, $side mode" --threads=5 --acquisitions=8000
	done
	is 'gdb saw the threads, and each in its function' '5 4' "$(cat native.threads) $(cat native.waiting)"

	# Started by gdb: with breakpoints in the wrapped functions and steps over them.
	printf '%s\n' 'set pagination off' 'break waiting_worker' run 'next' 'delete' \
		'tbreak pthread_mutex_unlock' continue finish continue >script
	for side in native trace; do
		on native gdb -q -nx -batch -ex "set environment LD_PRELOAD $([ $side = native ] || echo "$shim")" \
			-ex "set environment LOCKPROF_OPTIONS output=$tmp/traces/%e.%p" \
			-x script --args ./work 2>&1 | grep -e '^[0-9]*$' -e 'exited with code' |
			sed 's/process [0-9]*/process/' >$side.out
	done
	alike 'gdb steps' out trace
	traces 'gdb steps' --threads=5 --acquisitions=8000
else
	is 'gdb is not installed # SKIP' x x
fi

if command -v strace >/dev/null; then
	for side in native trace profile; do
		on native strace -f -qq -o strace.log -E "LD_PRELOAD=$([ $side = native ] || echo "$shim")" \
			-E "LOCKPROF_OPTIONS=output=$tmp/traces/%e.%p:mode=$side" ./work >$side.out 2>$side.err
		echo $? >$side.status
		# Of the calls that a program could notice there is none that it would not make itself.
		sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' strace.log | sort -u >$side.calls
		[ $side = native ] && continue
		for part in out err status; do
			alike strace $part $side
		done
		is "strace, $side mode: no signals, no thread" '' \
			"$(comm -13 native.calls $side.calls | grep -e sigaction -e clone -e kill -e timer -e sigprocmask)"
		traces "strace, $side mode" --threads=5 --acquisitions=8000
	done
else
	is 'strace is not installed # SKIP' x x
fi

if command -v valgrind >/dev/null; then
	for side in native trace; do
		on $side valgrind -q --error-exitcode=99 --log-file="$side.log" ./work >$side.out 2>$side.err
		echo $? >$side.status
		sed 's/==[0-9]*==//' $side.log >$side.said
		[ $side = native ] && continue
		for part in out err status said; do
			alike memcheck $part $side
		done
		traces "memcheck, $side mode" --threads=5 --acquisitions=8000
	done
	is 'memcheck has no complaint' '' "$(cat trace.said)"
else
	is 'valgrind is not installed # SKIP' x x
fi

echo "1..$count"
