/* SPDX-License-Identifier: MIT */
/*
 * The offline symbolizer: the modules of one recording, by its own numbers, and its code that no
 * file holds. What is in the files is asked of the pool that recordings share (symbols_pool.c).
 */
#include "symbols.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perfmap.h"
#include "symbols_pool.h"

enum { MAX_MODULES = 65536 };

struct known {
	unsigned int number; /* in the pool; 0: the caller never told of it */
	bool asked;	     /* by this recording */
};

struct symbols {
	struct pool *pool;
	struct known *modules; /* by id */
	unsigned int nr_modules;
	char *perf_map_path; /* until it is read */
	uint32_t perf_map_uid;
	struct perfmap perf_map;
	struct frame bare; /* the latest answer that the pool has not */
};

struct symbols *symbols_new(struct symbols *others)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->pool = others ? pool_hold(others->pool) : pool_new();
	if (s->pool)
		return s;
	free(s);
	return NULL;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	pool_release(s->pool);
	free(s->modules);
	perfmap_free(&s->perf_map);
	free(s->perf_map_path);
	free(s);
}

static bool make_room(struct symbols *s, unsigned int id)
{
	unsigned int nr = s->nr_modules ? s->nr_modules : 16;
	struct known *modules;

	while (nr <= id)
		nr *= 2;
	if (nr == s->nr_modules)
		return true;
	modules = reallocarray(s->modules, nr, sizeof(*modules));
	if (!modules)
		return false;
	memset(modules + s->nr_modules, 0, (nr - s->nr_modules) * sizeof(*modules));
	s->modules = modules;
	s->nr_modules = nr;
	return true;
}

int symbols_add_module(struct symbols *s, unsigned id, const char *path,
		       const unsigned char *build_id, size_t build_id_len)
{
	if (id == 0 || id >= MAX_MODULES)
		return -EINVAL;
	if (!make_room(s, id))
		return -ENOMEM;
	if (s->modules[id].number)
		return -EEXIST;
	s->modules[id].number = pool_add(s->pool, path, build_id, build_id_len);
	return s->modules[id].number ? 0 : -ENOMEM;
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

/* The pool's number of a module that is asked about now; 0: nobody told of it. */
static unsigned int asked_module(struct symbols *s, unsigned id)
{
	if (id >= s->nr_modules)
		return 0;
	s->modules[id].asked = true;
	return s->modules[id].number;
}

/* Code that no file holds: a name out of the perf map, or none. */
static size_t find_jit(struct symbols *s, unsigned id, uint64_t address, bool is_return_address,
		       const struct frame **frames)
{
	uint64_t pc = address - (is_return_address && address);

	if (s->perf_map_path) {
		perfmap_read(&s->perf_map, s->perf_map_path, s->perf_map_uid);
		free(s->perf_map_path);
		s->perf_map_path = NULL;
	}
	s->bare = (struct frame){ .function = id ? NULL : perfmap_find(&s->perf_map, pc),
				  .offset = address };
	s->bare.module = s->bare.function ? "[jit]" : "[anon]";
	*frames = &s->bare;
	return 1;
}

size_t symbols_code(struct symbols *s, unsigned id, uint64_t address, bool is_return_address,
		    const struct frame **frames)
{
	unsigned int module = asked_module(s, id);
	const struct answer *answer;

	if (!module)
		return find_jit(s, id, address, is_return_address, frames);
	answer = pool_ask(s->pool, module, address, is_return_address ? ASK_RETURN : ASK_PC);
	if (answer) {
		*frames = answer->frames;
		return answer->nr_frames;
	}
	s->bare = (struct frame){ .module = pool_path(s->pool, module), .offset = address };
	*frames = &s->bare;
	return 1;
}

const char *symbols_data(struct symbols *s, unsigned id, uint64_t address)
{
	unsigned int module = asked_module(s, id);
	const struct answer *answer = module ? pool_ask(s->pool, module, address, ASK_DATA) : NULL;

	return answer ? answer->name : NULL;
}

const char *symbols_module_note(const struct symbols *s, unsigned id)
{
	const struct known *module = id < s->nr_modules ? &s->modules[id] : NULL;

	return module && module->number && module->asked ? pool_note(s->pool, module->number)
							 : NULL;
}
