/* SPDX-License-Identifier: MIT */
/*
 * The offline symbolizer: the modules of a recording, and a cache over all that was asked.
 *
 * A report asks for the same few thousand addresses again and again, so each (module, address,
 * kind) is worked out once and kept, and callers may hold on to the pointers. The work is
 * elsewhere: symbols_module.c opens a file, symbols_elf.c reads its symbol table, symbols_code.c
 * and symbols_data.c ask its DWARF, symbols_type.c names a part of a variable. All of these run in
 * a child (symbols_child.c), since the files are foreign; only where there can be none, here.
 */
#include "symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perfmap.h"
#include "symbols_child.h"
#include "symbols_module.h"

enum { MAX_MODULES = 65536, FIRST_SLOTS = 1024, MAX_DEATHS = 3 };

/* One answer: frames for code, a name for data. */
struct answer {
	uint64_t address;
	unsigned id;
	enum question question;
	bool used;
	struct frame *frames;
	size_t nr_frames;
	const char *name;
	char *text; /* that the strings lie in, unless they are a module's */
};

struct symbols {
	struct module **modules;
	struct debug_files debug_files;
	struct demangler demangler;
	char *perf_map_path;
	uint32_t perf_map_uid;
	struct perfmap perf_map;
	struct answer *slots;
	size_t nr_answers, nr_slots;
	struct child child;
	unsigned deaths;   /* of children */
	struct frame bare; /* the answer when memory ran out */
};

struct symbols *symbols_new(void)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	unsetenv("DEBUGINFOD_URLS");
	elf_version(EV_CURRENT);
	s->nr_slots = FIRST_SLOTS;
	s->slots = calloc(s->nr_slots, sizeof(*s->slots));
	s->modules = calloc(MAX_MODULES, sizeof(*s->modules));
	if (s->slots && s->modules && !debug_files_init(&s->debug_files))
		return s;
	symbols_free(s);
	return NULL;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	child_stop(&s->child);
	for (size_t i = 0; s->slots && i < s->nr_slots; i++) {
		free(s->slots[i].frames);
		free(s->slots[i].text);
	}
	free(s->slots);
	for (unsigned id = 0; s->modules && id < MAX_MODULES; id++)
		module_free(s->modules[id]);
	free(s->modules);
	debug_files_fini(&s->debug_files);
	demangle_free(&s->demangler);
	perfmap_free(&s->perf_map);
	free(s->perf_map_path);
	free(s);
}

int symbols_add_module(struct symbols *s, unsigned id, const char *path,
		       const unsigned char *build_id, size_t build_id_len)
{
	struct module *m;

	if (id == 0 || id >= MAX_MODULES)
		return -EINVAL;
	if (s->modules[id])
		return -EEXIST;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->path = strdup(path);
	m->build_id = malloc(build_id_len + 1);
	if (!m->path || !m->build_id) {
		module_free(m);
		return -ENOMEM;
	}
	if (build_id_len)
		memcpy(m->build_id, build_id, build_id_len);
	m->build_id_len = build_id_len;
	s->modules[id] = m;
	child_stop(&s->child); /* that does not know it */
	return 0;
}

int symbols_set_perf_map(struct symbols *s, const char *path, uint32_t uid)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	free(s->perf_map_path);
	s->perf_map_path = copy;
	s->perf_map_uid = uid;
	return 0;
}

/* NULL when the caller never told of it. */
static struct module *get_module(const struct symbols *s, unsigned id)
{
	return id < MAX_MODULES ? s->modules[id] : NULL;
}

/* The slot that holds the question, or the empty one where it belongs. */
static struct answer *find_slot(const struct symbols *s, const struct answer *asked)
{
	uint64_t hash = asked->address * 4 + asked->question + ((uint64_t)asked->id << 48);
	size_t i = (hash * 0x9e3779b97f4a7c15u) >> 24;

	for (;; i++) {
		struct answer *slot = &s->slots[i & (s->nr_slots - 1)];

		if (!slot->used || (slot->address == asked->address && slot->id == asked->id &&
				    slot->question == asked->question))
			return slot;
	}
}

static bool grow(struct symbols *s)
{
	struct symbols bigger = { .nr_slots = 2 * s->nr_slots };

	bigger.slots = calloc(bigger.nr_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < s->nr_slots; i++) {
		if (s->slots[i].used)
			*find_slot(&bigger, &s->slots[i]) = s->slots[i];
	}
	free(s->slots);
	s->slots = bigger.slots;
	s->nr_slots = bigger.nr_slots;
	return true;
}

/* NULL when memory ran out. A slot that is not used yet is for the caller to fill. */
static struct answer *get_slot(struct symbols *s, const struct answer *asked)
{
	if (2 * s->nr_answers >= s->nr_slots && !grow(s))
		return NULL;
	return find_slot(s, asked);
}

static void fill_slot(struct symbols *s, struct answer *slot, const struct answer *answer)
{
	*slot = *answer;
	slot->used = true;
	s->nr_answers++;
}

