/* SPDX-License-Identifier: MIT */
/*
 * The symbolizer against programs that this test compiles: every kind of file and of missing,
 * changed and damaged debug information. Markers in the code (asm labels) give the addresses.
 * LOCKPROF_FUZZ=N makes the damage tests do N files instead of a few hundred.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../analyzer/demangle.h"
#include "../../analyzer/symbols.h"

static char folder[] = "/tmp/lockprof-symbols-XXXXXX";

static const char c_source[] =
	/* 1 */
	"#include <pthread.h>\n"
	/* 2 */ "typedef struct { int n; pthread_mutex_t mu; } slot_t;\n"
	/* 3 */ "struct part { char tag[3]; union { long raw; slot_t slot; }; };\n"
	/* 4 */ "struct shard { long hits; const volatile struct part parts[2][3]; };\n"
	/* 5 */ "pthread_mutex_t cache_lock; struct shard shards[4]; int plain[8];\n"
	/* 6 */ "volatile int sink; struct { slot_t a; int odd; } pair;\n"
	/* 7 */ "#define MARK(name) __asm__ volatile(\".globl \" #name \"\\n\" #name \": nop\")\n"
	/* 8 */ "static inline __attribute__((always_inline)) void leaf(int n)\n"
	/* 9 */ "{ sink += n; MARK(mark_leaf); sink--; }\n"
	/* 10 */ "static inline __attribute__((always_inline)) void middle(int n)\n"
	/* 11 */ "{\n"
	/* 12 */ "	for (int i = 0; i < n; i++) { int j = i * n;\n"
	/* 13 */ "		leaf(j); }\n"
	/* 14 */ "}\n"
	/* 15 */ "__attribute__((noinline)) int outer(int n)\n"
	/* 16 */ "{\n"
	/* 17 */ "	middle(n + 1);\n"
	/* 18 */ "	return sink; }\n"
	/* 19 */ "__attribute__((noinline)) void *refill(void)\n"
	/* 20 */ "{ { static slot_t lock; MARK(mark_refill);\n"
	/* 21 */ "	return &lock; } }\n"
	/* 22 */ "int main(int c, char **v) { (void)v; pthread_mutex_lock(&cache_lock);\n"
	/* 23 */ "	return outer(c) + shards[0].hits + plain[1] + pair.odd + !refill(); }\n";

static const char cc_source[] =
	/* 1 */
	"#include <mutex>\n"
	/* 2 */ "#include <array>\n"
	/* 3 */ "#define MARK(name) __asm__ volatile(\".globl \" #name \"\\n\" #name \": nop\")\n"
	/* 4 */ "namespace app { namespace { std::mutex hidden; }\n"
	/* 5 */ "struct base { std::recursive_mutex rec; };\n"
	/* 6 */ "template <class T> struct pool : base { T value; std::mutex mu;\n"
	/* 7 */ "  static std::mutex shared; __attribute__((noinline)) int get(T n)\n"
	/* 8 */ "  { auto f = [&]() __attribute__((noinline)) { MARK(mark_lambda); value += n; };\n"
	/* 9 */ "    MARK(mark_get); f(); return value; } };\n"
	/* 10 */ "template <class T> std::mutex pool<T>::shared;\n"
	/* 11 */ "pool<int> pools[2]; std::array<std::mutex, 3> row;\n"
	/* 12 */ "int run(int n) { static std::mutex once; std::lock_guard<std::mutex> g(once);\n"
	/* 13 */ "  hidden.lock(); hidden.unlock(); pool<int>::shared.lock(); row[1].lock();\n"
	/* 14 */ "  return pools[0].get(n); } }\n"
	/* 15 */ "int main(int c, char **) { return app::run(c); }\n";

static const char rust_source[] =
	"use std::sync::Mutex;\n"
	"pub mod app { pub static CACHE: std::sync::Mutex<u32> = std::sync::Mutex::new(1);\n"
	"#[inline(never)] pub fn fill(n: u32) -> u32 { let mut c = CACHE.lock().unwrap();\n"
	"*c += n; *c } }\n"
	"fn main() { let m = Mutex::new(2u32); let n = *m.lock().unwrap();\n"
	"println!(\"{}\", app::fill(n)); }\n";

