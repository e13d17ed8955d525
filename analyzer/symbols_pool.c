/* SPDX-License-Identifier: MIT */
/*
 * The modules of all recordings, and a cache over all that was asked.
 *
 * A report asks for the same few thousand addresses again and again, so each (module, address,
 * kind) is worked out once and kept, and callers may hold on to the pointers. The work is
 * elsewhere: symbols_module.c opens a file, symbols_elf.c reads its symbol table, symbols_code.c
 * and symbols_data.c ask its DWARF, symbols_type.c names a part of a variable. All of these run in
 * a child (symbols_child.c), since the files are foreign; only where there can be none, here.
 *
 * Two hundred processes of one program are two hundred recordings of the same files: with a pool
 * for each, their report took gigabytes.
 */
#include "symbols_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols_child.h"

enum { FIRST_SLOTS = 1024, MAX_DEATHS = 3 };

struct pool {
	unsigned int holders;
	struct module **modules; /* number 1 is modules[0] */
	unsigned int nr_modules, room;
	struct debug_files debug_files;
	struct demangler demangler;
	struct answer *slots;
	size_t nr_answers, nr_slots;
	struct child child;
	unsigned int deaths; /* of children */
};

struct pool *pool_new(void)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	elf_version(EV_CURRENT);
	pool->holders = 1;
	pool->nr_slots = FIRST_SLOTS;
	pool->slots = calloc(pool->nr_slots, sizeof(*pool->slots));
	if (pool->slots && !debug_files_init(&pool->debug_files))
		return pool;
	pool_release(pool);
	return NULL;
}

struct pool *pool_hold(struct pool *pool)
{
	pool->holders++;
	return pool;
}

void pool_release(struct pool *pool)
{
	if (!pool || --pool->holders)
		return;
	child_stop(&pool->child);
	for (size_t i = 0; pool->slots && i < pool->nr_slots; i++) {
		free(pool->slots[i].frames);
		free(pool->slots[i].text);
	}
	free(pool->slots);
	for (unsigned int i = 0; i < pool->nr_modules; i++)
		module_free(pool->modules[i]);
	free(pool->modules);
	debug_files_fini(&pool->debug_files);
	demangle_free(&pool->demangler);
	free(pool);
}

/* ---- modules ---- */

static bool is_same(const struct module *m, const char *path, const unsigned char *build_id,
		    size_t build_id_len)
{
	return m->build_id_len == build_id_len && strcmp(m->path, path) == 0 &&
	       (!build_id_len || memcmp(m->build_id, build_id, build_id_len) == 0);
}

static struct module *new_module(const char *path, const unsigned char *build_id,
				 size_t build_id_len)
{
	struct module *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->path = strdup(path);
	m->build_id = malloc(build_id_len + 1);
	if (!m->path || !m->build_id) {
		module_free(m);
		return NULL;
	}
	if (build_id_len)
		memcpy(m->build_id, build_id, build_id_len);
	m->build_id_len = build_id_len;
	return m;
}

static bool make_room(struct pool *pool)
{
	unsigned int room = pool->room ? 2 * pool->room : 64;
	struct module **modules;

	if (pool->nr_modules < pool->room)
		return true;
	modules = reallocarray(pool->modules, room, sizeof(struct module *));
	if (!modules)
		return false;
	pool->modules = modules;
	pool->room = room;
	return true;
}

unsigned int pool_add(struct pool *pool, const char *path, const unsigned char *build_id,
		      size_t build_id_len)
{
	struct module *m;

	for (unsigned int i = 0; i < pool->nr_modules; i++)
		if (is_same(pool->modules[i], path, build_id, build_id_len))
			return i + 1;
	m = make_room(pool) ? new_module(path, build_id, build_id_len) : NULL;
	if (!m)
		return 0;
	pool->modules[pool->nr_modules++] = m;
	child_stop(&pool->child); /* that does not know it */
	return pool->nr_modules;
}

const char *pool_path(const struct pool *pool, unsigned int module)
{
	return pool->modules[module - 1]->path;
}

const char *pool_note(const struct pool *pool, unsigned int module)
{
	return pool->modules[module - 1]->note;
}

/* ---- answers ---- */

/* The slot that holds the question, or the empty one where it belongs. */
static struct answer *find_slot(const struct pool *pool, const struct answer *asked)
{
	uint64_t hash = asked->address * 4 + asked->question + ((uint64_t)asked->module << 48);
	size_t i = (hash * 0x9e3779b97f4a7c15u) >> 24;

