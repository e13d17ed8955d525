#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs each fuzz target over its checked-in corpus, under the sanitizers: what was found stays found.
# Fuzzing itself is `make fuzz`; tests/fuzz/fuzz.h says how it fits together.
root=$PWD
. tests/lib/tap.sh

for target in "$root"/tests/fuzz/fuzz_*.c; do
	name=${target##*/fuzz_}
	name=${name%.c}
	set -- "$root/tests/fuzz/corpus/$name"/*
	got=$("$BUILD/asan/fuzz/$name" "$@" 2>errors | tail -n 1)
	[ "$got" = $# ] || tail -n 40 errors >&2
	is "the corpus of $name" "$#" "$got"
done
echo "1..$count"