static const char asm_source[] =
	".text\n.globl bare_first\nbare_first: nop\nnop\n.globl bare_second\nbare_second: nop\n"
	"ret\n.globl sized\n.type sized,@function\nsized: nop\ninner_label: nop\nret\n"
	".size sized,.-sized\n"
	".globl _start\n_start: nop\n";

/* Runs a command in the test's folder; true when it succeeded. */
static bool __attribute__((format(printf, 1, 2))) shell(const char *format, ...)
{
	char command[1024], whole[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	snprintf(whole, sizeof(whole), "cd %s && { %s; } >log 2>&1", folder, command);
	return system(whole) == 0;
}

static void write_file(const char *name, const void *data, size_t size)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* The address of SYMBOL by nm, 0 when there is none. A leading '~' searches for a part. */
static uint64_t address_of(const char *file, const char *symbol)
{
	bool part = *symbol == '~';
	char command[512], name[4096];
	uint64_t address, found = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "nm %s | grep -v ' [Uw] ' | awk '{print $1, $3}'",
		 path_of(file));
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (fscanf(pipe, "%lx %4095s", &address, name) == 2) {
		if (part ? strstr(name, symbol + 1) != NULL : !strcmp(name, symbol))
			found = address;
	}
	pclose(pipe);
	return found;
}

static size_t build_id_of(const char *file, unsigned char id[64])
{
	int fd = open(path_of(file), O_RDONLY);
	const void *bits;
	ssize_t length;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	length = dwelf_elf_gnu_build_id(elf, &bits);
	assert_in_range(length, 8, 64);
	memcpy(id, bits, length);
	elf_end(elf);
	close(fd);
	return length;
}

static struct symbols *open_file(const char *file)
{
	struct symbols *s = symbols_new(NULL);

	assert_non_null(s);
	assert_int_equal(symbols_add_module(s, 7, path_of(file), NULL, 0), 0);
	return s;
}

static void assert_frame(const struct frame *frame, const char *function, const char *file,
			 int line, bool inlined)
{
	if (function)
		assert_string_equal(frame->function ? frame->function : "(none)", function);
	else
		assert_null(frame->function);
	assert_int_equal(frame->line, line);
	if (file) {
		assert_non_null(frame->file);
		assert_string_equal(basename(frame->file), file);
	} else {
		assert_null(frame->file);
	}
	assert_int_equal(frame->inlined, inlined);
}

static void assert_inlined_leaf(struct symbols *s, uint64_t address)
{
	const struct frame *frames;

	assert_int_equal(symbols_code(s, 7, address, false, &frames), 3);
	assert_frame(&frames[0], "leaf", "a.c", 9, true);
	assert_frame(&frames[1], "middle", "a.c", 13, true);
	assert_frame(&frames[2], "outer", "a.c", 17, false);
	assert_int_equal(frames[0].offset, address);
}

/* One name, no line: what the symbol tables alone give. */
static void assert_symbol_only(struct symbols *s, uint64_t address, const char *function)
{
	const struct frame *frames;

	assert_int_equal(symbols_code(s, 7, address, false, &frames), 1);
	assert_frame(&frames[0], function, NULL, 0, false);
	assert_non_null(frames[0].module);
	assert_int_equal(frames[0].offset, address);
}

static void assert_data(struct symbols *s, uint64_t address, const char *name)
{
	const char *found = symbols_data(s, 7, address);

	if (name)
		assert_string_equal(found ? found : "(none)", name);
	else
		assert_null(found);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	write_file("a.c", c_source, sizeof(c_source) - 1);
	write_file("b.cc", cc_source, sizeof(cc_source) - 1);
	write_file("r.rs", rust_source, sizeof(rust_source) - 1);
	write_file("s.s", asm_source, sizeof(asm_source) - 1);
	if (!shell("gcc -O2 -g -Wl,--build-id a.c -o pie") ||
	    !shell("gcc -O2 -g -no-pie -Wl,--build-id a.c -o fixed") ||
	    !shell("gcc -O2 -g -fPIC -shared -Wl,--build-id a.c -o lib.so") ||
	    !shell("gcc -O2 -Wl,--build-id a.c -o nodebug && strip -s -o stripped pie") ||
	    !shell("g++ -O2 -g b.cc -o cxx"))
		return -1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return shell("rm -rf %s", folder) ? 0 : -1;
}

