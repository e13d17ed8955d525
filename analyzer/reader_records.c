/* SPDX-License-Identifier: MIT */
/*
 * reader_records.c: walks RECORDS blocks into the dictionary and the statistics
 *
 * Each record's size_type is read once, its size checked against its type and its block, and the
 * dictionary is copied, so that texts can be terminated and references repaired. STAT and HIST stay
 * in the map: in profile mode they are most of the file.
 *
 * Ids count from 1 and have few holes, so tables are arrays. A damaged id cannot ask for more
 * memory than the RECORDS blocks of the file could describe: each record takes at least its type's
 * size.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../trace/hist.h"
#include "reader_internal.h"

/* Threads that got no record have ids, too: so many more than records fit are believed. */
#define IDS_MISSING 4096

/* A record on its way in: checked for size, not yet for content. */
struct incoming {
	const struct trace_record *from; /* in the map */
	uint64_t offset;
	uint32_t size, type, id;
};

/* ---- content; each returns NULL or what is wrong. `copy` is followed by a zero ---- */

static const char *check_thread(void *copy, uint32_t size)
{
	struct trace_thread *thread = copy;

	(void)size;
	thread->name[sizeof(thread->name) - 1] = '\0';
	return NULL;
}

static const char *check_lock(void *copy, uint32_t size)
{
	const struct trace_lock *lock = copy;

	(void)size;
	return lock->kind && lock->kind < TRACE_KIND_MAX ? NULL : "unknown kind";
}

static const char *check_node(void *copy, uint32_t size)
{
	const struct trace_node *node = copy;
	uint32_t how = node->mode & TRACE_HOW_MASK;

	(void)size;
	return how && how < TRACE_HOW_MAX ? NULL : "unknown mode";
}

static const char *check_stack(void *copy, uint32_t size)
{
	const struct trace_stack *stack = copy;

	return stack->nr_frames <= (size - sizeof(*stack)) / sizeof(*stack->frames)
		       ? NULL
		       : "more frames than fit";
}

static const char *check_module(void *copy, uint32_t size)
{
	struct trace_module *module = copy;

	if (module->path_bytes > size - sizeof(*module))
		return "path longer than the record";
	if (module->build_id_bytes > sizeof(module->build_id))
		return "build-id too long";
	module->path[module->path_bytes] = '\0';
	return NULL;
}

static const char *check_name(void *copy, uint32_t size)
{
	struct trace_name *name = copy;

	if (name->bytes > size - sizeof(*name))
		return "text longer than the record";
	name->text[name->bytes] = '\0';
	return NULL;
}

static const char *check_phase(void *copy, uint32_t size)
{
	(void)copy;
	(void)size;
	return NULL; /* all of it refers to others: reader_phases.c */
}

static const struct record_kind {
	const char *name;
	size_t bytes; /* at least */
	size_t table; /* offset in struct reader; 0: not a table */
	const char *(*check)(void *copy, uint32_t size);
} record_kind[] = {
#define TABLE(member) offsetof(struct reader, member)
	[TRACE_REC_THREAD] = { "thread", sizeof(struct trace_thread), TABLE(thread), check_thread },
	[TRACE_REC_LOCK] = { "lock", sizeof(struct trace_lock), TABLE(lock), check_lock },
	[TRACE_REC_NODE] = { "node", sizeof(struct trace_node), TABLE(node), check_node },
	[TRACE_REC_STACK] = { "stack", sizeof(struct trace_stack), TABLE(stack), check_stack },
	[TRACE_REC_MODULE] = { "module", sizeof(struct trace_module), TABLE(module), check_module },
	[TRACE_REC_NAME] = { "name", sizeof(struct trace_name), 0, check_name },
	[TRACE_REC_STAT] = { "statistic", sizeof(struct trace_stat), 0, NULL },
	[TRACE_REC_HIST] = { "histogram", sizeof(struct trace_hist), 0, NULL },
	[TRACE_REC_PHASE] = { "phase change", sizeof(struct trace_phase), 0, check_phase },
#undef TABLE
};
#define NR_KINDS (sizeof(record_kind) / sizeof(*record_kind))

/* ---- tables by id ---- */

bool reader_table_has(const struct reader_table *table, uint32_t id)
{
	return id && id <= table->max && table->record[id];
}

static int table_grow(struct reader_table *table, uint32_t id)
{
	uint64_t capacity = table->capacity ? table->capacity : 64;
	void **record;

	while (capacity <= id)
		capacity *= 2;
	record = reallocarray(table->record, capacity, sizeof(*record));
	if (!record)
		return -ENOMEM;
	table->record = record;
	memset(record + table->capacity, 0, (capacity - table->capacity) * sizeof(*record));
	table->capacity = (uint32_t)capacity;
	return 0;
}

