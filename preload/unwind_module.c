/* SPDX-License-Identifier: MIT */
/*
 * unwind_module.c: which module is mapped at an address
 *
 * _dl_find_object() answers that without a lock since glibc 2.35, made for unwinders. Older
 * libraries only have dl_iterate_phdr(), which takes the loader's lock: a thread that holds a lock
 * of the program must never wait for that one. There we keep a list of our own, which is searched
 * without a lock, and refreshed where the thread has just been inside the loader by itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "unwind.h"
#include "unwind_rule.h"

#if __GLIBC_PREREQ(2, 35) && !defined(UNWIND_SNAPSHOT_ONLY)
#define HAVE_FIND_OBJECT 1
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));
#else
#define HAVE_FIND_OBJECT 0
#endif

/*
 * The list for older libraries. Only appended to: an entry is complete before nr_modules counts it,
 * and stays what it was until `gone` is set. Writers are callbacks of dl_iterate_phdr(), which
 * the loader's own lock keeps apart.
 */
#define MAX_MODULES 256

struct module_entry {
	struct unwind_module module;
	atomic_bool gone;
};

static struct module_entry modules[MAX_MODULES];
static atomic_uint nr_modules;

/* One pass of dl_iterate_phdr() over the list. */
struct snapshot {
	unsigned int nr; /* entries that this pass can judge */
	int err;
	bool seen[MAX_MODULES];
};

static struct unwind_module module_of(const struct dl_phdr_info *info)
{
	struct unwind_module m = { .map_start = UINTPTR_MAX,
				   .load_bias = info->dlpi_addr,
				   .name = info->dlpi_name };

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_GNU_EH_FRAME)
			m.eh_frame_hdr = (const void *)start;
		if (ph->p_type != PT_LOAD)
			continue;
		if (start < m.map_start)
			m.map_start = start;
		if (start + ph->p_memsz > m.map_end)
			m.map_end = start + ph->p_memsz;
	}
	return m;
}

static int snapshot_add(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct snapshot *s = arg;
	struct unwind_module m = module_of(info);
	unsigned int i, nr = atomic_load_explicit(&nr_modules, memory_order_relaxed);

	(void)size;
	for (i = 0; i < nr; i++) {
		if (!atomic_load_explicit(&modules[i].gone, memory_order_relaxed) &&
		    modules[i].module.map_start == m.map_start &&
		    modules[i].module.map_end == m.map_end &&
		    modules[i].module.eh_frame_hdr == m.eh_frame_hdr)
			break;
	}
	if (i == MAX_MODULES) {
		s->err = -E2BIG;
	} else {
		s->seen[i] = true;
		modules[i].module = i < nr ? modules[i].module : m;
		nr = i < nr ? nr : i + 1;
		/* pairs with the acquire in snapshot_find() */
		atomic_store_explicit(&nr_modules, nr, memory_order_release);
	}
	s->nr = nr;
	return 0;
}

static int snapshot_refresh(void)
{
	struct snapshot s = { 0 };

	dl_iterate_phdr(snapshot_add, &s);
	for (unsigned int i = 0; i < s.nr; i++) {
		if (!s.seen[i])
			atomic_store_explicit(&modules[i].gone, true, memory_order_relaxed);
	}
	return s.err;
}

static int snapshot_find(uintptr_t pc, struct unwind_module *out)
{
	unsigned int nr = atomic_load_explicit(&nr_modules, memory_order_acquire);

	for (unsigned int i = 0; i < nr; i++) {
		if (pc < modules[i].module.map_start || pc >= modules[i].module.map_end ||
		    atomic_load_explicit(&modules[i].gone, memory_order_relaxed))
			continue;
		*out = modules[i].module;
		return 0;
	}
	return -1;
}

static bool have_find_object(void)
{
#if HAVE_FIND_OBJECT
	return _dl_find_object != NULL;
#else
	return false;
#endif
}

int unwind_find_module(uintptr_t pc, struct unwind_module *out)
{
#if HAVE_FIND_OBJECT
	struct dl_find_object found;

	if (have_find_object()) {
		if (_dl_find_object((void *)pc, &found) != 0)
			return -1;
		*out = (struct unwind_module){
			.map_start = (uintptr_t)found.dlfo_map_start,
			.map_end = (uintptr_t)found.dlfo_map_end,
			.load_bias = found.dlfo_link_map->l_addr,
			.name = found.dlfo_link_map->l_name,
			.eh_frame_hdr = found.dlfo_eh_frame,
		};
		return 0;
	}
#endif
	return snapshot_find(pc, out);
}

int unwind_init(void)
{
	return have_find_object() ? 0 : snapshot_refresh();
}

void unwind_modules_changed(void)
{
	if (!have_find_object())
		snapshot_refresh();
	rules_forget();
}
