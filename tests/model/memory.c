/* SPDX-License-Identifier: MIT */
/*
 * memory.c: memory as C11 allows it, and the compiler's calls into it; see model.h
 *
 * Memory itself always holds the newest value of each word. Beside it stand, for one execution:
 * vector clocks; for each word of four bytes who read and wrote it last and when, plainly and by
 * atomics, to find accesses without order; and for each atomic word the row of its stores, from
 * which a load may take any that is not yet hidden by a later one that happened before the load.
 * Whatever is stored is written down before, so that the next execution finds what this one found.
 */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "open.h"

enum { SHADOW = 1 << 15, LOCATIONS = 1 << 12, STORES = 48, UNDO = 1 << 20 };
enum order { RELAXED, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };

typedef uint32_t clocks[MODEL_THREADS];

static clocks now[MODEL_THREADS];   /* what each thread knows of all */
static clocks fence[MODEL_THREADS]; /* as of its last release fence */
static uint32_t execution;

/* ---- what is taken back ---- */

static struct undo {
	uintptr_t address;
	uint64_t bytes;
	uint32_t size;
} * undo;
static size_t nr_undo;

static void remember(uintptr_t address, size_t size)
{
	for (size_t done = 0; done < size; done += 8) {
		struct undo *u = &undo[nr_undo++];

		if (nr_undo == UNDO)
			model_fail("too many stores");
		u->address = address + done;
		u->size = (uint32_t)(size - done < 8 ? size - done : 8);
		memcpy(&u->bytes, (void *)u->address, u->size);
	}
}

size_t memory_mark(void)
{
	if (!undo)
		undo = malloc(UNDO * sizeof(*undo));
	return nr_undo;
}

void memory_undo(size_t mark)
{
	while (nr_undo > mark) {
		struct undo *u = &undo[--nr_undo];

		memcpy((void *)u->address, &u->bytes, u->size);
	}
}

/* ---- who has accessed a word ---- */

struct access {
	uint32_t clock;
	const void *pc;
};

static struct shadow {
	uintptr_t word;
	uint32_t execution;
	struct access plain[2][MODEL_THREADS]; /* loads, stores */
	struct access atomic[2][MODEL_THREADS];
} * shadows;

static struct shadow *shadow(uintptr_t word)
{
	size_t i = word * 0x9e3779b97f4a7c15ull >> (64 - 15);

	while (shadows[i].execution == execution && shadows[i].word != word)
		i = (i + 1) % SHADOW;
	if (shadows[i].execution != execution)
		shadows[i] = (struct shadow){ .word = word, .execution = execution };
	return &shadows[i];
}

static void must_be_ordered(const struct access by[MODEL_THREADS], int self, uintptr_t address,
			    const void *pc)
{
	for (int t = 0; t < MODEL_THREADS; t++)
		if (t != self && by[t].clock > now[self][t])
			model_fail("no order between accesses to %p: here %p, thread %d at %p",
				   (void *)address, pc, t, by[t].pc);
}

static void note_access(uintptr_t address, size_t size, bool is_write, bool is_atomic,
			const void *pc)
{
	int self = model_current();

	if (self < 0)
		return;
	for (uintptr_t word = address / 4; word <= (address + size - 1) / 4; word++) {
		struct shadow *s = shadow(word);

		must_be_ordered(s->plain[1], self, address, pc);
		if (!is_atomic)
			must_be_ordered(s->atomic[1], self, address, pc);
		if (is_write)
			must_be_ordered(s->plain[0], self, address, pc);
		if (is_write && !is_atomic)
			must_be_ordered(s->atomic[0], self, address, pc);
		(is_atomic ? s->atomic : s->plain)[is_write][self] =
			(struct access){ now[self][self], pc };
	}
}

/* ---- the stores of a word ---- */

