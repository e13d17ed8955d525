/* SPDX-License-Identifier: MIT */
/*
 * The offline symbolizer: the modules of a recording, and a cache over all that was asked.
 *
 * A report asks for the same few thousand addresses again and again, so each (module, address,
 * kind) is worked out once and kept, and callers may hold on to the pointers. The work is
 * elsewhere: symbols_module.c opens a file, symbols_elf.c reads its symbol table, symbols_code.c
 * and symbols_data.c ask its DWARF, symbols_type.c names a part of a variable.
 */
#include "symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perfmap.h"
#include "symbols_module.h"

enum { MAX_MODULES = 65536, FIRST_SLOTS = 1024 };

/* One answer: frames for code, a name for data. */
struct answer {
	uint64_t address;
	unsigned id;
	enum question question;
	bool used;
	struct frame *frames;
	size_t nr_frames;
	char *name;
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
	for (size_t i = 0; s->slots && i < s->nr_slots; i++) {
		free(s->slots[i].frames);
		free(s->slots[i].name);
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

/* Opened at the first question; NULL when the caller never told of it. */
static struct module *get_module(struct symbols *s, unsigned id)
{
	struct module *m = id < MAX_MODULES ? s->modules[id] : NULL;

	if (m)
		module_open(m, &s->debug_files);
	return m;
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

/* Everything about the code at ASKED, into FRAMES. */
static size_t find_code(struct symbols *s, const struct answer *asked, struct frame *frames)
{
	struct module *m = get_module(s, asked->id);
	uint64_t address = asked->address;
	size_t nr = 1;

	if (asked->question == ASK_RETURN && address)
		address--;
	if (m)
		nr = module_code(m, &s->demangler, address, frames);
	else if (asked->id == 0)
		jit_code(s, address, frames);
	else
		frames[0] = (struct frame){ .module = "[anon]" };
	for (size_t i = 0; i < nr; i++) {
		if (m)
			frames[i].module = m->path;
		frames[i].offset = asked->address;
	}
	return nr;
}

size_t symbols_code(struct symbols *s, unsigned id, uint64_t address, bool is_return_address,
		    const struct frame **frames)
{
	struct answer asked = { .address = address,
				.id = id,
				.question = is_return_address ? ASK_RETURN : ASK_PC };
	struct answer *slot = get_slot(s, &asked);
	struct frame found[MAX_FRAMES];

	if (slot && slot->used) {
		*frames = slot->frames;
		return slot->nr_frames;
	}
	asked.nr_frames = find_code(s, &asked, found);
	asked.frames = slot ? reallocarray(NULL, asked.nr_frames, sizeof(*found)) : NULL;
	if (!asked.frames) {
		s->bare = (struct frame){ .module = found[0].module, .offset = address };
		*frames = &s->bare;
		return 1;
	}
	memcpy(asked.frames, found, asked.nr_frames * sizeof(*found));
	fill_slot(s, slot, &asked);
	*frames = asked.frames;
	return asked.nr_frames;
}

const char *symbols_data(struct symbols *s, unsigned id, uint64_t address)
{
	struct answer asked = { .address = address, .id = id, .question = ASK_DATA };
	struct answer *slot = get_slot(s, &asked);
	struct module *m;

	if (!slot || slot->used)
		return slot ? slot->name : NULL;
	m = get_module(s, id);
	if (m && m->dwfl_module)
		asked.name = module_data(m, &s->demangler, address);
	fill_slot(s, slot, &asked);
	return asked.name;
}

const char *symbols_module_note(const struct symbols *s, unsigned id)
{
	return id < MAX_MODULES && s->modules[id] ? s->modules[id]->note : NULL;
}
