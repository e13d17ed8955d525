/* SPDX-License-Identifier: MIT */
/*
 * stack.c: stacks and modules of the dictionary
 *
 * The unwinder (unwind.h) gives return addresses as they are in memory. They are stored as module
 * and offset, so that a trace can be read elsewhere and survives dlclose. Frames of the shim
 * itself are left out. A thread's own small cache, keyed by a hash over the raw addresses, answers
 * repeated stacks without touching the table.
 */
#include <string.h>

#include "build_id.h"
#include "dict.h"
#include "file.h"
#include "options.h"
#include "recall.h"
#include "sys.h"
#include "table.h"
#include "thread.h"

enum { STACK_ROOM = 8192, MAX_MODULES = 4096, PATH_BYTES = 1024 };

/*
 * Modules by start address, filled once; a module that was unloaded stays, without `name`. When it
 * comes back to the same place it gets its name again; another one there (the loader may even use
 * the memory of the name again) gets an entry of its own further on. `id` is stored last.
 */
struct module {
	uintptr_t begin, end, bias;
	const char *name;	/* the loader's, only compared; NULL: unloaded */
	uint32_t place;		/* of its record */
	uint32_t id;		/* 0: being written */
};

static struct record_table stacks;
static struct module *modules;
static uint32_t modules_generation;	/* of thread caches: a dlclose makes them stale */
static struct unwind_module own;

static int table_init(struct record_table *table, uint32_t slots)
{
	if (!table->slots)
		table->slots = records_pages((size_t)slots * sizeof(*table->slots));
	table->mask = slots - 1;
	return table->slots ? 0 : -1;
}

int dict_init(void)
{
	static struct record_table locks, nodes;

	if (table_init(&locks, 1 << 21) || table_init(&nodes, 1 << 22) ||
	    table_init(&stacks, 1 << 19))
		return -1;
	if (!modules)
		modules = records_pages(MAX_MODULES * sizeof(*modules));
	if (!modules)
		return -1;
	unwind_find_module((uintptr_t)dict_init, &own);
	return recall_init() || lock_init(&locks) || node_init(&nodes) ? -1 : 0;
}

static uintptr_t module_begin(const struct module *known)
{
	return __atomic_load_n(&known->begin, __ATOMIC_RELAXED);
}

static const char *module_name(const struct module *known)
{
	return __atomic_load_n(&known->name, __ATOMIC_RELAXED);
}

/* Strikes out what is not loaded any more; whether there was anything. */
static bool modules_forget(void)
{
	bool gone = false;

	for (uint32_t i = 0; modules && i < MAX_MODULES && module_begin(&modules[i]); i++) {
		struct module *known = &modules[i];
		struct unwind_module m;

		if (!__atomic_load_n(&known->id, __ATOMIC_ACQUIRE) || !module_name(known) ||
		    (!unwind_find_module(known->begin, &m) && m.name == module_name(known)))
			continue;
		__atomic_store_n(&known->name, NULL, __ATOMIC_RELAXED);
		gone = true;
	}
	return gone;
}

void stack_modules_changed(void)
{
	unwind_modules_changed();
	if (modules_forget())
		lock_forget_sites();
	__atomic_fetch_add(&modules_generation, 1, __ATOMIC_RELAXED);
}

/* The path of a module in `room` (PATH_BYTES), and its length. A relative one, as dlopen("./x.so")
 * leaves it, is made whole with the directory that the program is in now. */
static uint32_t module_path(const struct unwind_module *m, char *room)
{
	const char *name = m->name && *m->name ? m->name : trace_header->exe;
	size_t bytes = 0;
	long n;

	if (!strncmp(name, "linux-vdso", 10))
		name = "[vdso]";
	else if (*name != '/') {
		n = sys_call(SYS_getcwd, (long)room, PATH_BYTES - 1, 0, 0, 0, 0);
		if (n > 1 && *room == '/') {
			bytes = (size_t)n;
			room[bytes - 1] = '/';
		}
	}
	n = (long)strnlen(name, PATH_BYTES - bytes);
	memcpy(room + bytes, name, (size_t)n);
	return (uint32_t)(bytes + (size_t)n);
}

static bool module_write(const struct unwind_module *m, uint32_t id, uint32_t *place)
{
	char path[PATH_BYTES];
	uint32_t bytes = module_path(m, path);
	uint32_t size = (uint32_t)(sizeof(struct trace_module) + bytes + 8) & ~7u;
	struct trace_module *record = records_new(size, place);

	if (!record)
		return false;
	record->record.id = id;
	record->begin = m->map_start;
	record->end = m->map_end;
	record->bias = m->load_bias;
	record->build_id_bytes = build_id(m, record->build_id, sizeof(record->build_id));
	record->path_bytes = bytes;
	memcpy(record->path, path, bytes);
	records_commit(record, TRACE_REC_MODULE, size);
	return true;
}

/* Is this the unloaded module again? Then it is known by its new name. */
static bool module_is_back(struct module *known, const struct unwind_module *m)
{
	const struct trace_module *record = known->place ? record_at(known->place) : NULL;
	uint8_t id[sizeof(record->build_id)];
	char path[PATH_BYTES];

	if (module_name(known) || !record || record->bias != m->load_bias ||
	    module_path(m, path) != record->path_bytes ||
	    memcmp(path, record->path, record->path_bytes) ||
	    build_id(m, id, sizeof(id)) != record->build_id_bytes ||
	    memcmp(id, record->build_id, record->build_id_bytes))
		return false;
	__atomic_store_n(&known->name, m->name, __ATOMIC_RELAXED);
	return true;
}