static struct location {
	uintptr_t address;
	uint32_t execution;
	bool is_dirty; /* stored to plainly since: the newest value stands in memory */
	int dirty_by, nr;
	int in_sequence; /* index of the latest sequentially consistent store, 0: none */
	int seen[MODEL_THREADS];	 /* index of the store that each thread met last */
	uint32_t seen_at[MODEL_THREADS]; /* and when */
	struct store {
		uint64_t value;
		int thread; /* -1: from before */
		uint32_t clock;
		clocks released; /* what a load that acquires gets to know */
	} store[STORES];
} * locations;

static struct location *location_find(uintptr_t address)
{
	size_t i = address * 0x9e3779b97f4a7c15ull >> (64 - 12);

	while (locations[i].execution == execution && locations[i].address != address)
		i = (i + 1) % LOCATIONS;
	return &locations[i];
}

static uint64_t peek(uintptr_t address, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, (void *)address, size);
	return value;
}

static struct store *append(struct location *l, uint64_t value, int thread)
{
	if (l->nr == STORES) {
		memmove(l->store, l->store + 1, sizeof(l->store) - sizeof(*l->store));
		l->nr--;
		for (int t = 0; t < MODEL_THREADS; t++)
			l->seen[t] -= l->seen[t] > 0;
		l->in_sequence -= l->in_sequence > 0;
	}
	l->store[l->nr] = (struct store){ .value = value,
					  .thread = thread,
					  .clock = thread < 0 ? 0 : now[thread][thread] };
	return &l->store[l->nr++];
}

static struct location *location(uintptr_t address, size_t size)
{
	struct location *l = location_find(address);

	if (l->execution != execution) {
		memset(l, 0, offsetof(struct location, store));
		l->address = address;
		l->execution = execution;
		append(l, peek(address, size), -1);
	} else if (l->is_dirty) {
		append(l, peek(address, size), l->dirty_by);
	}
	l->is_dirty = false;
	return l;
}

static void join(clocks to, const clocks from)
{
	for (int t = 0; t < MODEL_THREADS; t++)
		if (from[t] > to[t])
			to[t] = from[t];
}

static bool acquires(int order)
{
	return order == ACQUIRE || order == CONSUME || order >= ACQ_REL;
}

static bool releases(int order)
{
	return order >= RELEASE;
}

/*
 * The oldest store that a load of this thread may still return. Sequentially consistent accesses
 * happen in the order in which they are run, so such a load sees the latest such store at least.
 */
static int oldest(const struct location *l, int self, int order)
{
	int i = l->nr - 1, least = order == SEQ_CST ? l->in_sequence : 0;

	for (int t = 0; t < MODEL_THREADS; t++)
		if ((t == self || l->seen_at[t] <= now[self][t]) && l->seen[t] > least)
			least = l->seen[t];
	while (i > least && l->store[i].thread >= 0 &&
	       l->store[i].clock > now[self][l->store[i].thread])
		i--;
	return i > least ? i : least;
}

static void meet(struct location *l, int i, int self, int order)
{
	if (i > l->seen[self]) {
		l->seen[self] = i;
		l->seen_at[self] = now[self][self];
	}
	if (acquires(order))
		join(now[self], l->store[i].released);
}

/* ---- atomics ---- */

uint64_t memory_load(uintptr_t address, size_t size, int order, const void *pc);
uint64_t memory_change(uintptr_t address, size_t size, int order, const void *pc, char op,
		       uint64_t operand);
bool memory_swap(uintptr_t address, size_t size, void *expected, uint64_t wanted, int good, int bad,
		 const void *pc);

uint64_t memory_load(uintptr_t address, size_t size, int order, const void *pc)
{
	struct location *l;
	int self, i;

	model_point(address, pc, "load");
	self = model_current();
	if (self < 0)
		return peek(address, size);
	note_access(address, size, false, true, pc);
	l = location(address, size);
	i = l->nr - 1;
	if (model_may_be_stale() && oldest(l, self, order) < i) {
		int back = model_choose(i - oldest(l, self, order) + 1);

		if (back)
			model_was_stale();
		i -= back;
	}
	meet(l, i, self, order);
	now[self][self]++;
	return l->store[i].value;
}

