#!/bin/sh
# SPDX-License-Identifier: MIT
# What the shim shows to the program's loader and takes from it: it puts itself before libc's
# functions and nothing else, calls no allocator and no stdio, and is linked so that nothing is
# left to be resolved or written in the middle of a lock call.
. "${0%/*}/../lib/tap.sh"

# names NM-OPTION FILE...: the dynamic symbols without their versions, sorted
names()
{
	nm -D "$@" | awk 'NF > 1 && $(NF - 1) != "A" { sub(/@.*/, "", $NF); print $NF }' | sort -u
}

# has PATTERN FILE
has()
{
	grep -q -e "$1" "$2" && echo yes || echo no
}

for name in liblockprof liblockprof-confirm; do
	shim=$BUILD/$name.so
	echo "# $name"
	names --defined-only "$shim" >shown
	names --undefined-only "$shim" >taken
	libc=$(ldd "$shim" | awk '$1 ~ /^lib(c|pthread)\.so/ { print $3 }')
	# shellcheck disable=SC2086 # one path or two
	names --defined-only $libc >libc
	is 'pthread_mutex_lock is interposed' yes "$(has '^pthread_mutex_lock$' shown)"
	is 'every other name shown is one of libc' '' "$(grep -v '^lockprof_api_' shown | comm -23 - libc)"
	is 'only functions are shown' '' "$(nm -D --defined-only "$shim" | grep -v ' [ATWi] ')"

	printf '%s\n' malloc calloc realloc reallocarray free posix_memalign aligned_alloc memalign valloc \
		strdup strndup asprintf vasprintf __asprintf_chk printf fprintf vfprintf dprintf puts fputs \
		putchar fwrite fopen fdopen fclose fflush getline perror stdout stderr stdin snprintf \
		vsnprintf sprintf __printf_chk __fprintf_chk __snprintf_chk syslog exit __assert_fail \
		pthread_sigmask sigaction signal sigprocmask __tls_get_addr dlopen backtrace |
		sort >unwanted
	is 'no allocator, stdio, exit, signal set-up or lazy TLS is called' '' "$(comm -12 taken unwanted)"

	readelf -dW "$shim" >dynamic
	readelf -lW "$shim" >segments
	is 'its name' yes "$(has "SONAME.*\[$name\.so\]" dynamic)"
	is 'calls are bound at load time' yes "$(has BIND_NOW dynamic)"
	is 'it is never unloaded' yes "$(has NODELETE dynamic)"
	is 'TLS is static' yes "$(has STATIC_TLS dynamic)"
	is 'no text relocations' no "$(has TEXTREL dynamic)"
	is 'relocated data becomes read-only' yes "$(has GNU_RELRO segments)"
	is 'the stack is not executable' no "$(has 'GNU_STACK.*E' segments)"
	is 'it needs libc and libgcc_s only' '' \
		"$(grep NEEDED dynamic | grep -vE '\[(libc|libgcc_s|libpthread|libdl|ld-linux[^]]*)\.so\.[0-9]+\]')"
done

echo "1..$count"