/* The number of a module, made when it is new; 0 when there is no room. Two threads that see a new
 * module at once may give it two numbers, which does no harm. */
static uint32_t module_id(const struct unwind_module *m)
{
	uint32_t i, id, unclaimed;

	for (i = 0; i < MAX_MODULES; i++) {
		struct module *known = &modules[i];

		id = __atomic_load_n(&known->id, __ATOMIC_ACQUIRE);
		if (id && module_begin(known) == m->map_start && known->end == m->map_end &&
		    (module_name(known) == m->name || module_is_back(known, m)))
			return id == UINT32_MAX ? 0 : id;
		if (!module_begin(known))
			break;
	}
	for (; i < MAX_MODULES; i++) {
		uintptr_t none = 0;

		if (__atomic_compare_exchange_n(&modules[i].begin, &none, m->map_start, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			break;
	}
	if (i == MAX_MODULES)
		return 0;
	unclaimed = __atomic_add_fetch(&trace_header->nr_modules, 1, __ATOMIC_RELAXED);
	modules[i].end = m->map_end;
	modules[i].bias = m->load_bias;
	modules[i].name = m->name;
	if (!module_write(m, unclaimed, &modules[i].place))
		unclaimed = UINT32_MAX;
	__atomic_store_n(&modules[i].id, unclaimed, __ATOMIC_RELEASE);
	return unclaimed == UINT32_MAX ? 0 : unclaimed;
}

static uint64_t module_address(uintptr_t p)
{
	struct unwind_module m;
	uint32_t id;

	if (unwind_find_module(p, &m) < 0)
		return 0;
	id = module_id(&m);
	return id ? (uint64_t)id << 48 | (p - m.load_bias) : 0;
}

uint64_t stack_code_address(uintptr_t pc)
{
	uint64_t address = module_address(pc);

	return address ? address : TRACE_PC_OFFSET(pc);
}

uint64_t stack_data_address(const void *address)
{
	return module_address((uintptr_t)address);
}

static bool same_stack(const void *record, const void *key)
{
	const struct trace_stack *a = record, *b = key;

	return a->nr_frames == b->nr_frames && a->flags == b->flags &&
	       !memcmp(a->frames, b->frames, a->nr_frames * sizeof(*a->frames));
}

/* The number of a stack in the dictionary; 0 without room. */
static uint32_t stack_id(const struct trace_stack *key, uint64_t hash)
{
	uint32_t place, *slot = table_find(&stacks, hash, same_stack, key, &place);
	uint32_t size = (uint32_t)(sizeof(*key) + key->nr_frames * sizeof(*key->frames));
	struct trace_stack *stack;

	if (slot && place)
		return ((struct trace_stack *)record_at(place))->record.id;
	stack = slot ? records_new(size, &place) : NULL;
	if (!stack)
		return 0;
	stack->record.id = __atomic_add_fetch(&trace_header->nr_stacks, 1, __ATOMIC_RELAXED);
	stack->nr_frames = key->nr_frames;
	stack->flags = key->flags;
	memcpy(stack->frames, key->frames, size - sizeof(*key));
	records_commit(stack, TRACE_REC_STACK, size);
	/* If another thread was faster, the same frames stand there twice: no harm. */
	table_insert(slot, 0, place);
	return stack->record.id;
}

static bool is_own(uintptr_t pc)
{
	return pc >= own.map_start && pc < own.map_end;
}

static uint64_t hash_add(uint64_t hash, uint64_t v)
{
	hash = (hash ^ v) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

/* The table goes by code addresses: modules come back to other places. */
static __attribute__((noinline)) uint32_t stack_lookup(const uintptr_t *pcs, int nr)
{
	uint64_t room[sizeof(struct trace_stack) / 8 + STACK_DEPTH_MAX];
	struct trace_stack *key = (struct trace_stack *)room;
	uint64_t hash = 0;

	*key = (struct trace_stack){ .flags = nr >= (int)options.depth };
	for (int i = 0; i < nr; i++)
		if (!is_own(pcs[i]))
			key->frames[key->nr_frames++] = stack_code_address(pcs[i]);
	for (uint32_t i = 0; i < key->nr_frames; i++)
		hash = hash_add(hash, key->frames[i]);
	return stack_id(key, hash);
}

uint32_t stack_take(struct thread *t)
{
	uintptr_t pcs[STACK_DEPTH_MAX], here = (uintptr_t)__builtin_frame_address(0);
	uint32_t generation = __atomic_load_n(&modules_generation, __ATOMIC_RELAXED);
	struct stack_cache *cache;
	uint64_t hash = 0;
	int nr;

	if (!options.stacks)
		return 0;
	if (here >= t->stack.high || here < t->stack.low || here - t->stack.low < STACK_ROOM) {
		file_loss(TRACE_LOSS_STACKS, 1);
		return 0;
	}
	nr = unwind_stack(pcs, (int)options.depth, 0, t->stack);
	for (int i = 0; i < nr; i++)
		hash = hash_add(hash, pcs[i]);
	cache = &t->stacks[hash % STACK_CACHE_SIZE];
	if (cache->stack && cache->hash == hash && cache->modules == generation)
		return cache->stack;
	*cache = (struct stack_cache){ hash, stack_lookup(pcs, nr), generation };
	return cache->stack;
}