static void test_inlined_frames(void **state)
{
	static const char *const kinds[] = { "pie", "fixed", "lib.so" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct symbols *s = open_file(kinds[i]);
		uint64_t mark = address_of(kinds[i], "mark_leaf");
		const struct frame *frames, *again;

		assert_inlined_leaf(s, mark);
		assert_int_equal(symbols_code(s, 7, mark, false, &frames), 3);
		assert_int_equal(symbols_code(s, 7, mark, false, &again), 3);
		assert_ptr_equal(frames, again);
		assert_int_equal(
			symbols_code(s, 7, address_of(kinds[i], "mark_refill"), false, &frames), 1);
		assert_frame(&frames[0], "refill", "a.c", 20, false);
		assert_null(symbols_module_note(s, 7));
		symbols_free(s);
	}
}

/* Two recordings of one file, under other numbers: what one found the other has, and keeps. */
static void test_shared_by_recordings(void **state)
{
	struct symbols *one = open_file("pie"), *two = symbols_new(one);
	uint64_t mark = address_of("pie", "mark_leaf");
	const struct frame *frames, *again;

	(void)state;
	assert_int_equal(symbols_add_module(two, 3, path_of("pie"), NULL, 0), 0);
	assert_int_equal(symbols_add_module(two, 4, path_of("lib.so"), NULL, 0), 0);
	assert_int_equal(symbols_code(one, 7, mark, false, &frames), 3);
	symbols_free(one);
	assert_int_equal(symbols_code(two, 3, mark, false, &again), 3);
	assert_ptr_equal(frames, again);
	assert_int_equal(symbols_code(two, 4, address_of("lib.so", "mark_leaf"), false, &again), 3);
	assert_ptr_not_equal(frames, again);
	assert_int_equal(symbols_code(two, 7, mark, false, &again), 1);
	assert_string_equal(again->module, "[anon]");
	symbols_free(two);
}

/* One path, another build in each recording: only the one that is there now has names. */
static void test_shared_by_builds(void **state)
{
	struct symbols *first = symbols_new(NULL);
	struct symbols *s[3] = { first, symbols_new(first), symbols_new(first) };
	uint64_t mark = address_of("pie", "mark_leaf");
	unsigned char id[64];
	size_t length = build_id_of("pie", id);

	(void)state;
	for (size_t i = 0; i < 3; i++, id[3] ^= 1)
		assert_int_equal(symbols_add_module(s[i], 7, path_of("pie"), id, length), 0);
	assert_inlined_leaf(s[0], mark);
	assert_symbol_only(s[1], mark, NULL);
	assert_null(symbols_module_note(s[0], 7));
	assert_non_null(strstr(symbols_module_note(s[1], 7), "changed"));
	assert_inlined_leaf(s[2], mark);
	for (size_t i = 0; i < 3; i++)
		symbols_free(s[i]);
}

/* What is wrong with a file is told where it was asked about, not wherever it is known. */
static void test_notes_of_recordings(void **state)
{
	struct symbols *one = symbols_new(NULL), *two = symbols_new(one);

	(void)state;
	symbols_add_module(one, 7, path_of("absent"), NULL, 0);
	symbols_add_module(two, 7, path_of("absent"), NULL, 0);
	assert_symbol_only(one, 0x1000, NULL);
	assert_non_null(symbols_module_note(one, 7));
	assert_null(symbols_module_note(two, 7));
	assert_symbol_only(two, 0x1000, NULL);
	assert_non_null(symbols_module_note(two, 7));
	symbols_free(one);
	symbols_free(two);
}

static void test_return_address(void **state)
{
	struct symbols *s = open_file("pie");
	uint64_t outer = address_of("pie", "outer");
	const struct frame *frames;

	(void)state;
	symbols_code(s, 7, outer, false, &frames);
	assert_string_equal(frames[0].function, "outer");
	symbols_code(s, 7, outer, true, &frames);
	assert_true(!frames[0].function || strcmp(frames[0].function, "outer"));
	assert_int_equal(frames[0].offset, outer);
	assert_int_equal(symbols_code(s, 7, 0, true, &frames), 1);
	symbols_free(s);
}