static void jit_code(struct symbols *s, uint64_t pc, struct frame *frame)
{
	if (s->perf_map_path) {
		perfmap_read(&s->perf_map, s->perf_map_path, s->perf_map_uid);
		free(s->perf_map_path);
		s->perf_map_path = NULL;
	}
	*frame = (struct frame){ .function = perfmap_find(&s->perf_map, pc) };
	frame->module = frame->function ? "[jit]" : "[anon]";
}

/* ---- questions about modules ---- */

/* In the child, or here where there is none. The name is a new string. */
static void work(void *context, const struct child_question *q, struct frame frames[MAX_FRAMES],
		 struct child_answer *answer)
{
	struct symbols *s = context;
	struct module *m = s->modules[q->id];

	module_open(m, &s->debug_files);
	if (q->question == ASK_DATA)
		answer->name = answer->text =
			m->dwfl_module ? module_data(m, &s->demangler, q->address) : NULL;
	else
		answer->nr_frames = module_code(m, &s->demangler, q->address, frames);
	answer->note = m->note;
}

static void work_here(struct symbols *s, const struct child_question *q,
		      struct child_answer *answer)
{
	struct frame frames[MAX_FRAMES];

	work(s, q, frames, answer);
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
static void ask_module(struct symbols *s, struct module *m, const struct child_question *q,
		       struct child_answer *answer)
{
	int err = 0;

	*answer = (struct child_answer){ 0 };
	if (m->is_deadly || s->deaths >= MAX_DEATHS) {
		module_note(m, m->is_deadly ? NULL
					    : "not looked at, after other files were too damaged");
		return;
	}
	if (!m->opened && !m->is_foreign)
		m->is_foreign = module_has_file(m, &s->debug_files);
	if (!m->is_foreign || (!s->child.pid && child_start(&s->child, work, s))) {
		work_here(s, q, answer);
		return;
	}
	err = child_ask(&s->child, q, answer);
	if (err == -EIO || err == -ETIMEDOUT) {
		m->is_deadly = true;
		s->deaths++;
		module_note(m, err == -EIO
				       ? "too damaged: reading it ended in a crash"
				       : "not read: it or a file that it names gives no answer");
	}
	module_note(m, answer->note);
}

/* Everything about the code at ASKED. */
static void find_code(struct symbols *s, struct answer *asked)
{
	struct module *m = get_module(s, asked->id);
	uint64_t address = asked->address;
	struct child_answer answer = { 0 };

	if (asked->question == ASK_RETURN && address)
		address--;
	if (m)
		ask_module(s, m, &(struct child_question){ address, asked->id, asked->question },
			   &answer);
	asked->text = answer.text;
	asked->frames = answer.frames;
	asked->nr_frames = answer.frames ? answer.nr_frames : 0;
	if (!asked->nr_frames) {
		free(asked->frames);
		asked->frames = calloc(1, sizeof(*asked->frames));
		asked->nr_frames = 1;
	}
	if (!asked->frames)
		return;
	if (!m && asked->id == 0)
		jit_code(s, address, asked->frames);
	else if (!m)
		asked->frames[0].module = "[anon]";
	for (size_t i = 0; i < asked->nr_frames; i++) {
		if (m)
			asked->frames[i].module = m->path;
		asked->frames[i].offset = asked->address;
	}
}

size_t symbols_code(struct symbols *s, unsigned id, uint64_t address, bool is_return_address,
		    const struct frame **frames)
{
	struct answer asked = { .address = address,
				.id = id,
				.question = is_return_address ? ASK_RETURN : ASK_PC };
	struct answer *slot = get_slot(s, &asked);
	struct module *m;

	if (slot && slot->used) {
		*frames = slot->frames;
		return slot->nr_frames;
	}
	if (slot)
		find_code(s, &asked);
	if (!asked.frames) {
		m = get_module(s, id);
		free(asked.text);
		s->bare = (struct frame){ .module = m ? m->path : "[anon]", .offset = address };
		*frames = &s->bare;
		return 1;
	}
	fill_slot(s, slot, &asked);
	*frames = asked.frames;
	return asked.nr_frames;
}

const char *symbols_data(struct symbols *s, unsigned id, uint64_t address)
{
	struct answer asked = { .address = address, .id = id, .question = ASK_DATA };
	struct answer *slot = get_slot(s, &asked);
	struct module *m = get_module(s, id);
	struct child_answer answer = { 0 };

	if (!slot || slot->used)
		return slot ? slot->name : NULL;
	if (m)
		ask_module(s, m, &(struct child_question){ address, id, ASK_DATA }, &answer);
	free(answer.frames);
	asked.name = answer.name;
	asked.text = answer.text;
	fill_slot(s, slot, &asked);
	return asked.name;
}

const char *symbols_module_note(const struct symbols *s, unsigned id)
{
	return id < MAX_MODULES && s->modules[id] ? s->modules[id]->note : NULL;
}
