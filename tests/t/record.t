#!/bin/sh
# SPDX-License-Identifier: MIT
# lockprof record as its user meets it: statuses, file names, signals, refusals, and the words
# that go with them. Reads no trace: --quiet.
. "${0%/*}/../lib/tap.sh"
lockprof=$BUILD/lockprof
sample=$BUILD/samples/hot_counter

# status COMMAND...: its exit status; stderr goes to ./err
status()
{
	"$@" >/dev/null 2>err </dev/null && echo 0 || echo $?
}

record="$lockprof record --quiet"

# Exit status, as the shell would see it without lockprof.
is 'status 0' 0 "$(status $record -o t true)"
is 'status 7' 7 "$(status $record -o t sh -c 'exit 7')"
is 'killed by a signal' 137 "$(status $record -o t sh -c 'kill -9 $$')"
is 'no such program' 127 "$(status $record -o t no-such-program)"
is 'not executable' 126 "$(status $record -o t "$tmp")"

# Names of the trace.
rm -f t*
is 'records with -o' 0 "$(status $record -o t.trace "$sample")"
is 'the file is there' yes "$([ -s t.trace ] && echo yes)"
cp t.trace before
is 'records again' 0 "$(status $record -o t.trace "$sample")"
is 'the older one is kept' yes "$(cmp -s before t.trace.old && echo yes)"
is 'records without -o' 0 "$(status $record "$sample")"
like 'its name has program and process' 'lockprof.hot_counter.[0-9]*.trace' "$(echo lockprof.*)"
mkdir sub
is 'a program that changes its directory' 0 \
	"$(status $record -o d.trace sh -c "cd sub && exec $sample")"
is 'leaves its trace where it was asked for' yes "$([ -s d.trace ] && echo yes)"

# What cannot work is said before the program runs.
is 'unwritable directory' 1 "$(status $record -o none/t touch ran)"
like 'says which' '*cannot write the trace to*none/*' "$(cat err)"
is 'and has not run it' no "$([ -e ran ] && echo yes || echo no)"
echo 'int main(void) { return 0; }' >static.c
if gcc -static -o static static.c 2>err; then
	is 'a static program' 1 "$(status $record ./static)"
	like 'says so' '*./static is statically linked*' "$(cat err)"
	printf '#!%s/static\n' "$tmp" >script
	chmod +x script
	is 'a script for a static program' 1 "$(status $record ./script)"
fi
if gcc -fsanitize=address -o asan static.c 2>err; then
	is 'a program with the address sanitizer' 0 "$(status $record -o asan.trace ./asan)"
fi
is 'a program without a lock call' 0 "$(status $record -o empty.trace true)"
if [ ! -e empty.trace ]; then
	like 'says why nothing was recorded' '*nothing was recorded: true called no lock*' "$(cat err)"
fi

# Signals: TERM goes on to the program, INT is the program's own affair.
$record -o s.trace sh -c 'trap "exit 5" TERM; echo up >up; while :; do sleep 0.1; done' 2>err &
pid=$!
while [ ! -e up ]; do sleep 0.05; done
kill -TERM $pid
wait $pid
is 'TERM is forwarded' 5 $?

# The environment of the user is kept.
is 'LD_PRELOAD is prepended to' "$BUILD/liblockprof.so:" \
	"$(LD_PRELOAD='' $record -o e.trace sh -c 'echo $LD_PRELOAD:' 2>err)"
is 'settings follow those of the environment' "verbose=no:mode=profile:depth=4:output=$tmp/o.trace" \
	"$(LOCKPROF_OPTIONS=verbose=no $record -o o.trace --mode=profile --opt depth=4 \
		sh -c 'echo $LOCKPROF_OPTIONS' 2>err)"

# Wrong usage.
is 'no command' 2 "$(status $record)"
is 'unknown option' 2 "$(status $record --moed=trace true)"
like 'names the nearest' '*unknown option --moed; did you mean --mode*' "$(cat err)"
is 'unknown command' 2 "$(status "$lockprof" recrod)"
like 'names the nearest command' "*did you mean 'record'*" "$(cat err)"
is 'a colon in the path' 2 "$(status $record -o a:b true)"
is 'not a setting' 2 "$(status $record --opt depth true)"
is 'help' 0 "$(status "$lockprof" --help)"
is 'help of a command' 0 "$(status "$lockprof" help record)"
is 'version' 0 "$(status "$lockprof" --version)"

echo "1..$count"
