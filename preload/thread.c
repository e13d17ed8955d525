/* SPDX-License-Identifier: MIT */
/*
 * thread.c: a thread's beginning and end; see thread.h
 *
 * A thread begins in our trampoline (create.c) or, if it was made some other way, at its first
 * call. It ends in the last round of the destructors of thread-specific data, so that locks taken
 * by the application's own destructors are still recorded. Struct and slot then go to a free list
 * and to the next thread: 100 generations of 2,000 threads need 2,000 slots.
 */
#include <limits.h>
#include <string.h>

#include "../trace/phase.h"
#include "attempt.h"
#include "clock.h"
#include "dict.h"
#include "file.h"
#include "options.h"
#include "process.h"
#include "records.h"
#include "sys.h"
#include "thread.h"
#include "told.h"

#define HANDLES 65536u		/* power of two */

enum { MAX_SLOTS = 8192, STACK_GUARD = 16384, HANDLE_PROBES = 256 };

/*
 * Threads that record nothing. `self` makes them look as if the shim were at work, `number` is
 * what a call is counted as.
 */
static struct thread thread_busy = { .self = &thread_busy, .number = TRACE_LOSS_NESTED };
static struct thread thread_over = { .self = &thread_over, .number = TRACE_LOSS_LATE };
static struct thread thread_refused = { .self = &thread_refused, .number = TRACE_LOSS_EVENTS };
static struct thread thread_clockless = { .self = &thread_clockless, .number = TRACE_LOSS_EVENTS };
static struct thread thread_new;	/* all zero: not seen yet */

__thread struct thread *thread_tls = &thread_new;

static pthread_key_t key;
static bool have_key;
static struct unwind_bounds main_stack;
/* Of a thread that pthread_create made. A child that it forks goes on there, as a main thread. */
static __thread struct unwind_bounds own_stack __attribute__((tls_model("initial-exec")));

/* All of these are zeroed in a forked child (records_pages). */
static struct tables {
	struct thread *slots[MAX_SLOTS];
	uint64_t free;		/* number of the first free one | use count << 32, against ABA */
	uint32_t nr_slots;
	struct handle {
		uint64_t handle;	/* pthread_t */
		uint32_t id;
		struct trace_thread *record;
	} handles[HANDLES];
} *tables;

int threads_init(void)
{
	flight_init(options.max_size);
	if (!tables)
		tables = records_pages(sizeof(*tables));
	return tables ? 0 : -1;
}

void thread_refuse(void)
{
	thread_tls = &thread_refused;
}

uint32_t thread_new_id(void)
{
	return __atomic_add_fetch(&trace_header->nr_threads, 1, __ATOMIC_RELAXED);
}

/*
 * The entry of a pthread_t, made when `make`. A handle that comes again is a new thread's: its
 * record is the entry's only if it has the entry's id.
 */
static struct handle *handle_find(pthread_t handle, bool make)
{
	uint64_t hash = ((uint64_t)handle >> 6) * 0x9e3779b97f4a7c15ull;