static void store(uintptr_t address, size_t size, uint64_t value)
{
	remember(address, size);
	memcpy((void *)address, &value, size);
	if (kernel_is_file(address))
		model_file_changed();
}

static uint64_t result_of(char op, uint64_t old, uint64_t operand)
{
	switch (op) {
	case '+':
		return old + operand;
	case '-':
		return old - operand;
	case '&':
		return old & operand;
	case '|':
		return old | operand;
	}
	return operand;
}

/* 'w': a store; '=': an exchange; else arithmetic. Returns the old value. */
uint64_t memory_change(uintptr_t address, size_t size, int order, const void *pc, char op,
		       uint64_t operand)
{
	uint64_t old;
	struct location *l;
	struct store *s;
	clocks before = { 0 };
	int self;

	model_point(address, pc, op == 'w' ? "store" : "change");
	self = model_current();
	old = peek(address, size);
	if (self >= 0) {
		note_access(address, size, true, true, pc);
		l = location(address, size);
		if (op != 'w') {
			memcpy(before, l->store[l->nr - 1].released, sizeof(before));
			meet(l, l->nr - 1, self, order);
		}
		s = append(l, result_of(op, old, operand), self);
		memcpy(s->released, releases(order) ? now[self] : fence[self], sizeof(clocks));
		if (order == SEQ_CST)
			l->in_sequence = l->nr - 1;
		join(s->released, before);
		meet(l, l->nr - 1, self, RELAXED);
		now[self][self]++;
	}
	store(address, size, result_of(op, old, operand));
	return old;
}

bool memory_swap(uintptr_t address, size_t size, void *expected, uint64_t wanted, int good, int bad,
		 const void *pc)
{
	uint64_t old, hoped = peek((uintptr_t)expected, size);
	int self = model_current();

	model_point(address, pc, "swap");
	old = peek(address, size);
	if (old == hoped) {
		note_access(address, size, true, true, pc);
		if (self >= 0) {
			struct location *l = location(address, size);
			struct store *s;
			clocks before;

			memcpy(before, l->store[l->nr - 1].released, sizeof(before));
			meet(l, l->nr - 1, self, good);
			s = append(l, wanted, self);
			if (good == SEQ_CST)
				l->in_sequence = l->nr - 1;
			memcpy(s->released, releases(good) ? now[self] : fence[self],
			       sizeof(clocks));
			join(s->released, before);
			meet(l, l->nr - 1, self, RELAXED);
			now[self][self]++;
		}
		store(address, size, wanted);
		return true;
	}
	note_access(address, size, false, true, pc);
	if (self >= 0) {
		struct location *l = location(address, size);

		meet(l, l->nr - 1, self, bad);
		now[self][self]++;
	}
	memcpy(expected, &old, size);
	return false;
}

/* ---- plain accesses ---- */

void memory_plain(uintptr_t address, size_t size, bool is_write, const void *pc)
{
	int self = model_current();
	struct location *l;

	if (model_is_stack(address) || open_is_local(address))
		return;
	model_moment();
	note_access(address, size, is_write, false, pc);
	if (!is_write)
		return;
	remember(address, size);
	if (kernel_is_file(address))
		model_file_changed();
	for (uintptr_t at = address; self >= 0 && at < address + size; at += 4) {
		l = location_find(at);
		if (l->execution == execution) {
			l->is_dirty = true;
			l->dirty_by = self;
		}
	}
}

/* No access of the program's: what it meets there is not the program's fault. */
void memory_kernel_stores(uintptr_t address, size_t size)
{
	model_moment();
	remember(address, size);
	if (kernel_is_file(address))
		model_file_changed();
}

static void memory_fence(int order)
{
	int self = model_current();

	if (self >= 0 && releases(order))
		memcpy(fence[self], now[self], sizeof(clocks));
}