static void test_other_compilers(void **state)
{
	static const char *const compilers[] = {
		"clang -O2 -g",
		"clang -O2 -gdwarf-4",
		"gcc -O2 -gdwarf-4",
		"gcc -O2 -g -gsplit-dwarf",
		"clang -O2 -gsplit-dwarf -g",
		"gcc -O2 -g -gz",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(compilers) / sizeof(*compilers); i++) {
		struct symbols *s;

		if (!shell("command -v %.5s && %s a.c -o other", compilers[i], compilers[i]))
			continue;
		s = open_file("other");
		assert_inlined_leaf(s, address_of("other", "mark_leaf"));
		assert_data(s, address_of("other", "shards") + 8 + 8, "shards[0].parts[0][0].raw");
		assert_data(s, address_of("other", "shards") + 8 + 16,
			    "shards[0].parts[0][0].slot.mu");
		assert_data(s,
			    address_of("other", "~lock.") ? address_of("other", "~lock.") + 8
							  : address_of("other", "refill.lock") + 8,
			    "refill::lock.mu");
		symbols_free(s);
	}
}

static void test_without_debug_information(void **state)
{
	struct symbols *s = open_file("nodebug");

	(void)state;
	assert_symbol_only(s, address_of("nodebug", "mark_leaf"), "outer");
	assert_data(s, address_of("nodebug", "cache_lock"), "cache_lock");
	assert_data(s, address_of("nodebug", "shards") + 0x10, "shards+0x10");
	assert_data(s, 16, NULL);
	symbols_free(s);
	s = open_file("stripped");
	assert_symbol_only(s, address_of("pie", "mark_leaf"), NULL);
	assert_data(s, address_of("pie", "cache_lock"), NULL);
	symbols_free(s);
}

static void test_symbols_of_assembly(void **state)
{
	struct symbols *s;

	(void)state;
	assert_true(shell("gcc -nostdlib s.s -o assembly"));
	s = open_file("assembly");
	assert_symbol_only(s, address_of("assembly", "bare_first") + 1, "bare_first");
	assert_symbol_only(s, address_of("assembly", "bare_second") + 1, "bare_second");
	assert_symbol_only(s, address_of("assembly", "inner_label"), "sized");
	assert_symbol_only(s, address_of("assembly", "_start"), "_start");
	assert_symbol_only(s, address_of("assembly", "_start") + 1, NULL);
	symbols_free(s);
}

static void test_separate_debug_files(void **state)
{
	uint64_t mark = address_of("pie", "mark_leaf");
	unsigned char id[64];
	char hex[129] = "";
	size_t length = build_id_of("pie", id);
	struct symbols *s;

	(void)state;
	for (size_t i = 0; i < length; i++)
		sprintf(hex + 2 * i, "%02x", id[i]);
	assert_true(shell("objcopy --only-keep-debug pie linked.debug && strip -s -o linked pie &&"
			  "objcopy --add-gnu-debuglink=linked.debug linked"));
	s = open_file("linked");
	assert_inlined_leaf(s, mark);
	assert_data(s, address_of("pie", "pair"), "pair");
	symbols_free(s);

	assert_true(shell("mkdir -p extra/.build-id/%.2s &&"
			  "mv linked.debug extra/.build-id/%.2s/%s.debug",
			  hex, hex, hex + 2));
	setenv("LOCKPROF_DEBUG_PATH", path_of("extra"), 1);
	s = open_file("linked");
	assert_inlined_leaf(s, mark);
	symbols_free(s);

	/* The debug file of the recorded build-id stands in for a missing or changed file. */
	for (int i = 0; i < 2; i++) {
		s = symbols_new(NULL);
		symbols_add_module(s, 7, path_of(i ? "nodebug" : "absent"), id, length);
		assert_inlined_leaf(s, mark);
		assert_data(s, address_of("pie", "shards"), "shards");
		assert_null(symbols_module_note(s, 7));
		symbols_free(s);
	}
	unsetenv("LOCKPROF_DEBUG_PATH");
}