/* Whether the id may have a place, and has none yet. */
static bool id_is_new(struct reader *reader, const struct incoming *in,
		      const struct reader_table *table)
{
	const char *name = record_kind[in->type].name;
	uint64_t most = reader->records_bytes / record_kind[in->type].bytes + IDS_MISSING;

	if (!in->id || in->id > most)
		reader_damaged(reader, in->offset, "%s %u: impossible number, skipped", name,
			       in->id);
	else if (reader_table_has(table, in->id))
		reader_damaged(reader, in->offset, "%s %u again, skipped", name, in->id);
	else
		return true;
	return false;
}

/* ---- one record ---- */

uint64_t reader_record_offset(const void *copy)
{
	return ((const uint64_t *)copy)[-1];
}

/* A checked copy in *copy; NULL there when it is damaged. 0 or -ENOMEM. */
static int record_copy(struct reader *reader, const struct incoming *in, void **copy)
{
	const struct record_kind *kind = &record_kind[in->type];
	uint64_t *offset = reader_pool(reader, sizeof(*offset) + in->size + 8u);
	const char *bad;

	if (!offset)
		return -ENOMEM;
	*offset = in->offset;
	*copy = offset + 1;
	memcpy(*copy, in->from, in->size);
	((struct trace_record *)*copy)->id = in->id;
	bad = kind->check(*copy, in->size);
	if (bad) {
		reader_damaged(reader, in->offset, "%s %u: %s, skipped", kind->name, in->id, bad);
		*copy = NULL;
	}
	return 0;
}

static int table_add(struct reader *reader, const struct incoming *in)
{
	struct reader_table *table = (void *)((char *)reader + record_kind[in->type].table);
	void *copy;
	int err;

	if (!id_is_new(reader, in, table))
		return 0;
	err = record_copy(reader, in, &copy);
	if (err || !copy)
		return err;
	if (in->id >= table->capacity && table_grow(table, in->id) < 0)
		return -ENOMEM;
	table->record[in->id] = copy;
	if (in->id > table->max)
		table->max = in->id;
	return 0;
}

static int pointer_add(struct reader_vector *vector, const void *record)
{
	const void **at = reader_vector_push(vector, sizeof(*at));

	if (!at)
		return -ENOMEM;
	*at = record;
	return 0;
}

static int copy_add(struct reader *reader, const struct incoming *in, struct reader_vector *to)
{
	void *copy;
	int err = record_copy(reader, in, &copy);

	return err || !copy ? err : pointer_add(to, copy);
}

static int hist_add(struct reader *reader, const struct incoming *in)
{
	const struct trace_hist *hist = (const void *)in->from;

	if (hist->what > TRACE_HIST_WAIT || hist->octave >= HIST_OCTAVES) {
		reader_damaged(reader, in->offset, "histogram %u: octave %u of %u, skipped", in->id,
			       hist->octave, hist->what);
		return 0;
	}
	return pointer_add(&reader->hists, hist);
}

static int record_add(struct reader *reader, const struct incoming *in)
{
	const struct record_kind *kind = in->type < NR_KINDS ? &record_kind[in->type] : NULL;

	if (in->type == TRACE_REC_DEAD)
		return 0;
	if (!kind || !kind->name) {
		if (reader->header.version <= TRACE_VERSION)
			reader_damaged(reader, in->offset, "record of unknown type %u, skipped",
				       in->type);
		return 0;
	}
	if (in->size < kind->bytes) {
		reader_damaged(reader, in->offset, "%s %u: %u bytes, needs %zu, skipped",
			       kind->name, in->id, in->size, kind->bytes);
		return 0;
	}
	if (kind->table)
		return table_add(reader, in);
	if (in->type == TRACE_REC_NAME)
		return copy_add(reader, in, &reader->names);
	if (in->type == TRACE_REC_PHASE)
		return copy_add(reader, in, &reader->phase_records);
	if (in->type == TRACE_REC_HIST)
		return hist_add(reader, in);
	return pointer_add(&reader->stats, in->from);
}

