#!/bin/sh
# SPDX-License-Identifier: MIT
# The shim on aarch64: compiled without a warning by Debian's cross compiler and run by qemu-user, which
# is no hardware. The tool is this machine's own: a trace can be read elsewhere. Cases and programs are
# those that run natively, but for what an emulator cannot show: exec and fork (qemu-user keeps memory
# over a fork that shall be wiped), and the main thread's name, which is the emulator's.
root=$(cd "${0%/*}/../.." && pwd)
. "$root/tests/lib/tap.sh"

cc=aarch64-linux-gnu-gcc
sysroot=/usr/aarch64-linux-gnu
for tool in $cc qemu-aarch64; do
	command -v $tool >/dev/null || {
		echo "1..0 # SKIP $tool is not here"
		exit 0
	}
done
[ -e $sysroot/lib/libc.so.6 ] || {
	echo "1..0 # SKIP libc6-dev-arm64-cross is not here"
	exit 0
}
emulator="qemu-aarch64 -L $sysroot"
cases='exact_mutex exact_all hold_times blame_known told rwlock_kinds request_phases'
odd='tiny altstack travel signal-restarts signal-jumps'

here=$BUILD
BUILD=$here/aarch64
export BUILD
goals='liblockprof.so liblockprof-confirm.so samples/request_phases samples/shared_mutex'
for program in exact_mutex exact_all hold_times blame_known told rwlock_kinds odd_stacks \
	odd_signals; do
	goals="$goals tests/$program"
done
# Not with the variables of the make that may run us.
# shellcheck disable=SC2046,SC2086 # lists of words
built=$(env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES make -s -j2 -C "$root" BUILD="$BUILD" CC=$cc \
	CFLAGS='-O2 -g' LDFLAGS= WERROR=1 $(printf "$BUILD/%s " $goals) 2>&1 | grep -E 'warning|error|\*\*\*')
is 'builds without a warning' '' "$built"
ln -sf "$here/lockprof" "$BUILD/lockprof"

# wrong COMMAND...: the checks that failed
wrong()
{
	(cd "$root" && LOCKPROF_EMULATOR=$emulator LOCKPROF_LIMIT_S=20 timeout 60 "$@") >told 2>&1
	grep -A3 '^not ok' told
	grep -q '^1\.\.[1-9]' told || echo "does not end: $(tail -n 3 told)"
}

for case in $cases; do
	is "$case" '' "$(wrong python3 tests/lib/case.py "tests/cases/$case.case")"
done
# shellcheck disable=SC2086 # a list of words
is 'odd programs behave as without us' '' "$(wrong python3 tests/t/transparency.t $odd)"

# emulated PROGRAM...: recorded into t.trace
emulated()
{
	rm -f t.trace*
	$emulator -E LD_PRELOAD="$BUILD/liblockprof.so" -E LOCKPROF_OPTIONS="output=$PWD/t.trace" "$@" \
		>out 2>&1
}

# tells PATTERN: does the report?
tells()
{
	"$BUILD/lockprof" report --json t.trace | grep -q -e "$1" && echo yes || echo no
}

emulated "$BUILD/samples/shared_mutex" 3000
is 'a forked child leaves its parent'\''s trace alone' '1 yes yes' \
	"$(echo t.trace* | wc -w | tr -d ' ') $(tells '"acquisitions": 3000') $(tells '"name": "parent"')"

cat >tells.c <<'EOF'
#include "lockprof.h"
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
int main(void)
{
	lockprof_phase("told");
	pthread_mutex_lock(&mu);
	lockprof_work(7);
	return pthread_mutex_unlock(&mu);
}
EOF
for how in '-fPIE -pie' '-fno-pic -no-pie' '-mcmodel=large -fno-pic -no-pie' '-mbranch-protection=standard'; do
	# shellcheck disable=SC2086 # several flags
	$cc -O2 $how -I"$root/preload" -o tells tells.c
	is "lockprof.h, $how: alone" 0 "$($emulator ./tells; echo $?)"
	emulated ./tells
	is "lockprof.h, $how: recorded" 'yes yes' "$(tells '"work_units": 7') $(tells '"name": "told"')"
done

echo "1..$count"
