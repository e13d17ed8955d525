#!/bin/sh
# SPDX-License-Identifier: MIT
# lockprof.h in whatever way a program is compiled: it does nothing alone, and reaches the shim when
# that is preloaded.
preload=$(cd "${0%/*}/../../preload" && pwd)
. "${0%/*}/../lib/tap.sh"

# has PATTERN FILE
has()
{
	grep -q -e "$1" "$2" && echo yes || echo no
}

sed -n 's/^LOCKPROF_WEAK void \(lockprof_api_[a-z_]*\)(.*/\1/p' "$preload/lockprof.h" | sort >told
nm -D --defined-only "$BUILD/liblockprof.so" | sed -n 's/.* \(lockprof_api_[a-z_]*\)$/\1/p' | sort >answered
is 'what it may call is there' "$(cat told)" "$(cat answered)"
is '... and is something' yes "$(has lockprof_api_phase told)"
for how in '-fPIE -pie' '-fno-pic -no-pie' '-O2 -fno-pic -no-pie' '-fPIC -no-pie -fno-plt'; do
	for cc in gcc clang; do
		command -v $cc >/dev/null || continue
		# shellcheck disable=SC2086 # several flags
		$cc $how -I"$preload" -o tells -xc - -pthread <<-'EOF'
		#include "lockprof.h"
		static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
		int main(void)
		{
			lockprof_name(&mu, "named");
			lockprof_phase("told");
			pthread_mutex_lock(&mu);
			lockprof_work(7);
			pthread_mutex_unlock(&mu);
			return 0;
		}
		EOF
		is "$cc $how: alone" 0 "$(./tells; echo $?)"
		rm -f t.trace
		LD_PRELOAD=$BUILD/liblockprof.so LOCKPROF_OPTIONS=output=$PWD/t.trace ./tells
		is "$cc $how: recorded" 'named told yes yes' "$(strings -n 4 t.trace | grep -oxE 'named|told' | sort -u |
			tr '\n' ' ')$("$BUILD/lockprof" report --json t.trace | grep -q '"work_units": 7' && echo yes) $(
			"$BUILD/lockprof" report --json t.trace | grep -q '"acquisitions": 1' && echo yes)"
	done
done
for std in 'gcc -xc -std=c99' 'gcc -xc -std=c11' 'gcc -xc -std=c11 -DLOCKPROF_DISABLE' 'g++ -xc++ -std=c++11' \
	'g++ -xc++ -std=c++20 -DLOCKPROF_DISABLE' 'clang -xc -std=c17' 'clang++ -xc++ -std=c++17'; do
	command -v "${std%% *}" >/dev/null || continue
	# shellcheck disable=SC2086 # several flags
	is "lockprof.h as $std, with all warnings" '' "$(printf '%s\n' '#include "lockprof.h"' 'int main(void) { lockprof_work(1);' \
		'lockprof_lock_wait(0, LOCKPROF_SHARED, 0); lockprof_phase(0); return 0; }' |
		$std -Wall -Wextra -Wpedantic -Werror -Wno-variadic-macros -I"$preload" -o tells - 2>&1)"
done

echo "1..$count"