int reader_read_records(struct reader *reader, uint64_t block)
{
	uint64_t offset = block * TRACE_BLOCK_SIZE;
	uint32_t bytes = reader_block_bytes(reader, block) & ~7u, size;
	int err = 0;

	for (uint32_t at = sizeof(struct trace_block); !err && at < bytes; at += size) {
		const struct trace_record *from = (const void *)(reader->map + offset + at);
		uint32_t size_type = __atomic_load_n(&from->size_type, __ATOMIC_ACQUIRE);
		struct incoming in = { from, offset + at, size_type >> 8, size_type & 255,
				       from->id };

		size = size_type ? in.size : 8;
		if (size < 8 || size % 8 || size > bytes - at) {
			reader_damaged(
				reader, in.offset,
				"record of %u bytes where %u are left, rest of block skipped", size,
				bytes - at);
			break;
		}
		if (size_type)
			err = record_add(reader, &in);
	}
	if (reader_block_bytes(reader, block) < TRACE_BLOCK_SIZE)
		reader_damaged(reader, reader->bytes, "the file ends inside a block of records");
	return err;
}

/* ---- when all are in ---- */

static int name_compare(const struct trace_name *x, uint32_t of, uint32_t target)
{
	if (x->of != of)
		return x->of < of ? -1 : 1;
	return x->target < target ? -1 : x->target > target;
}

static int name_order(const void *a, const void *b)
{
	const struct trace_name *x = *(void *const *)a, *y = *(void *const *)b;
	int order = name_compare(x, y->of, y->target);

	return order ? order : x->record.id < y->record.id ? -1 : x->record.id > y->record.id;
}

/* By id, and by place in the file. */
static int stat_order(const void *a, const void *b)
{
	const struct trace_stat *x = *(void *const *)a, *y = *(void *const *)b;

	if (x->record.id != y->record.id)
		return x->record.id < y->record.id ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void vector_sort(struct reader_vector *vector, int (*order)(const void *, const void *))
{
	if (vector->nr)
		qsort(vector->item, vector->nr, sizeof(void *), order);
}

static uint64_t map_offset(const struct reader *reader, const void *record)
{
	return (uint64_t)((const unsigned char *)record - reader->map);
}

static void stats_unique(struct reader *reader)
{
	const struct trace_stat **stat = reader->stats.item;
	size_t kept = 0;

	vector_sort(&reader->stats, stat_order);
	for (size_t i = 0; i < reader->stats.nr; i++) {
		if (kept && stat[kept - 1]->record.id == stat[i]->record.id)
			reader_damaged(reader, map_offset(reader, stat[i]),
				       "statistic %u again, skipped", stat[i]->record.id);
		else
			stat[kept++] = stat[i];
	}
	reader->stats.nr = kept;
}

static bool stat_exists(const struct reader *reader, uint32_t id)
{
	const struct trace_stat **stat = reader->stats.item;
	size_t low = 0, high = reader->stats.nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (stat[middle]->record.id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reader->stats.nr && stat[low]->record.id == id;
}

/* A live program may have made the statistic after we passed its place. */
static void hists_keep_owned(struct reader *reader)
{
	const struct trace_hist **hist = reader->hists.item;
	size_t kept = 0;

	for (size_t i = 0; i < reader->hists.nr; i++) {
		if (stat_exists(reader, hist[i]->stat))
			hist[kept++] = hist[i];
		else if (!reader->live)
			reader_damaged(reader, map_offset(reader, hist[i]),
				       "histogram %u of no statistic (%u), skipped",
				       hist[i]->record.id, hist[i]->stat);
	}
	reader->hists.nr = kept;
}

int reader_finish_records(struct reader *reader)
{
	vector_sort(&reader->names, name_order);
	stats_unique(reader);
	hists_keep_owned(reader);
	return reader_finish_references(reader);
}

/* ---- what was found ---- */

#define ACCESS(type)                                                                       \
	uint32_t reader_max_##type(const struct reader *reader)                            \
	{                                                                                  \
		return reader->type.max;                                                   \
	}                                                                                  \
	const struct trace_##type *reader_##type(const struct reader *reader, uint32_t id) \
	{                                                                                  \
		return id && id <= reader->type.max ? reader->type.record[id] : NULL;      \
	}

ACCESS(thread)
ACCESS(lock)
ACCESS(node)
ACCESS(stack)
ACCESS(module)

const char *reader_name(const struct reader *reader, enum trace_name_of of, uint32_t target)
{
	const struct trace_name **name = reader->names.item;
	size_t low = 0, high = reader->names.nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (name_compare(name[middle], of, target) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low && name_compare(name[low - 1], of, target) == 0 ? name[low - 1]->text : NULL;
}

/* Modules are few; of two at one place the later is the one that was there last. */
uint64_t reader_code_address(const struct reader *reader, uint64_t pc)
{
	for (uint32_t id = reader->module.max; id; id--) {
		const struct trace_module *module = reader->module.record[id];

		if (module && id <= UINT16_MAX && pc >= module->begin && pc < module->end)
			return (uint64_t)id << 48 | TRACE_PC_OFFSET(pc - module->bias);
	}
	return TRACE_PC_OFFSET(pc);
}