	for (uint32_t i = 0; i < HANDLE_PROBES; i++) {
		struct handle *h = &tables->handles[((hash >> 40) + i) & (HANDLES - 1)];
		uint64_t seen = __atomic_load_n(&h->handle, __ATOMIC_ACQUIRE);

		if (!seen && make)
			__atomic_compare_exchange_n(&h->handle, &seen, (uint64_t)handle, false,
						    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
		if (seen == (uint64_t)handle || (!seen && make))
			return h;
		if (!seen)
			return NULL;
	}
	return NULL;
}

uint32_t thread_id_of(pthread_t handle)
{
	struct handle *h = tables ? handle_find(handle, false) : NULL;

	return h ? __atomic_load_n(&h->id, __ATOMIC_ACQUIRE) : 0;
}

void thread_expect(pthread_t handle, uint32_t id)
{
	struct handle *h = tables ? handle_find(handle, true) : NULL;
	uint32_t seen = h ? __atomic_load_n(&h->id, __ATOMIC_RELAXED) : id;

	/* Ids grow: a greater one is that of a thread that came after this one ended. */
	while (seen < id && !__atomic_compare_exchange_n(&h->id, &seen, id, false,
							 __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void thread_set_name(pthread_t handle, const char *name)
{
	struct handle *h = tables && file_is_ours() ? handle_find(handle, false) : NULL;
	struct trace_thread *record = h ? __atomic_load_n(&h->record, __ATOMIC_ACQUIRE) : NULL;

	if (record && record->record.id == __atomic_load_n(&h->id, __ATOMIC_ACQUIRE))
		strncpy(record->name, name, sizeof(record->name) - 1);
}

void threads_each_slot(void (*each)(struct trace_slot *slot, uint64_t arg), uint64_t arg)
{
	uint32_t nr = __atomic_load_n(&tables->nr_slots, __ATOMIC_SEQ_CST);

	for (uint32_t i = 1; i <= nr && i < MAX_SLOTS; i++) {
		struct thread *t = __atomic_load_n(&tables->slots[i], __ATOMIC_SEQ_CST);

		if (t)
			each(t->slot, arg);
	}
}

static struct thread *slot_take_free(void)
{
	uint64_t seen = __atomic_load_n(&tables->free, __ATOMIC_ACQUIRE), next;
	struct thread *t;

	do {
		if (!(uint32_t)seen)
			return NULL;
		t = tables->slots[(uint32_t)seen];
		next = ((seen >> 32) + 1) << 32 | __atomic_load_n(&t->next_free, __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(&tables->free, &seen, next, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return t;
}

static void slot_give_back(struct thread *t)
{
	uint64_t seen = __atomic_load_n(&tables->free, __ATOMIC_ACQUIRE), next;

	do {
		__atomic_store_n(&t->next_free, (uint32_t)seen, __ATOMIC_RELAXED);
		next = ((seen >> 32) + 1) << 32 | t->number;
	} while (!__atomic_compare_exchange_n(&tables->free, &seen, next, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
}

static struct thread *slot_new(void)
{
	uint32_t number = __atomic_add_fetch(&tables->nr_slots, 1, __ATOMIC_SEQ_CST), block;
	struct thread *t;

	if (number >= MAX_SLOTS)
		return NULL;
	t = records_pages((sizeof(*t) + 4095) & ~4095ul);
	if (!t)
		return NULL;
	t->slot = file_map_block(TRACE_BLOCK_SLOT, number, &block);
	if (!t->slot) {
		sys_munmap(t, (sizeof(*t) + 4095) & ~4095ul);
		return NULL;
	}
	t->number = number;
	t->ring = (unsigned char *)t->slot + TRACE_STATE_SIZE;
	t->soft = RING_SOFT;
	t->hard = RING_HARD;
	t->slot->sequence = 1;
	t->slot->base_ticks = t->slot->last_ticks = clock_ticks();
	__atomic_store_n(&tables->slots[number], t, __ATOMIC_SEQ_CST);	/* before phase_join() */
	return t;
}

static void thread_describe(struct thread *t, const struct thread_origin *origin, uint64_t now)
{
	struct handle *handle = handle_find(pthread_self(), true);
	struct trace_thread *record;
	uint32_t place;
	int tid = sys_gettid();
	bool is_main = tid > 0 && sys_getpid() == tid;

	record = records_new(sizeof(*record), &place);
	t->record = record;
	if (record) {
		record->record.id = t->id;
		record->tid = tid > 0 ? (uint32_t)tid : 0;
		record->creator = origin->creator;
		record->begin_ticks = is_main ? process_begin_ticks : now;
		record->start_routine = origin->start_routine ?
						stack_code_address(origin->start_routine) : 0;
		record->slot = t->number;
		record->statistics_of = t->fold.arena ? t->fold.thread : 0;
		records_commit(record, TRACE_REC_THREAD, sizeof(*record));
	}
	if (handle) {
		__atomic_store_n(&handle->id, t->id, __ATOMIC_RELEASE);
		__atomic_store_n(&handle->record, record, __ATOMIC_RELEASE);
	}
	if (record)	/* after the handle: a name given meanwhile is seen here or stored there */
		sys_thread_name(record->name);
	if (origin->stack.high)
		own_stack = origin->stack;
	t->stack = is_main && !own_stack.high ? main_stack : own_stack;
}

/*
 * A slot that folds has its former threads' statistics. A new thread gets statistics of its own
 * while there were few threads; later ones add to those of the slot, so that the file stays bounded.
 */
static void thread_own_statistics(struct thread *t)
{
	enum { THREADS_APART = 4096 };

	if (!t->fold.arena || t->id > THREADS_APART)
		return;
	fold_fini(&t->fold);
	t->fold.arena = NULL;
}

/* A slot for the calling thread, busy; NULL when there is none. */
static struct thread *thread_register(const struct thread_origin *origin)
{
	struct thread *t;
	uint64_t now;

	if (!process_ready())
		return NULL;
	t = slot_take_free();
	if (!t)
		t = slot_new();
	if (!t) {
		file_loss(TRACE_LOSS_THREADS, 1);
		return NULL;
	}
	now = clock_ticks();
	t->id = origin->id ? origin->id : thread_new_id();
	t->self = t;
	t->exit_rounds = t->untimed = 0;
	t->top = t->slot->held;
	t->limit = t->slot->held + TRACE_HELD_MAX;
	phase_join(trace_header, t->slot);
	memset(t->stacks, 0, sizeof(t->stacks));
	thread_own_statistics(t);
	thread_describe(t, origin, now);
	if (!t->slot->head)
		t->slot->thread_at_tail = t->id;
	t->slot->thread = t->id;
	ring_event(t, TRACE_EV_THREAD, t->id, now, NULL);
	return t;
}

static struct thread *thread_first_call(const struct thread_origin *origin)
{
	struct thread *t;

	hooks_ready();
	if (!process_load())
		return NULL;
	thread_tls = &thread_busy;
	barrier();
	t = thread_register(origin);
	thread_tls = t ? t : &thread_refused;
	if (t && have_key)
		pthread_setspecific(key, t);
	return t;
}

struct thread *thread_enter(void)
{
	static const struct thread_origin unknown;
	struct thread *t = thread_self();

	if (likely(t->live)) {
		t->live = 0;
		barrier();
		if (likely(t->self))
			return t;	/* no handler forked in between */
	}
	if (!t->self)
		return thread_first_call(&unknown);
	file_loss(t->id ? TRACE_LOSS_NESTED : (enum trace_loss)t->number, 1);
	return NULL;
}

void thread_begin(const struct thread_origin *origin)
{
	struct thread *t;

	if (thread_self()->self)
		return;
	t = thread_first_call(origin);
	if (t)
		thread_leave(t);
}

/* What the thread still holds is recorded as it stands: nobody else will. */
static uint64_t leave_held(struct thread *t, uint64_t now)
{
	uint64_t left = 0;

	while (t->top > t->slot->held) {
		hold_end(t, t->top - 1, now, TRACE_ACQ_LEFT, 0);
		left++;
	}
	return left;
}

static void thread_end(struct thread *t)
{
	uint64_t now = clock_ticks(), left;

	t->live = 0;
	barrier();
	told_end(t);
	left = leave_held(t, now);
	ring_event(t, TRACE_EV_EXIT, t->id, now, &left);
	if (t->record) {
		sys_thread_name(t->record->name);
		t->record->end_ticks = now;
	}
	if (__atomic_load_n(&trace_header->mode, __ATOMIC_RELAXED) == TRACE_MODE_PROFILE)
		ring_flush(t);	/* under this thread's number */
	t->slot->wait_node = t->slot->wait_thread = 0;
	t->slot->thread = 0;
	process_calibrate();
	thread_tls = &thread_over;
	barrier();
	slot_give_back(t);
}

void thread_lose_clock(void)
{
	thread_tls = &thread_clockless;
}

bool thread_has_clock(void)
{
	return thread_tls != &thread_clockless;
}

/*
 * Other destructors may still take locks, so ours asks to be called again until the last round
 * that POSIX promises.
 */
static void thread_key_destroyed(void *value)
{
	struct thread *t = value;

	if (t != thread_self() || t->self != t)	/* forked child, or a stale value */
		return;
	if (++t->exit_rounds < PTHREAD_DESTRUCTOR_ITERATIONS && !pthread_setspecific(key, t))
		return;
	thread_end(t);
}

int thread_key_init(void)
{
	have_key = !pthread_key_create(&key, thread_key_destroyed);
	return have_key ? 0 : -1;
}

/* The main thread's stack may grow to its limit; a page or two at the low end stay untouched. */
void thread_main_stack(uintptr_t somewhere)
{
	extern void *__libc_stack_end;
	enum { MIB = 1 << 20 };
	struct rlimit limit;
	uint64_t size = 8 * MIB;

	if (!sys_getrlimit(RLIMIT_STACK, &limit) && limit.rlim_cur < size)
		size = limit.rlim_cur;
	main_stack.high = (uintptr_t)__libc_stack_end;
	if (main_stack.high < somewhere || main_stack.high - somewhere > size)
		main_stack.high = somewhere;
	main_stack.low = main_stack.high - size + STACK_GUARD;
}
