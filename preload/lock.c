/* SPDX-License-Identifier: MIT */
/*
 * lock.c: which lock is it? address + generation
 *
 * An address gets a new record, with the next generation, when its lock is initialised again, was
 * destroyed before, or turns out to be of another kind. Memory that is used again and again for
 * short-lived locks made at the same place (a mutex in a request, a semaphore on the stack) must
 * not grow the dictionary for ever: after LIVES_APART lives that were made at the same stack, the
 * lives at that address share one record, which says so (RECYCLED, lives).
 */
#include <string.h>

#include "dict.h"
#include "file.h"
#include "records.h"
#include "table.h"

enum { LIVES_APART = 16, NAME_BYTES = 255, NAMES_LAST = 1 << 16, NAMES_MAX = 1 << 18 };

uint32_t lock_tags[LOCK_TAGS];
static struct record_table locks;
static uint32_t *last_names;	/* hash of a lock's latest name, by its id; zeroed in a forked child */
static uint32_t nr_names;

int lock_init(const struct record_table *table)
{
	locks = *table;
	memset(lock_tags, 0, sizeof(lock_tags));
	nr_names = 0;
	if (!last_names)
		last_names = records_pages(NAMES_LAST * sizeof(*last_names));
	return last_names ? 0 : -1;
}

static bool same_address(const void *record, const void *key)
{
	return ((const struct trace_lock *)record)->address == (uintptr_t)key;
}

static uint32_t *lock_slot(const void *address, uint32_t *place)
{
	return table_find(&locks, table_hash((uintptr_t)address >> 3, 0), same_address, address,
			  place);
}

static struct trace_lock *lock_at(uint32_t place)
{
	return place ? record_at(place) : NULL;
}

static bool lock_lives(const struct trace_lock *lock, enum trace_kind kind)
{
	return lock && lock->kind == kind &&
	       !(__atomic_load_n(&lock->flags, __ATOMIC_RELAXED) & TRACE_LOCK_DESTROYED);
}

/* Caches forget what they know of this address; its semaphore is not known to be counting. */
static void lock_forget(const void *address)
{
	uint32_t *tag = lock_tag(address);

	__atomic_fetch_add(tag, LOCK_TAG_STEP, __ATOMIC_RELAXED);
	__atomic_fetch_and(tag, ~LOCK_TAG_COUNTING, __ATOMIC_RELAXED);
}

void lock_forget_sites(void)
{
	for (uint32_t i = 0; i < LOCK_TAGS; i++)
		__atomic_fetch_add(&lock_tags[i], LOCK_TAG_STEP, __ATOMIC_RELAXED);
}

/* What an init call says; zeros where none was seen. named: there is no more than a name yet. */
struct birth {
	uint32_t stack, flags, value;
	bool named;
};

/*
 * A record for the next life at an address, in the slot that holds `old`. NULL: no room, or another
 * thread just used the slot, perhaps for another address.
 */
static struct trace_lock *lock_new(uint32_t *slot, uint32_t old, const void *address,
				   enum trace_kind kind, struct birth birth)
{
	struct trace_lock *before = lock_at(old), *lock;
	uint32_t place;

	lock = records_new(sizeof(*lock), &place);
	if (!lock)
		return NULL;
	lock->record.id = __atomic_add_fetch(&trace_header->nr_locks, 1, __ATOMIC_RELAXED);
	lock->address = (uintptr_t)address;
	lock->data_address = stack_data_address(address);
	lock->kind = kind;
	lock->generation = before ? before->generation + 1 : 0;
	lock->lives = !birth.named;
	lock->init_stack = birth.stack;
	lock->flags = birth.flags;
	lock->value = birth.value;
	records_commit(lock, TRACE_REC_LOCK, sizeof(*lock));
	if (table_insert(slot, old, place))
		return lock;
	records_commit(lock, TRACE_REC_DEAD, sizeof(*lock));
	return NULL;
}

struct trace_lock *lock_find(const void *address, enum trace_kind kind)
{
	uint32_t place, *slot = lock_slot(address, &place);
	struct trace_lock *lock = slot ? lock_at(place) : NULL;

	return lock_lives(lock, kind) ? lock : NULL;
}

/*
 * Named before its first use, which tells for sure what it is: a name's type may not (std::mutex, or
 * an int that may be a spin lock or the program's own). Kind before lives: who sees that, sees both.
 */
static void lock_settle(struct trace_lock *lock, enum trace_kind kind)
{
	if (!lock || __atomic_load_n(&lock->lives, __ATOMIC_ACQUIRE))
		return;
	__atomic_store_n(&lock->kind, kind, __ATOMIC_RELAXED);
	__atomic_store_n(&lock->lives, 1, __ATOMIC_RELEASE);
}

struct trace_lock *lock_get(const void *address, enum trace_kind kind)
{
	struct trace_lock *lock = NULL;

