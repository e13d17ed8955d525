/* SPDX-License-Identifier: MIT */
/*
 * process.c: see process.h
 *
 * The file is made at the first recorded call and not when the library is loaded: the many small
 * programs that a shell script runs take no lock and leave no file. The first call comes while
 * there is one thread (pthread_create is such a call), so nobody waits for somebody else's start;
 * a second thread that still meets a start in progress forwards its calls uncounted.
 */
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "dict.h"
#include "file.h"
#include "fork.h"
#include "options.h"
#include "phase.h"
#include "process.h"
#include "records.h"
#include "sys.h"
#include "thread.h"
#include "told.h"

enum process_state { NOT_STARTED, STARTING, RECORDING, REFUSED };

uint64_t process_begin_ticks;

static uint32_t state;		/* enum process_state */
static uint32_t calibrating;	/* by one thread at a time */
static char exe_path[4096];	/* of /proc/self/exe when loaded; "" without /proc */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static uint32_t read_file(const char *path, char *to, uint32_t size)
{
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
	long n, sum = 0;

	if (fd < 0)
		return 0;
	while (sum < size && (n = sys_read(fd, to + sum, size - (size_t)sum)) > 0)
		sum += n;
	sys_close(fd);
	return (uint32_t)sum;
}

static void header_describe_process(struct trace_header *h)
{
	struct utsname names;

	h->pid = (uint32_t)sys_getpid();
	h->ppid = (uint32_t)sys_call(SYS_getppid, 0, 0, 0, 0, 0, 0);
	h->uid = (uint32_t)sys_call(SYS_getuid, 0, 0, 0, 0, 0, 0);
	h->stack_depth = options.stacks ? options.depth : 0;
	h->max_size = options.max_size;
	if (!sys_call(SYS_uname, (long)&names, 0, 0, 0, 0, 0))
		memcpy(h->host, names.nodename, strnlen(names.nodename, sizeof(h->host) - 1));
	strcpy(h->libc, "glibc ");
	strncat(h->libc, gnu_get_libc_version(), sizeof(h->libc) - 7);
	strcpy(h->exe, exe_path);
	h->argv_bytes = read_file("/proc/self/cmdline", h->argv, sizeof(h->argv));
	for (uint32_t i = 0; i < h->argv_bytes; i++)
		h->argc += !h->argv[i];
}

static void header_fill(struct trace_header *h)
{
	unsigned char cpus[1024];
	long bytes = sys_call(SYS_sched_getaffinity, 0, sizeof(cpus), (long)cpus, 0, 0, 0);

	memcpy(h->magic, TRACE_MAGIC, sizeof(h->magic));
	h->endian_mark = TRACE_ENDIAN_MARK;
	h->version = TRACE_VERSION;
	h->min_reader = TRACE_MIN_READER;
	h->block_size = TRACE_BLOCK_SIZE;
	for (long i = 0; i < bytes; i++)
		h->nr_cpus += (uint32_t)__builtin_popcount(cpus[i]);
	h->control = 1;
	h->mode = h->mode_at_start = options.mode;
	h->clock = clock_kind();
	h->clock_shift = clock_shift();
	clock_calibrate(&h->calibration[0]);
	h->calibration[1] = h->calibration[0];
	h->start_realtime_ns = h->calibration[0].realtime_ns;
	header_describe_process(h);
	h->block.type = TRACE_BLOCK_HEADER;
	__atomic_store_n(&h->block.magic, TRACE_BLOCK_MAGIC, __ATOMIC_RELEASE);
}

static bool process_start(void)
{
	static char path[4096];	/* this may be a small signal stack */
	bool has_pid = options_path(path, sizeof(path), base_name(exe_path));
	int err = file_create(path, has_pid);

	if (err < 0) {
		if (options.verbose)
			options_say("cannot make the trace ", path);
		return false;
	}
	header_fill(trace_header);
	if (records_init() < 0 || threads_init() < 0 || dict_init() < 0 || phase_init() < 0)
		return false;
	told_init();
	process_calibrate();	/* a rate, even for a program that is killed at once */
	phase_start();
	if (options.verbose)
		options_say("recording to ", path);
	return true;
}

bool process_records(void)
{
	return __atomic_load_n(&state, __ATOMIC_ACQUIRE) == RECORDING && file_is_ours();
}

bool process_ready(void)
{
	uint32_t seen = __atomic_load_n(&state, __ATOMIC_ACQUIRE);

	if (seen == RECORDING && file_is_ours())
		return true;
	if (seen == RECORDING) {	/* a forked child: one thread */
		phase_inherit(trace_header);
		file_forget();
		calibrating = 0;	/* by a thread that only the parent has */
		process_begin_ticks = clock_ticks();
		state = seen = NOT_STARTED;
	}
	if (seen != NOT_STARTED ||
	    !__atomic_compare_exchange_n(&state, &seen, STARTING, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	seen = process_start() ? RECORDING : REFUSED;
	__atomic_store_n(&state, seen, __ATOMIC_RELEASE);
	return seen == RECORDING;
}

void process_refuse(void)
{
	thread_refuse();
	state = REFUSED;
	file_leave();
	if (options.verbose)
		options_say("cannot record a forked child: memory stays over the fork", "");
}

void process_calibrate(void)
{
	if (__atomic_exchange_n(&calibrating, 1, __ATOMIC_ACQUIRE))
		return;
	clock_calibrate(&trace_header->calibration[1]);
	__atomic_store_n(&calibrating, 0, __ATOMIC_RELEASE);
}

/* Runs late in exit(): we registered first. */
static void process_end(int status, void *unused)
{
	(void)unused;
	if (!file_is_ours() || !thread_has_clock())
		return;
	process_calibrate();
	trace_header->end_value = status;
	trace_header->end_ticks = clock_ticks();
	__atomic_store_n(&trace_header->end, TRACE_END_EXIT, __ATOMIC_RELEASE);
}

bool process_load(void)
{
	static enum { NOT_LOADED, LOADING, LOADED } load;
	int saved = errno;
	long n;

	if (load || !environ)
		return load == LOADED;
	load = LOADING;		/* on_exit() may allocate, an allocator may lock */
	clock_init();
	process_begin_ticks = clock_ticks();
	n = sys_call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)exe_path,
		     sizeof(exe_path) - 1, 0, 0);
	if (n <= 0)
		strncpy(exe_path, program_invocation_name, sizeof(exe_path) - 1);
	options_read(getenv("LOCKPROF_OPTIONS"));
	unwind_init();
	thread_key_init();
	thread_main_stack((uintptr_t)__builtin_frame_address(0));
	fork_init();
	on_exit(process_end, NULL);
	load = LOADED;
	errno = saved;
	return true;
}

static __attribute__((constructor)) void process_constructor(void)
{
	hooks_ready();
	process_load();
}