/* As a process whose environment names a server: libdw looks when it is loaded. */
static int ask_nobody(const char *path)
{
	struct symbols *s = symbols_new(NULL);
	const char *url = getenv("DEBUGINFOD_URLS");
	const struct frame *frames;
	bool kept;

	symbols_add_module(s, 7, path, NULL, 0);
	symbols_code(s, 7, 0x1000, true, &frames);
	kept = url && getenv("DEBUGINFOD_URLS") == url;
	symbols_free(s);
	return kept ? 0 : 1;
}

/* No server is asked for what is missing; and the environment of programs run later is as it was. */
static void test_no_network(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t bytes = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM, 0), status;
	struct pollfd calls = { .fd = server, .events = POLLIN };
	char url[64];
	pid_t pid;

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(server, (void *)&address, bytes), 0);
	assert_int_equal(listen(server, 4), 0);
	assert_int_equal(getsockname(server, (void *)&address, &bytes), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	assert_true(shell("strip -s -o bare pie"));
	pid = fork();
	if (!pid) {
		setenv("DEBUGINFOD_URLS", url, 1);
		setenv("DEBUGINFOD_TIMEOUT", "1", 1);
		setenv("DEBUGINFOD_CACHE_PATH", path_of("cache"), 1);
		execl("/proc/self/exe", "test_symbols", path_of("bare"), (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(poll(&calls, 1, 0), 0);
	close(server);
}

static void test_minidebuginfo(void **state)
{
	struct symbols *s;

	(void)state;
	if (!shell("command -v xz && nm nodebug --format=posix --defined-only |"
		   "awk '$2 ~ /[Tt]/ {print $1}' | sort > keep &&"
		   "objcopy -S --keep-symbols=keep --remove-section .comment nodebug mini &&"
		   "xz -f --stdout mini > mini.xz && strip -s -o packed nodebug &&"
		   "objcopy --add-section .gnu_debugdata=mini.xz packed"))
		skip();
	s = open_file("packed");
	assert_symbol_only(s, address_of("nodebug", "outer") + 1, "outer");
	symbols_free(s);
}

static void test_names_of_data(void **state)
{
	uint64_t shards = address_of("pie", "shards"), pair = address_of("pie", "pair");
	struct symbols *s = open_file("pie");

	(void)state;
	/* A part is 8 + 48 bytes, a shard 8 + 6 * 56. */
	assert_data(s, address_of("pie", "cache_lock"), "cache_lock");
	assert_data(s, shards, "shards");
	assert_data(s, shards + 3 * 344, "shards[3]");
	assert_data(s, shards + 344 + 8 + 4 * 56 + 8 + 8, "shards[1].parts[1][1].slot.mu");
	assert_data(s, shards + 8 + 2, "shards[0].parts[0][0].tag[2]");
	assert_data(s, shards + 8 + 4, "shards[0].parts[0][0]+0x4");
	assert_data(s, address_of("pie", "plain") + 8, "plain[2]");
	assert_data(s, address_of("pie", "plain") + 9, "plain[2]+0x1");
	assert_data(s, pair + 8, "pair.a.mu");
	assert_data(s, pair + 48, "pair.odd");
	assert_data(s, address_of("pie", "~lock.0") + 8, "refill::lock.mu");
	assert_data(s, address_of("pie", "main"), NULL);
	symbols_free(s);
}

static void test_cxx(void **state)
{
	uint64_t pools = address_of("cxx", "_ZN3app5poolsE");
	struct symbols *s = open_file("cxx");
	const struct frame *frames;

	(void)state;
	assert_true(symbols_code(s, 7, address_of("cxx", "mark_get"), false, &frames) >= 1);
	assert_frame(&frames[0], "app::pool<int>::get", "b.cc", 9, false);
	symbols_code(s, 7, address_of("cxx", "mark_lambda"), false, &frames);
	assert_non_null(strstr(frames[0].function, "app::pool<int>::get"));
	assert_int_equal(frames[0].line, 8);
	assert_data(s, pools, "app::pools[0].rec");
	assert_data(s, pools + 88 + 48, "app::pools[1].mu");
	assert_data(s, address_of("cxx", "_ZN3app12_GLOBAL__N_16hiddenE"),
		    "app::(anonymous namespace)::hidden");
	assert_data(s, address_of("cxx", "_ZN3app4poolIiE6sharedE"), "app::pool<int>::shared");
	assert_data(s, address_of("cxx", "_ZN3app3rowE") + 40, "app::row._M_elems[1]");
	assert_data(s, address_of("cxx", "_ZZN3app3runEiE4once"), "app::run(int)::once");
	symbols_free(s);
}

static void test_rust(void **state)
{
	static const char *const manglings[] = { "legacy", "v0" };

	(void)state;
	if (!shell("rustc --version"))
		skip();
	for (size_t i = 0; i < 2; i++) {
		const struct frame *frames;
		struct symbols *s;

		if (!shell("rustc -g -O -C symbol-mangling-version=%s r.rs -o rust", manglings[i]))
			continue;
		s = open_file("rust");
		symbols_code(s, 7, address_of("rust", "~4fill"), false, &frames);
		assert_frame(&frames[0], "r::app::fill", "r.rs", 3, false);
		assert_non_null(symbols_data(s, 7, address_of("rust", "~5CACHE")));
		assert_memory_equal(symbols_data(s, 7, address_of("rust", "~5CACHE")),
				    "r::app::CACHE", 13);
		symbols_free(s);
	}
}

static void test_changed_file(void **state)
{
	uint64_t mark = address_of("pie", "mark_leaf");
	unsigned char id[64];
	size_t length = build_id_of("pie", id);
	struct symbols *s = symbols_new(NULL);

	(void)state;
	symbols_add_module(s, 7, path_of("pie"), id, length);
	assert_inlined_leaf(s, mark);
	symbols_free(s);
	s = symbols_new(NULL);
	id[3] ^= 1;
	symbols_add_module(s, 7, path_of("pie"), id, length);
	assert_null(symbols_module_note(s, 7));
	assert_symbol_only(s, mark, NULL);
	assert_data(s, address_of("pie", "cache_lock"), NULL);
	assert_non_null(strstr(symbols_module_note(s, 7), "changed"));
	symbols_free(s);
}

static void test_no_file(void **state)
{
	static const char *const paths[] = {
		"/nonexistent/lib.so", "[vdso]", "", "relative", "/", "/dev/zero"
	};
	const struct frame *frames;

	(void)state;
	assert_true(shell("mkfifo pipe"));
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct symbols *s = symbols_new(NULL);

		symbols_add_module(s, 7, paths[i], NULL, 0);
		assert_symbol_only(s, 0x1234, NULL);
		assert_data(s, 0x1234, NULL);
		assert_int_equal(symbols_module_note(s, 7) == NULL, i == 1);
		symbols_code(s, 7, 0x1234, false, &frames);
		assert_string_equal(frames[0].module, paths[i]);
		symbols_free(s);
	}
	{
		struct symbols *s = open_file("pipe");

		assert_symbol_only(s, 0x1234, NULL);
		assert_symbol_only(s, UINT64_MAX, NULL);
		assert_string_equal(symbols_module_note(s, 7), "not a regular file");
		assert_int_equal(symbols_add_module(s, 7, "/x", NULL, 0), -EEXIST);
		assert_int_equal(symbols_add_module(s, 0, "/x", NULL, 0), -EINVAL);
		assert_int_equal(symbols_add_module(s, 65536, "/x", NULL, 0), -EINVAL);
		symbols_code(s, 8, 0x1234, false, &frames);
		assert_string_equal(frames[0].module, "[anon]");
		symbols_free(s);
	}
}

static void assert_jit(struct symbols *s, uint64_t pc, const char *function)
{
	const struct frame *frames;

	assert_int_equal(symbols_code(s, 0, pc, false, &frames), 1);
	assert_frame(&frames[0], function, NULL, 0, false);
	assert_string_equal(frames[0].module, function ? "[jit]" : "[anon]");
}

static void test_perf_map(void **state)
{
	static const char map[] = "7f0000001000 100 LazyCompile:~get /app/cache.js:12\n"
				  "rubbish\n\n-1 20 negative\n7f00 zz no\n7f0000003000 40\n"
				  "ffffffffffffffff 10 wraps\n7f0000005000 0 empty\n"
				  "0x7f0000006000 10 prefix\n"
				  "7f0000002000 80 old\n7f0000002000 40 new one\n"
				  "7f0000004000 10 torn";
	struct symbols *s = symbols_new(NULL);

	(void)state;
	write_file("perf.map", map, sizeof(map) - 1);
	assert_int_equal(symbols_set_perf_map(s, path_of("perf.map"), getuid()), 0);
	assert_jit(s, 0x7f0000001000, "LazyCompile:~get /app/cache.js:12");
	assert_jit(s, 0x7f00000010ff, "LazyCompile:~get /app/cache.js:12");
	assert_jit(s, 0x7f0000001100, NULL);
	assert_jit(s, 0x7f0000002010, "new one");
	assert_jit(s, 0x7f0000002050, "old");
	assert_jit(s, 0x7f0000004000, "torn");
	assert_jit(s, 0x7f0000005000, NULL);
	assert_jit(s, UINT64_MAX, NULL);
	symbols_free(s);
	s = symbols_new(NULL);
	symbols_set_perf_map(s, "/nonexistent", getuid());
	assert_jit(s, 0x7f0000001000, NULL);
	symbols_free(s);
	/* Somebody else's; what root has is everybody's. */
	assert_true(getuid() || !chown(path_of("perf.map"), 12345, 12345));
	s = symbols_new(NULL);
	symbols_set_perf_map(s, path_of("perf.map"), getuid() ? getuid() + 1 : 54321);
	assert_jit(s, 0x7f0000001000, NULL);
	symbols_free(s);
}

static void test_demangling(void **state)
{
	static const char *const cases[][2] = {
		{ "main", "main" },
		{ "pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait" },
		{ "flush.part.0.cold", "flush" },
		{ "lock.0", "lock.0" },
		{ "_ZN3app4poolIiE3getEi.constprop.0", "app::pool<int>::get" },
		{ "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad" },
		{ "_RNvNtC7mycrate3foo3bar", "mycrate::foo::bar" },
		{ "_ZNot_mangled", "_ZNot_mangled" },
		{ "_Z", "_Z" },
		{ "", "" },
	};
	struct demangler d = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_string_equal(demangle(&d, cases[i][0]), cases[i][1]);
		assert_string_equal(demangle(&d, cases[i][0]), cases[i][1]);
	}
	demangle_free(&d);
}

/* Each tuple holds the one before twice, by back references: 2^60 units in 300 bytes. */
static void test_exploding_name(void **state)
{
	static const char digits[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char symbol[2048] = "_RIC1aTuuE", reference[16];
	struct demangler d = { 0 };
	size_t previous = 4;

	(void)state;
	for (int i = 0; i < 60; i++) {
		size_t here = strlen(symbol) - 2, n = previous - 1;

		if (n < 62)
			sprintf(reference, "B%c_", digits[n]);
		else
			sprintf(reference, "B%c%c_", digits[n / 62], digits[n % 62]);
		sprintf(symbol + here + 2, "T%s%sE", reference, reference);
		previous = here;
	}
	strcat(symbol, "E");
	alarm(60);
	assert_memory_equal(demangle(&d, symbol), "a::<((), ()), (((), ()), ", 25);
	assert_in_range(strlen(demangle(&d, symbol)), 1000, 20000);
	alarm(0);
	demangle_free(&d);
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static unsigned fuzz_count(unsigned normal)
{
	const char *count = getenv("LOCKPROF_FUZZ");

	return count ? strtoul(count, NULL, 10) : normal;
}

static size_t load(const char *file, unsigned char **data)
{
	FILE *stream = fopen(path_of(file), "r");
	struct stat st;

	assert_non_null(stream);
	assert_int_equal(fstat(fileno(stream), &st), 0);
	*data = malloc(st.st_size);
	assert_int_equal(fread(*data, 1, st.st_size, stream), st.st_size);
	fclose(stream);
	return st.st_size;
}

/* Asks everywhere; that it comes back, and with a frame, is all that can be said. */
static void ask_everything(const char *file, const uint64_t *addresses, size_t nr)
{
	struct symbols *s = open_file(file);
	const struct frame *frames;

	alarm(60);
	for (size_t i = 0; i < nr; i++) {
		for (int offset = -3; offset < 48; offset += 3) {
			assert_true(symbols_code(s, 7, addresses[i] + offset, true, &frames) >= 1);
			symbols_data(s, 7, addresses[i] + offset);
		}
	}
	alarm(0);
	symbols_free(s);
}

/* Where a section lies in the file. */
static void section_of(const char *file, const char *name, size_t *start, size_t *size)
{
	char command[512];
	FILE *pipe;

	snprintf(command, sizeof(command),
		 "readelf -SW %s | sed 's/^ *\\[ *[0-9]*\\] *//' |"
		 "awk '$1 == \"%s\" {print $4, $5}'",
		 path_of(file), name);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%zx %zx", start, size), 2);
	pclose(pipe);
}

static void damage(const char *file, const uint64_t *addresses, size_t nr)
{
	static const char *const sections[] = { ".debug_info",	   ".debug_abbrev", ".debug_line",
						".debug_rnglists", ".debug_str",    ".symtab" };
	unsigned char *whole, *copy;
	size_t size = load(file, &whole);
	uint64_t seed = 0x9e3779b97f4a7c15u;

	copy = malloc(size);
	for (unsigned i = 0; i < fuzz_count(150); i++) {
		size_t start = 0, span = size;
		unsigned kind = i % 8;

		if (kind < 6)
			section_of(file, sections[kind], &start, &span);
		else if (kind == 6)
			span = 1024;
		memcpy(copy, whole, size);
		for (unsigned flips = 1 + next_random(&seed) % 24; flips--;)
			copy[start + next_random(&seed) % span] = next_random(&seed);
		write_file("damaged", copy, size);
		ask_everything("damaged", addresses, nr);
	}
	free(copy);
	free(whole);
}

static void test_damaged_c(void **state)
{
	const uint64_t addresses[] = {
		address_of("pie", "mark_leaf"), address_of("pie", "mark_refill"),
		address_of("pie", "main"),	address_of("pie", "shards"),
		address_of("pie", "pair"),	address_of("pie", "~lock.0"),
	};

	(void)state;
	damage("pie", addresses, sizeof(addresses) / sizeof(*addresses));
}

static void test_damaged_cxx(void **state)
{
	const uint64_t addresses[] = {
		address_of("cxx", "mark_get"),
		address_of("cxx", "mark_lambda"),
		address_of("cxx", "_ZN3app5poolsE"),
		address_of("cxx", "_ZN3app3rowE"),
		address_of("cxx", "_ZZN3app3runEiE4once"),
	};

	(void)state;
	damage("cxx", addresses, sizeof(addresses) / sizeof(*addresses));
}

static void test_truncated(void **state)
{
	uint64_t mark = address_of("pie", "mark_leaf");
	unsigned char *whole;
	size_t size = load("pie", &whole);

	(void)state;
	for (size_t length = 0; length < size; length += length < 128 ? 16 : 997) {
		write_file("damaged", whole, length);
		ask_everything("damaged", &mark, 1);
	}
	free(whole);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_network),
		cmocka_unit_test(test_inlined_frames),
		cmocka_unit_test(test_shared_by_recordings),
		cmocka_unit_test(test_shared_by_builds),
		cmocka_unit_test(test_notes_of_recordings),
		cmocka_unit_test(test_return_address),
		cmocka_unit_test(test_other_compilers),
		cmocka_unit_test(test_without_debug_information),
		cmocka_unit_test(test_symbols_of_assembly),
		cmocka_unit_test(test_separate_debug_files),
		cmocka_unit_test(test_minidebuginfo),
		cmocka_unit_test(test_names_of_data),
		cmocka_unit_test(test_cxx),
		cmocka_unit_test(test_rust),
		cmocka_unit_test(test_changed_file),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_perf_map),
		cmocka_unit_test(test_demangling),
		cmocka_unit_test(test_exploding_name),
		cmocka_unit_test(test_damaged_c),
		cmocka_unit_test(test_damaged_cxx),
		cmocka_unit_test(test_truncated),
	};

	if (argc > 1)
		return ask_nobody(argv[1]);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("symbols", tests, set_up, tear_down);
}