	for (int tries = 0; !lock && tries < 4; tries++) {
		uint32_t place, *slot = lock_slot(address, &place);

		if (!slot) {
			file_loss(TRACE_LOSS_RECORDS, 1);
			return NULL;
		}
		lock_settle(lock_at(place), kind);
		if (lock_lives(lock_at(place), kind))
			return lock_at(place);
		if (place)
			lock_forget(address);
		lock = lock_new(slot, place, address, kind, (struct birth){ 0, 0, 0, false });
	}
	return lock;
}

struct trace_lock *lock_to_name(const void *address, enum trace_kind kind)
{
	bool is_guess = kind == TRACE_KIND_CUSTOM || kind == TRACE_KIND_SPIN;
	struct trace_lock *lock = NULL;

	for (int tries = 0; !lock && tries < 4; tries++) {
		uint32_t place, *slot = lock_slot(address, &place);
		struct trace_lock *now = slot ? lock_at(place) : NULL;

		if (!slot)
			return NULL;
		if (now && lock_lives(now, is_guess ? (enum trace_kind)now->kind : kind))
			return now;
		if (place)
			lock_forget(address);
		lock = lock_new(slot, place, address, kind, (struct birth){ 0, 0, 0, true });
	}
	return lock;
}

void lock_set_flag(struct trace_lock *lock, uint32_t flag)
{
	if (~__atomic_load_n(&lock->flags, __ATOMIC_RELAXED) & flag)
		__atomic_fetch_or(&lock->flags, flag, __ATOMIC_RELAXED);
}

/* Another life of the same sort: made at the same place, many times before. */
static bool lock_recycle(struct trace_lock *lock, enum trace_kind kind, uint32_t stack)
{
	if (!lock || lock->kind != kind || lock->init_stack != stack ||
	    lock->generation < LIVES_APART)
		return false;
	__atomic_fetch_add(&lock->lives, 1, __ATOMIC_RELAXED);
	lock_set_flag(lock, TRACE_LOCK_RECYCLED);
	__atomic_fetch_and(&lock->flags, ~TRACE_LOCK_DESTROYED, __ATOMIC_RELAXED);
	return true;
}

void lock_born(struct thread *t, const void *address, enum trace_kind kind, uint32_t flags,
	       uint32_t value)
{
	struct birth birth = { stack_take(t), flags | TRACE_LOCK_INITIALISED, value, false };
	struct trace_lock *lock = NULL;

	lock_forget(address);
	for (int tries = 0; !lock && tries < 4; tries++) {
		uint32_t place, *slot = lock_slot(address, &place);

		if (!slot || lock_recycle(lock_at(place), kind, birth.stack))
			return;
		lock = lock_new(slot, place, address, kind, birth);
	}
}

void lock_dies(const void *address, enum trace_kind kind)
{
	struct trace_lock *lock = lock_find(address, kind);

	if (!lock)
		return;
	lock_set_flag(lock, TRACE_LOCK_DESTROYED);
	lock_forget(address);
}

void lock_set_counting(const void *address)
{
	struct trace_lock *lock = lock_get(address, TRACE_KIND_SEM);

	if (lock)
		lock_set_flag(lock, TRACE_LOCK_COUNTING);
	__atomic_fetch_or(lock_tag(address), LOCK_TAG_COUNTING, __ATOMIC_RELAXED);
}

bool lock_is_counting(const void *address)
{
	struct trace_lock *lock;

	if (!(__atomic_load_n(lock_tag(address), __ATOMIC_RELAXED) & LOCK_TAG_COUNTING))
		return false;
	lock = lock_find(address, TRACE_KIND_SEM);
	return lock && (__atomic_load_n(&lock->flags, __ATOMIC_RELAXED) & TRACE_LOCK_COUNTING);
}

/*
 * Whether this is news. A program may name a lock each time when it uses it: the file does not grow
 * by that, nor for ever when the names change each time.
 */
static bool is_new_name(const struct trace_lock *lock, const char *name, uint32_t bytes)
{
	uint32_t hash = 2166136261u ^ lock->record.id, *last;

	for (uint32_t i = 0; i < bytes; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	last = &last_names[lock->record.id % NAMES_LAST];
	if (__atomic_exchange_n(last, hash, __ATOMIC_RELAXED) == hash)
		return false;
	if (__atomic_fetch_add(&nr_names, 1, __ATOMIC_RELAXED) < NAMES_MAX)
		return true;
	file_loss(TRACE_LOSS_RECORDS, 1);
	return false;
}

void lock_name(const struct trace_lock *lock, const char *name)
{
	uint32_t bytes = records_text_bytes(name, NAME_BYTES);

	if (is_new_name(lock, name, bytes))
		records_name(TRACE_NAME_LOCK, lock->record.id, name, bytes);
}
