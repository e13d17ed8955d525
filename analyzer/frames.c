/* SPDX-License-Identifier: MIT */
/*
 * frames.c: a stack as people want to read it
 *
 * The innermost frames are often wrappers around locking (std::mutex::lock, g_mutex_lock,
 * CRYPTO_THREAD_write_lock): true, but the same everywhere. They are left out in front of the first
 * frame that is none, so that a place is named after the code that decided to lock.
 */
#include <string.h>

#include "pass.h"

/* Wrappers by the beginning of the function's name, and where it must end ('$') by the whole. */
static const char *const glue_functions[] = {
	/* lockprof.h, inlined */
	"lockprof_lock_",
	"lockprof_work$",
	/* C++: libstdc++ and libc++ headers, boost, abseil */
	"__gthread_",
	"__gthrw_",
	"std::mutex::",
	"std::recursive_mutex::",
	"std::timed_mutex::",
	"std::recursive_timed_mutex::",
	"std::__recursive_mutex_base",
	"std::__mutex_base",
	"std::__timed_mutex_impl",
	"std::shared_mutex::",
	"std::shared_timed_mutex::",
	"std::__shared_mutex_pthread::",
	"std::__shared_mutex_cv::",
	"std::__glibcxx_rwlock_",
	"__glibcxx_rwlock_",
	"std::lock_guard<",
	"std::unique_lock<",
	"std::shared_lock<",
	"std::scoped_lock<",
	"std::condition_variable",
	"std::_V2::condition_variable_any",
	"std::__condvar::",
	"std::lock<",
	"std::try_lock<",
	"std::call_once<",
	"std::once_flag::",
	"std::__detail::__try_lock",
	"std::__detail::__lock",
	"std::__1::mutex::",
	"std::__1::recursive_mutex::",
	"std::__1::lock_guard<",
	"std::__1::unique_lock<",
	"std::__1::shared_mutex::",
	"std::__1::condition_variable::",
	"std::__1::__libcpp_",
	"std::counting_semaphore<",
	"std::__semaphore_",
	"std::__atomic_",
	"std::latch::",
	"std::barrier<",
	"boost::mutex::",
	"boost::unique_lock<",
	"boost::lock_guard<",
	"boost::shared_mutex::",
	"boost::recursive_mutex::",
	"boost::condition_variable::",
	"boost::posix::pthread_",
	"absl::Mutex::",
	"absl::MutexLock::",
	"absl::ReaderMutexLock::",
	"absl::WriterMutexLock::",
	"absl::synchronization_internal::",
	/* C libraries */
	"g_mutex_",
	"g_rec_mutex_",
	"g_rw_lock_",
	"g_cond_",
	"g_private_",
	"g_system_thread_",
	"g_static_mutex_",
	"g_futex_",
	"apr_thread_mutex_",
	"apr_thread_rwlock_",
	"apr_thread_cond_",
	"thread_mutex_",
	"CRYPTO_THREAD_",
	"ossl_crypto_mutex_",
	"uv_mutex_",
	"uv_rwlock_",
	"uv_sem_",
	"uv_cond_",
	"uv_barrier_",
	"uv_once$",
	"SDL_LockMutex$",
	"SDL_UnlockMutex$",
	"SDL_mutexP$",
	"PR_Lock$",
	"PR_Unlock$",
	"pthread_mutex_",
	"pthread_rwlock_",
	"pthread_spin_",
	"pthread_cond_",
	"mtx_lock$",
	"mtx_trylock$",
	"mtx_timedlock$",
	"mtx_unlock$",
	"pthreadMutex",
	/* databases */
	"inline_mysql_",
	"my_mutex_",
	"safe_mutex_",
	"psi_mutex_",
	"psi_rwlock_",
	"psi_cond_",
	"psi_rw_",
	"rw_pr_",
	"mysql_mutex_",
	"mysql_rwlock_",
	"mysql_prlock_",
	"native_mutex_",
	"native_rw_",
	"native_cond_",
	"os_event_",
	"sql_mutex",
	"rocksdb::port::Mutex::",
	"leveldb::port::Mutex::",
	/* Rust */
	"std::sys::",
	"std::sys_common::",
	"std::sync::",
	"<std::sync::",
	"core::ops::function::",
	"parking_lot::",
	"<parking_lot::",
	"lock_api::",
	"<lock_api::",
	"parking_lot_core::",
	"<parking_lot_core::",
	"once_cell::",
	/* interpreters */
	"PyThread_acquire_lock",
	"PyThread_release_lock$",
	"PyThread_allocate_lock$",
	"lock_PyThread_acquire_lock$",
	"acquire_timed$",
	"PyCOND_",
	"PyMUTEX_",
	"ngx_thread_mutex_",
	"ngx_thread_cond_",
	"rb_native_mutex_",
	"rb_native_cond_",
	"native_mutex_lock$",
};

/* Whole libraries that only wrap: the beginnings of their file names. */
static const char *const glue_modules[] = { "liblockprof", "libstdc++.so", "libc++.so",
					    "libpthread", "libboost_thread" };

static bool matches(const char *name, const char *pattern)
{
	size_t length;

	if (*name != *pattern) /* which is so for most of the table */
		return false;
	length = strlen(pattern);
	if (pattern[length - 1] == '$')
		return strlen(name) == length - 1 && !strncmp(name, pattern, length - 1);
	return !strncmp(name, pattern, length);
}

bool frames_glue(const struct frame *frame)
{
	const char *slash = frame->module ? strrchr(frame->module, '/') : NULL;
	const char *module = slash ? slash + 1 : frame->module;

	for (size_t i = 0; module && i < sizeof(glue_modules) / sizeof(*glue_modules); i++)
		if (matches(module, glue_modules[i]))
			return true;
	for (size_t i = 0; i < sizeof(glue_functions) / sizeof(*glue_functions); i++)
		if (frame->function && matches(frame->function, glue_functions[i]))
			return true;
	return false;
}

struct expansion {
	const struct process *process;
	struct frame *frames;
	size_t nr, max;
	bool skip; /* no frame of the user's own yet */
};

static void expand(struct expansion *x, uint64_t address)
{
	const struct frame *frames;
	size_t nr = symbols_code(x->process->symbols, TRACE_PC_MODULE(address),
				 TRACE_PC_OFFSET(address), true, &frames);

	for (size_t i = 0; i < nr && x->nr < x->max; i++) {
		if (x->skip && frames_glue(&frames[i]))
			continue;
		x->skip = false;
		x->frames[x->nr++] = frames[i];
	}
}

size_t model_frames(const struct process *process, uint32_t stack, uint64_t site, bool whole,
		    struct frame *frames, size_t max)
{
	const struct trace_stack *record = stack ? reader_stack(process->reader, stack) : NULL;
	struct expansion x = { .process = process, .frames = frames, .max = max, .skip = !whole };

	if (record)
		for (uint32_t i = 0; i < record->nr_frames && x.nr < max; i++)
			expand(&x, record->frames[i]);
	else if (site)
		expand(&x, site);
	if (!x.nr && !whole)
		return model_frames(process, stack, site, true, frames, max);
	return x.nr;
}