void memory_execution_begins(void)
{
	if (!shadows) {
		shadows = calloc(SHADOW, sizeof(*shadows));
		locations = calloc(LOCATIONS, sizeof(*locations));
	}
	execution++;
	memset(now, 0, sizeof(now));
	memset(fence, 0, sizeof(fence));
	for (int t = 0; t < MODEL_THREADS; t++)
		now[t][t] = 1;
}

/* ---- what the compiler calls ---- */

#define PC __builtin_return_address(0)

#define PLAIN(name, size, is_write)                             \
	void __tsan_##name(void *p);                            \
	void __tsan_##name(void *p)                             \
	{                                                       \
		memory_plain((uintptr_t)p, size, is_write, PC); \
	}
#define PLAINS(size)                             \
	PLAIN(read##size, size, false)           \
	PLAIN(write##size, size, true)           \
	PLAIN(unaligned_read##size, size, false) \
	PLAIN(unaligned_write##size, size, true)
PLAINS(1)
PLAINS(2)
PLAINS(4)
PLAINS(8)
PLAINS(16)

#define CHANGE(bits, name, op)                                                                 \
	uint##bits##_t __tsan_atomic##bits##_##name(uintptr_t p, uint##bits##_t v, int order); \
	uint##bits##_t __tsan_atomic##bits##_##name(uintptr_t p, uint##bits##_t v, int order)  \
	{                                                                                      \
		return (uint##bits##_t)memory_change(p, bits / 8, order, PC, op, v);           \
	}
#define CHANGES(bits)                \
	CHANGE(bits, store, 'w')     \
	CHANGE(bits, exchange, '=')  \
	CHANGE(bits, fetch_add, '+') \
	CHANGE(bits, fetch_sub, '-') \
	CHANGE(bits, fetch_and, '&') \
	CHANGE(bits, fetch_or, '|')
CHANGES(32)
CHANGES(64)

#define LOAD(bits)                                                          \
	uint##bits##_t __tsan_atomic##bits##_load(uintptr_t p, int order);  \
	uint##bits##_t __tsan_atomic##bits##_load(uintptr_t p, int order)   \
	{                                                                   \
		return (uint##bits##_t)memory_load(p, bits / 8, order, PC); \
	}
LOAD(32)
LOAD(64)

#define SWAP(bits, how)                                                                          \
	int __tsan_atomic##bits##_compare_exchange_##how(uintptr_t p, void *e, uint##bits##_t v, \
							 int good, int bad);                     \
	int __tsan_atomic##bits##_compare_exchange_##how(uintptr_t p, void *e, uint##bits##_t v, \
							 int good, int bad)                      \
	{                                                                                        \
		return memory_swap(p, bits / 8, e, v, good, bad, PC);                            \
	}
SWAP(32, strong)
SWAP(32, weak)
SWAP(64, strong)
SWAP(64, weak)

/* clang's form: returns what was there. */
#define SWAP_VALUE(bits)                                                             \
	uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                   \
		uintptr_t p, uint##bits##_t e, uint##bits##_t v, int good, int bad); \
	uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                   \
		uintptr_t p, uint##bits##_t e, uint##bits##_t v, int good, int bad)  \
	{                                                                            \
		memory_swap(p, bits / 8, &e, v, good, bad, PC);                      \
		return e;                                                            \
	}
SWAP_VALUE(32)
SWAP_VALUE(64)

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);
void __tsan_read_range(void *p, size_t n);
void __tsan_write_range(void *p, size_t n);
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
	(void)pc;
}

void __tsan_func_exit(void)
{
	model_moment();
}

void __tsan_read_range(void *p, size_t n)
{
	memory_plain((uintptr_t)p, n, false, PC);
}

void __tsan_write_range(void *p, size_t n)
{
	memory_plain((uintptr_t)p, n, true, PC);
}

void __tsan_atomic_thread_fence(int order)
{
	memory_fence(order);
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
}
