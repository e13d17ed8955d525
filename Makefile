# SPDX-License-Identifier: MIT
# lockprof: build, test, install. `make help` lists the targets.
#
# One Makefile, not recursive. Sources are found by wildcard, header dependencies come from the
# compiler (-MMD). Nothing outside make and a POSIX shell is needed to read this file: compilers and
# libraries are probed by scripts/deps.sh, before the first object is built, and `make demo`,
# `make check` and `make deps` install what it misses.
#
# Variables: CC, CXX, CFLAGS, LDFLAGS, WERROR=1, BUILD=build, PREFIX, LIBDIR, DESTDIR, V=1.

VERSION := 0.1.0

BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib$(if $(filter /usr,$(PREFIX)),$(addprefix /,$(shell gcc -print-multiarch 2>/dev/null)))
MANDIR := $(PREFIX)/share/man/man1
COMPDIR := $(PREFIX)/share/bash-completion/completions

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
CFLAGS ?= -O2 -g
Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-8s%s\n' $(1) $(2))

warnings := -Wall -Wextra -Wshadow -Wvla $(if $(WERROR),-Werror)
c_flags = -std=gnu11 -D_GNU_SOURCE -I. $(warnings) -Wstrict-prototypes -Wmissing-prototypes $(CFLAGS)
deps_flags = -MMD -MP -MF $@.d
comma := ,

# --- what there is --------------------------------------------------------------------------------

