#!/bin/sh
# SPDX-License-Identifier: MIT
# What lockprof needs to build and to test, and how to get it.
#
#   deps.sh check   GROUP...   one line that names the missing packages; exit 1 if there are any
#   deps.sh install GROUP...   says what is missing and installs it (apt-get, as root or by sudo);
#                              where it cannot, prints the one command to run and exits 1
#
# Groups: build (the two products), test (make check), ci (.ci/run), fuzz (make fuzz-afl), apps (the
# programs of make check-apps; installing them starts the servers that Debian starts), consumers (the
# tools of make check-consumers; likewise), aarch64 (tests/t/aarch64.t, 200 MB). Something is missing when its probe fails, whatever
# installed it, so other distributions pass too; the package names are Debian's. Nothing but a POSIX
# shell may be assumed here.
set -u

# group | Debian package | probe: a command, a file, or a header that the compiler must find
needs='
build|gcc|cmd:gcc
build|libc6-dev|header:pthread.h
build|pkg-config|cmd:pkg-config
build|libelf-dev|header:gelf.h
build|libdw-dev|header:elfutils/libdwfl.h
build|libiberty-dev|header:libiberty/demangle.h
build|zlib1g-dev|header:zlib.h
build|libsqlite3-dev|header:sqlite3.h
build|binutils|cmd:ld
test|g++|cmd:g++
test|libcmocka-dev|header:setjmp.h,stdarg.h,stddef.h,stdint.h,cmocka.h
test|perl|cmd:prove
test|python3|cmd:python3
test|python3-junitparser|file:/usr/lib/python3/dist-packages/junitparser/__init__.py
test|graphviz|cmd:dot
ci|clang|cmd:clang
ci|nodejs|cmd:node
ci|npm|cmd:npm
ci|chromium|cmd:chromium
fuzz|afl++|cmd:afl-clang-fast
apps|mariadb-server|cmd:mariadbd
apps|memcached|cmd:memcached
apps|redis-server|cmd:redis-server
apps|nginx|cmd:nginx
apps|curl|cmd:curl
apps|rocksdb-tools|cmd:db_bench
apps|chromium|cmd:chromium
apps|nodejs|cmd:node
apps|default-jdk-headless|cmd:javac
apps|ffmpeg|cmd:ffmpeg
apps|git|cmd:git
apps|xz-utils|cmd:xz
apps|zstd|cmd:zstd
apps|ripgrep|cmd:rg
apps|fd-find|cmd:fdfind
apps|stress-ng|cmd:stress-ng
apps|gdb|cmd:gdb
apps|strace|cmd:strace
apps|valgrind|cmd:valgrind
consumers|golang-go|cmd:go
consumers|golang-github-google-pprof-dev|file:/usr/share/gocode/src/github.com/google/pprof
consumers|protobuf-compiler|cmd:protoc
consumers|prometheus|cmd:promtool
consumers|sqlite3|cmd:sqlite3
consumers|jq|cmd:jq
consumers|graphviz|cmd:dot
consumers|chromium|cmd:chromium
consumers|nodejs|cmd:node
consumers|npm|cmd:npm
aarch64|gcc-aarch64-linux-gnu|cmd:aarch64-linux-gnu-gcc
aarch64|libc6-dev-arm64-cross|file:/usr/aarch64-linux-gnu/include/pthread.h
aarch64|qemu-user|cmd:qemu-aarch64
apps|libpython3.11-testsuite|file:/usr/lib/python3.11/test/test_threading.py
'

has_headers()
{
	command -v gcc >/dev/null 2>&1 || return 1
	for header in $(echo "$1" | tr , ' '); do
		echo "#include <$header>"
	done | gcc -D_GNU_SOURCE -E -x c - >/dev/null 2>&1
}

has()
{
	case $1 in
	cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
	file:*) [ -e "${1#file:}" ] ;;
	header:*) has_headers "${1#header:}" ;;
	esac
}

missing_packages()
{
	for line in $needs; do
		group=${line%%|*}
		rest=${line#*|}
		case " $* " in
		*" $group "*) has "${rest#*|}" || printf '%s ' "${rest%%|*}" ;;
		esac
	done
}

install_packages()
{
	echo "lockprof needs these packages, installing them: $*"
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "No apt-get here: install what your system calls these, then run make again." >&2
		return 1
	fi
	as_root=
	if [ "$(id -u)" != 0 ]; then
		if ! command -v sudo >/dev/null 2>&1; then
			echo "Run this as root, then make again:  apt-get update && apt-get install -y $*" >&2
			return 1
		fi
		as_root=sudo
	fi
	# shellcheck disable=SC2086 # as_root is empty or one word
	$as_root apt-get update -q &&
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

action=${1:-}
[ $# -gt 0 ] && shift
missing=$(missing_packages "$@")

case $action in
check)
	if [ -n "$missing" ]; then
		echo "missing: $missing(run: make deps)" >&2
		exit 1
	fi
	;;
install)
	[ -z "$missing" ] && exit 0
	# shellcheck disable=SC2086 # a list of words
	install_packages $missing || exit 1
	missing=$(missing_packages "$@")
	if [ -n "$missing" ]; then
		echo "still missing after the installation: $missing" >&2
		exit 1
	fi
	;;
*)
	echo "usage: deps.sh check|install build|test|ci|fuzz|apps|consumers|aarch64 ..." >&2
	exit 2
	;;
esac