	for (;; i++) {
		struct answer *slot = &pool->slots[i & (pool->nr_slots - 1)];

		if (!slot->used ||
		    (slot->address == asked->address && slot->module == asked->module &&
		     slot->question == asked->question))
			return slot;
	}
}

static bool grow(struct pool *pool)
{
	struct pool bigger = { .nr_slots = 2 * pool->nr_slots };

	bigger.slots = calloc(bigger.nr_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < pool->nr_slots; i++) {
		if (pool->slots[i].used)
			*find_slot(&bigger, &pool->slots[i]) = pool->slots[i];
	}
	free(pool->slots);
	pool->slots = bigger.slots;
	pool->nr_slots = bigger.nr_slots;
	return true;
}

/* ---- questions ---- */

/* In the child, or here where there is none. The name is a new string. */
static void work(void *context, const struct child_question *q, struct frame frames[MAX_FRAMES],
		 struct child_answer *answer)
{
	struct pool *pool = context;
	struct module *m = pool->modules[q->id - 1];

	module_open(m, &pool->debug_files);
	if (q->question == ASK_DATA)
		answer->name = answer->text =
			m->dwfl_module ? module_data(m, &pool->demangler, q->address) : NULL;
	else
		answer->nr_frames = module_code(m, &pool->demangler, q->address, frames);
	answer->note = m->note;
}

static void work_here(struct pool *pool, const struct child_question *q,
		      struct child_answer *answer)
{
	struct frame frames[MAX_FRAMES];

	work(pool, q, frames, answer);
	answer->frames = calloc(answer->nr_frames + 1, sizeof(*frames));
	if (answer->frames)
		memcpy(answer->frames, frames, answer->nr_frames * sizeof(*frames));
}

static void module_note(struct module *m, const char *note)
{
	if (!note || (m->note && !strcmp(m->note, note)))
		return;
	free(m->own_note);
	m->note = m->own_note = strdup(note);
}

/* What a child died of is not asked again; after a few of them nothing is. */
static void ask_module(struct pool *pool, struct module *m, const struct child_question *q,
		       struct child_answer *answer)
{
	int err = 0;

	*answer = (struct child_answer){ 0 };
	if (m->is_deadly || pool->deaths >= MAX_DEATHS) {
		module_note(m, m->is_deadly ? NULL
					    : "not looked at, after other files were too damaged");
		return;
	}
	if (!m->opened && !m->is_foreign)
		m->is_foreign = module_has_file(m, &pool->debug_files);
	if (!m->is_foreign || (!pool->child.pid && child_start(&pool->child, work, pool))) {
		work_here(pool, q, answer);
		return;
	}
	err = child_ask(&pool->child, q, answer);
	if (err == -EIO || err == -ETIMEDOUT) {
		m->is_deadly = true;
		pool->deaths++;
		module_note(m, err == -EIO
				       ? "too damaged: reading it ended in a crash"
				       : "not read: it or a file that it names gives no answer");
	}
	module_note(m, answer->note);
}

/* Frames of code get their module and the address that was asked for. */
static bool take_frames(struct answer *asked, const struct module *m, struct child_answer *answer)
{
	asked->frames = answer->frames;
	asked->nr_frames = answer->frames ? answer->nr_frames : 0;
	if (!asked->nr_frames) {
		free(asked->frames);
		asked->frames = calloc(1, sizeof(*asked->frames));
		asked->nr_frames = 1;
	}
	for (size_t i = 0; asked->frames && i < asked->nr_frames; i++) {
		asked->frames[i].module = m->path;
		asked->frames[i].offset = asked->address;
	}
	return asked->frames;
}

static bool work_out(struct pool *pool, struct answer *asked)
{
	struct module *m = pool->modules[asked->module - 1];
	uint64_t address = asked->address - (asked->question == ASK_RETURN && asked->address);
	struct child_answer answer;

	ask_module(pool, m, &(struct child_question){ address, asked->module, asked->question },
		   &answer);
	asked->text = answer.text;
	if (asked->question == ASK_DATA) {
		free(answer.frames);
		asked->name = answer.name;
		return true;
	}
	if (take_frames(asked, m, &answer))
		return true;
	free(answer.text);
	return false;
}

const struct answer *pool_ask(struct pool *pool, unsigned int module, uint64_t address,
			      enum question question)
{
	struct answer asked = { .address = address, .module = module, .question = question };
	struct answer *slot;

	if (2 * pool->nr_answers >= pool->nr_slots && !grow(pool))
		return NULL;
	slot = find_slot(pool, &asked);
	if (slot->used)
		return slot;
	if (!work_out(pool, &asked))
		return NULL;
	asked.used = true;
	*slot = asked;
	pool->nr_answers++;
	return slot;
}