trace_src := $(wildcard trace/*.c)
preload_src := $(wildcard preload/*.c) $(trace_src)
# What it shares with the shim is linked into both, and has no state that matters to the other.
confirm_src := $(wildcard preload/confirm/*.c preload/unwind*.c) \
	$(addprefix preload/,hook.c build_id.c bytes.c)
analyzer_src := $(wildcard analyzer/*.c $(foreach d,order page export diff check,analyzer/$d/*.c)) $(trace_src)
sample_src := $(wildcard samples/*.c)
unit_src := $(wildcard tests/unit/test_*.c)
program_src := $(wildcard tests/programs/*.c tests/programs/*.cpp)
rust_src := $(wildcard tests/programs/*.rs)
scenario_src := $(wildcard tests/order/*.c tests/order/*.cpp)
bench_src := $(wildcard tests/bench/*.c)
fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

preload_obj := $(preload_src:%.c=$(BUILD)/obj/preload/%.o)
confirm_obj := $(confirm_src:%.c=$(BUILD)/obj/preload/%.o)
analyzer_obj := $(analyzer_src:%.c=$(BUILD)/obj/analyzer/%.o)
helper_obj := $(patsubst %.c,$(BUILD)/obj/analyzer/%.o,$(wildcard tests/lib/*.c) preload/flight.c)
asan_obj := $(analyzer_obj:$(BUILD)/%=$(BUILD)/asan/%)

# Units link the analyzer without its main().
unit_obj := $(filter-out %/analyzer/main.o,$(analyzer_obj)) $(helper_obj)
asan_unit_obj := $(unit_obj:$(BUILD)/%=$(BUILD)/asan/%)

shim := $(BUILD)/liblockprof.so
confirm := $(BUILD)/liblockprof-confirm.so
tool := $(BUILD)/lockprof
samples := $(sample_src:samples/%.c=$(BUILD)/samples/%)
units := $(unit_src:tests/unit/%.c=$(BUILD)/unit/%)
asan_units := $(unit_src:tests/unit/%.c=$(BUILD)/asan/unit/%)
programs := $(foreach p,$(program_src),$(BUILD)/tests/$(basename $(notdir $p)))
scenarios := $(foreach p,$(scenario_src),$(BUILD)/order/$(basename $(notdir $p)))
rust_programs := $(if $(shell command -v rustc 2>/dev/null),$(rust_src:tests/programs/%.rs=$(BUILD)/tests/%))
benches := $(bench_src:tests/bench/%.c=$(BUILD)/bench/%)
replays := $(fuzz_names:%=$(BUILD)/asan/fuzz/%)

products := $(shim) $(confirm) $(tool)

.PHONY: all demo deps tests viz check check-kill check-mutants bench bench-check fuzz format install clean help FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(products) $(samples)

help:
	@echo 'all      $(products) and the samples (default)'
	@echo 'demo     record a sample and print its report'
	@echo 'check    all tests, by prove'
	@echo 'check-apps      run real programs with and without the shim: the same results?'
	@echo 'check-consumers open the exports with the tools that they are for, and install these'
	@echo 'check-mutants   break lockprof in many ways: do the tests notice?'
	@echo 'check-kill      kill a recorded program 1,000 times in each mode of recording'
	@echo 'tests    build what the tests run, without the sanitizers'
	@echo 'deps     install what building and testing needs'
	@echo 'deps-apps       ... and the programs of check-apps, which skips those that are missing'
	@echo 'bench    measure the cost of recording'
	@echo 'bench-check     measure how often lockprof check is right; ROUNDS=100'
	@echo 'fuzz     run the fuzzers (libFuzzer), FUZZ_SECONDS=60 each; FUZZ="reader text" only these'
	@echo 'fuzz-short      the same in a minute for all together'
	@echo 'fuzz-afl        the same by AFL++'
	@echo 'viz      build viz/page.html from viz/src, with node'
	@echo 'format   clang-format on the sources'
	@echo 'install  into DESTDIR, PREFIX=/usr/local'
	@echo 'clean    remove $(BUILD)/'

demo: all
	@scripts/demo.sh $(BUILD)

# --- dependencies ---------------------------------------------------------------------------------

# The goals that must work on a bare machine install what is missing, the others name it.
deps_groups := $(if $(filter tests check check-kill check-mutants deps,$(MAKECMDGOALS)),build test,build)
deps_groups := $(strip $(deps_groups) $(if $(filter fuzz-afl,$(MAKECMDGOALS)),fuzz))
deps_action := $(if $(filter check check-kill check-mutants demo deps,$(MAKECMDGOALS)),install,check)
deps_ok := $(BUILD)/deps-$(subst $() ,-,$(deps_groups)).ok

$(BUILD)/deps-%.ok: scripts/deps.sh
	@mkdir -p $(@D)
	@scripts/deps.sh $(deps_action) $(deps_groups)
	@touch $@

deps: $(deps_ok)
	@scripts/deps.sh install $(deps_groups) && echo 'lockprof: all dependencies are there'

deps-apps:
	@scripts/deps.sh install apps

# Objects depend on the compiler and its flags, so that `make CC=clang` after `make` is right.
$(BUILD)/flags: FORCE | $(deps_ok)
	@mkdir -p $(@D)
	@echo '$(CC) $(CXX) $(c_flags) $(LDFLAGS) $(LIBDIR)' | cmp -s - $@ || \
		echo '$(CC) $(CXX) $(c_flags) $(LDFLAGS) $(LIBDIR)' >$@

# --- the shim -------------------------------------------------------------------------------------

# No -z initfirst and no constructor tricks: calls may arrive at any time, and are ready for it.
# Only x86-64 has conds of two layouts, and the version script for them.
is_x86_64 := $(filter x86_64%,$(shell $(CC) -dumpmachine 2>/dev/null || uname -m))
exports := $(if $(is_x86_64),preload/exports.map)
confirm_exports := $(if $(is_x86_64),preload/confirm/exports.map)
shim_cflags := -fPIC -fvisibility=hidden -ftls-model=initial-exec -fexceptions
shim_ldflags = -shared -Wl,-soname,$(@F) -Wl,-z,defs -Wl,-z,now -Wl,-z,nodelete \
	-Wl,-z,relro -Wl,-z,text $(patsubst %,-Wl$(comma)--version-script=%,$(filter %.map,$^))

$(BUILD)/obj/preload/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(c_flags) $(shim_cflags) $(deps_flags) -c -o $@ $<

$(shim): $(preload_obj) $(exports)
$(confirm): $(confirm_obj) $(confirm_exports)
$(shim) $(confirm):
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(shim_ldflags) -o $@ $(filter %.o,$^) \
		-Wl,--as-needed -ldl -lpthread -lgcc_s

# Its calls must leave by a jump, whatever CFLAGS say: see calls.c.
$(BUILD)/obj/preload/preload/confirm/calls.o: shim_cflags += -O2 -foptimize-sibling-calls

# --- the analyzer ---------------------------------------------------------------------------------

# Expanded when a recipe runs, that is after the dependencies have been installed.
dw_cflags = $(shell pkg-config --cflags libdw libelf zlib sqlite3 2>/dev/null)
dw_libs = $(shell pkg-config --libs libdw libelf zlib sqlite3 2>/dev/null) -liberty
analyzer_cflags = -DLOCKPROF_VERSION='"$(VERSION)"' -DLOCKPROF_LIBDIR='"$(LIBDIR)"' -pthread $(dw_cflags)
sanitize := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(BUILD)/obj/analyzer/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(c_flags) $(analyzer_cflags) $(deps_flags) -c -o $@ $<

$(BUILD)/asan/obj/analyzer/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,ASAN,$<)
	$(Q)$(CC) $(c_flags) $(analyzer_cflags) $(sanitize) $(deps_flags) -c -o $@ $<

# The page stands in the tool by .incbin, which no compiler reports.
$(BUILD)/obj/analyzer/analyzer/page/page_write.o $(BUILD)/asan/obj/analyzer/analyzer/page/page_write.o: viz/page.html

$(tool): $(analyzer_obj)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(dw_libs) -lm

$(BUILD)/asan/lockprof: $(asan_obj)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(sanitize) -pthread -o $@ $^ $(dw_libs) -lm

# --- the page -------------------------------------------------------------------------------------

# viz/page.html is checked in, so that building lockprof needs no node; this makes it anew.
viz: viz/node_modules
	@cd viz && node build.mjs

viz/node_modules: viz/package-lock.json
	@cd viz && npm ci --no-audit --no-fund --ignore-scripts && touch node_modules

# --- programs to record ---------------------------------------------------------------------------

$(BUILD)/samples/%: samples/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(c_flags) $(deps_flags) $(LDFLAGS) -pthread -o $@ $< -lm

$(BUILD)/tests/%: tests/programs/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(c_flags) $(deps_flags) $(LDFLAGS) -pthread -o $@ $< -ldl -lm $(program_libs)

$(BUILD)/order/%: tests/order/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(c_flags) $(deps_flags) $(LDFLAGS) -pthread -o $@ $<

$(BUILD)/order/%: tests/order/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -std=gnu++20 $(warnings) $(CFLAGS) $(deps_flags) $(LDFLAGS) -pthread -o $@ $<

$(BUILD)/tests/%: tests/programs/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX,$<)
	$(Q)$(CXX) -std=gnu++20 $(warnings) $(CFLAGS) $(deps_flags) $(LDFLAGS) -pthread -o $@ $<

$(BUILD)/tests/%: tests/programs/%.rs
	@mkdir -p $(@D)
	$(call say,RUSTC,$<)
	$(Q)MAKEFLAGS= rustc -O -g -o $@ $<

# --- tests ----------------------------------------------------------------------------------------

$(BUILD)/unit/%: $(BUILD)/obj/analyzer/tests/unit/%.o $(unit_obj)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $^ $(dw_libs) -lcmocka -lm

$(BUILD)/asan/unit/%: $(BUILD)/asan/obj/analyzer/tests/unit/%.o $(asan_unit_obj)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(sanitize) -pthread -o $@ $^ $(dw_libs) -lcmocka -lm

# The one part of the shim that is tested on its own.
unwind_obj := $(patsubst %.c,$(BUILD)/obj/analyzer/%.o,$(wildcard preload/unwind*.c))
$(filter $(BUILD)/unit/test_unwind%,$(units)): $(unwind_obj)
$(filter $(BUILD)/asan/unit/test_unwind%,$(asan_units)): $(unwind_obj:$(BUILD)/%=$(BUILD)/asan/%)

# The shim's own sources on a memory and a scheduler of ours (tests/model/model.h): instrumented as
# for the thread sanitizer, and linked without its library.
model_cflags := -D__thread= '-Dtls_model(x)=unused' -Dconstructor=unused
model_shim := $(addprefix preload/,records.c file.c fork.c node.c lock.c ring.c process.c clock.c \
	attempt.c told.c phase.c flight.c hook.c loader.c options.c build_id.c) trace/fold.c trace/checksum.c $(wildcard tests/model/open_*.c)
model_own := $(filter-out tests/model/open_%,$(wildcard tests/model/*.c))
model_obj := $(model_shim:%.c=$(BUILD)/model/shim/%.o) $(model_own:%.c=$(BUILD)/model/own/%.o)

$(BUILD)/model/shim/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,MODEL,$<)
	$(Q)$(CC) $(c_flags) $(model_cflags) -include tests/model/kernel.h -fsanitize=thread \
		-Wno-unknown-warning-option -Wno-tsan \
		$(deps_flags) -c -o $@ $<

$(BUILD)/model/own/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(c_flags) $(model_cflags) $(deps_flags) -c -o $@ $<

$(BUILD)/model/model: $(model_obj) $(unwind_obj)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -no-pie -pthread -o $@ $^ -ldl

# The same sources with the sanitizer's library, and real threads; by each compiler that is there.
tsan_compilers := gcc $(if $(shell command -v clang 2>/dev/null),clang)
tsan_src := tests/tsan/threads.c $(model_shim) $(wildcard preload/unwind*.c)

$(BUILD)/tsan/%/threads: $(tsan_src) $(wildcard preload/*.[ch] trace/*.h tests/model/open.h) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,TSAN,$@)
	$(Q)$* $(c_flags) -DSYS_ENTER_ELSEWHERE -fsanitize=thread -Wno-unknown-warning-option -Wno-tsan \
		-pthread -o $@ $(tsan_src) -ldl

tests: all $(units) $(BUILD)/model/model $(tsan_compilers:%=$(BUILD)/tsan/%/threads) \
	$(programs) $(scenarios) $(rust_programs) $(benches)

# TESTS="tests/cases/x.case ..." runs only these.
check: tests $(asan_units) $(replays) $(BUILD)/asan/fuzz/flip $(BUILD)/asan/lockprof
	@BUILD=$(BUILD) tests/run $(TESTS)

check-kill: tests
	@BUILD=$(BUILD) LOCKPROF_KILLS=$${LOCKPROF_KILLS:-3000} tests/run tests/t/kill.t

# Real programs, natively and recorded; APPS="redis nginx" runs only these. FULL=1 takes no part
# of a suite out for the time that it takes.
check-apps: all
	@BUILD=$(BUILD) FULL=$(FULL) tests/run $(if $(APPS),$(APPS:%=tests/apps/%.t),$(wildcard tests/apps/*.t))

# Exports in pprof, speedscope, Prometheus and others; what npm has of them is pinned by its lock.
check-consumers: all $(BUILD)/tests/export_trace $(BUILD)/tests/page_traces tests/consumers/node_modules/.fetched
	@BUILD=$(BUILD) tests/run tests/consumers/consumers.t

tests/consumers/node_modules/.fetched: tests/consumers/package-lock.json tests/consumers/fetch_trace_processor
	@scripts/deps.sh install consumers
	@cd tests/consumers && npm ci --no-audit --no-fund --ignore-scripts
	@cd tests/consumers && ./fetch_trace_processor && touch node_modules/.fetched

# Also a test of the tests; MUTANTS="'name' ..." builds only these.
check-mutants: tests
	@BUILD=$(BUILD) tests/mutants/run $(MUTANTS)

# bench_*.c time the analyzer and link it, the others are programs to record.
analyzer_benches := $(filter $(BUILD)/bench/bench_%,$(benches))
$(analyzer_benches): $(BUILD)/bench/%: $(BUILD)/obj/analyzer/tests/bench/%.o $(unit_obj)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -pthread -o $@ $(filter %.o,$^) $(dw_libs) -lm

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(c_flags) $(deps_flags) $(LDFLAGS) -pthread -o $@ $< -ldl -lm

# A driver beside the programs decides what to compare; it is given the build folder.
# BENCH="pair report" runs only these. How often the gate is right takes an hour, and has its own.
bench_drivers := $(filter-out tests/bench/check.sh,$(wildcard tests/bench/*.sh))
bench: all $(benches)
	@for driver in $(if $(BENCH),$(BENCH:%=tests/bench/%.sh),$(bench_drivers)); do \
		BUILD=$(BUILD) sh $$driver $(BUILD) || exit 1; done

bench-check: all $(BUILD)/bench/sections
	@BUILD=$(BUILD) sh tests/bench/check.sh

# --- fuzzing --------------------------------------------------------------------------------------

# One entry function a target, tests/fuzz/fuzz_NAME.c, and three ways to call it: `make check` runs
# the checked-in corpora with any compiler, libFuzzer comes with clang, AFL++ with its own.
fuzz_parts := $(filter-out analyzer/main.c,$(analyzer_src)) tests/lib/tracegen.c preload/flight.c tests/fuzz/fuzz.c \
	tests/fuzz/steps.c
# The target is a module's loader to it, and its stack.
fuzz_unwind_parts := $(filter-out preload/unwind.c preload/unwind_module.c,$(wildcard preload/unwind*.c))
fuzz_objects = $(fuzz_parts:%.c=$(1)/%.o)
fuzz_unwind_objects = $(fuzz_unwind_parts:%.c=$(1)/%.o)
fuzz_cflags = $(filter-out -O%,$(c_flags)) $(analyzer_cflags) -O1 -fno-omit-frame-pointer
fuzz_sanitize := -fsanitize=address,undefined -fno-sanitize-recover=undefined

$(BUILD)/asan/fuzz/unwind: $(call fuzz_unwind_objects,$(BUILD)/asan/obj/analyzer)
$(BUILD)/asan/fuzz/%: $(BUILD)/asan/obj/analyzer/tests/fuzz/fuzz_%.o \
		$(BUILD)/asan/obj/analyzer/tests/fuzz/replay.o \
		$(call fuzz_objects,$(BUILD)/asan/obj/analyzer)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(sanitize) -pthread -o $@ $^ $(dw_libs) -lm

$(BUILD)/asan/fuzz/flip: $(addprefix $(BUILD)/asan/obj/analyzer/tests/fuzz/,flip.o fuzz_reader.o) \
		$(call fuzz_objects,$(BUILD)/asan/obj/analyzer)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(sanitize) -pthread -o $@ $^ $(dw_libs) -lm

$(BUILD)/fuzz/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(Q)clang $(fuzz_cflags) $(fuzz_sanitize) -fsanitize=fuzzer-no-link $(deps_flags) -c -o $@ $<

$(BUILD)/afl/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,AFL,$<)
	$(Q)AFL_QUIET=1 afl-clang-fast $(fuzz_cflags) $(fuzz_sanitize) $(deps_flags) -c -o $@ $<

$(BUILD)/fuzz/unwind: $(call fuzz_unwind_objects,$(BUILD)/fuzz/obj)
$(BUILD)/fuzz/reader: $(BUILD)/fuzz/obj/tests/fuzz/mutate.o
$(BUILD)/fuzz/%: $(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.o $(call fuzz_objects,$(BUILD)/fuzz/obj)
	$(call say,LD,$@)
	$(Q)clang $(fuzz_sanitize) -fsanitize=fuzzer -pthread -o $@ $^ $(dw_libs) -lm

$(BUILD)/afl/unwind: $(call fuzz_unwind_objects,$(BUILD)/afl/obj)
$(BUILD)/afl/%: $(BUILD)/afl/obj/tests/fuzz/fuzz_%.o $(call fuzz_objects,$(BUILD)/afl/obj)
	$(call say,LD,$@)
	$(Q)AFL_QUIET=1 afl-clang-fast $(fuzz_sanitize) -fsanitize=fuzzer -pthread -o $@ $^ $(dw_libs) -lm

$(BUILD)/afl/mutate.so: tests/fuzz/mutate.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(c_flags) -shared -fPIC -o $@ $<

FUZZ_SECONDS ?= 60
FUZZ ?= $(fuzz_names)

fuzz: $(FUZZ:%=$(BUILD)/fuzz/%)
	@tests/fuzz/run libfuzzer $(FUZZ_SECONDS) $(BUILD) $(FUZZ)

# A minute for all together, unless FUZZ_SECONDS says what each gets.
short_seconds := $(if $(filter file,$(origin FUZZ_SECONDS)),$(shell expr 60 / $(words $(or $(FUZZ),none))),$(FUZZ_SECONDS))

fuzz-short: $(FUZZ:%=$(BUILD)/fuzz/%)
	@tests/fuzz/run libfuzzer $(short_seconds) $(BUILD) $(FUZZ)

fuzz-afl: $(FUZZ:%=$(BUILD)/afl/%) $(BUILD)/afl/mutate.so
	@tests/fuzz/run afl $(FUZZ_SECONDS) $(BUILD) $(FUZZ)

format:
	clang-format -i $(wildcard $(foreach d,trace preload analyzer analyzer/order samples tests/lib \
		tests/unit tests/programs tests/order tests/bench tests/fuzz \
		analyzer/export analyzer/diff analyzer/check,$d/*.[ch]))

# --- install --------------------------------------------------------------------------------------

# Where the loader looks by itself, so that LD_PRELOAD=liblockprof.so works by its bare name.
install: $(products)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR) $(DESTDIR)$(MANDIR) $(DESTDIR)$(COMPDIR)
	install -m 755 $(tool) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(shim) $(confirm) $(DESTDIR)$(LIBDIR)/
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/pkgconfig
	install -m 644 preload/lockprof.h $(DESTDIR)$(PREFIX)/include/
	printf '%s\n' 'Name: lockprof' 'Description: tell the lock profiler about phases, work and locks' \
		'Version: $(VERSION)' 'Cflags: -I$(PREFIX)/include' \
		>$(DESTDIR)$(PREFIX)/share/pkgconfig/lockprof.pc
	install -m 644 $(wildcard docs/man/*.1) $(DESTDIR)$(MANDIR)/
	install -D -m 644 docs/man/lockprof.h.3 $(DESTDIR)$(PREFIX)/share/man/man3/lockprof.h.3
	install -m 644 completion/lockprof.bash $(DESTDIR)$(COMPDIR)/lockprof
	$(if $(DESTDIR),,-ldconfig)

clean:
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/obj/*/*/*.d $(BUILD)/obj/*/*/*/*.d $(BUILD)/asan/obj/*/*/*.d \
	$(BUILD)/asan/obj/*/*/*/*.d $(BUILD)/samples/*.d $(BUILD)/tests/*.d $(BUILD)/order/*.d $(BUILD)/bench/*.d)
-include $(wildcard $(BUILD)/model/*/*/*.d $(BUILD)/model/*/*/*/*.d)
-include $(wildcard $(BUILD)/fuzz/obj/*/*.d $(BUILD)/fuzz/obj/*/*/*.d $(BUILD)/afl/obj/*/*.d $(BUILD)/afl/obj/*/*/*.d)
