/* SPDX-License-Identifier: MIT */
/*
 * setup.c: takes the plan when the program starts, and finds places in it
 *
 * The plan must be sealed memory of exactly our version and size: then no other file can be meant
 * by mistake, and its pages cannot be taken away under us. Without a good plan this library does
 * nothing; the command sees that nobody has read it, and says so.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "../build_id.h"
#include "../sys.h"
#include "meet.h"

INTERPOSE(prctl);

bool sys_sealed;
struct plan *plan;
uint64_t point_bits[64];

/* Modules that were met: where they lie, and which of the plan's they are (0: none). */
enum { SEEN = 64 };
struct seen {
	uintptr_t begin; /* stored last */
	uint32_t module;
};
static struct seen seen[SEEN];

/* --- places ------------------------------------------------------------------------------- */

static bool same_path(const struct unwind_module *m, const char *path)
{
	char exe[PLAN_PATH];
	long n;

	if (*m->name)
		return !strcmp(m->name, path);
	n = sys_call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)exe, sizeof(exe) - 1,
		     0, 0);
	exe[n > 0 ? n : 0] = '\0';
	return !strcmp(exe, path);
}

static uint32_t module_in_plan(const struct unwind_module *m)
{
	uint8_t id[PLAN_BUILD_ID];
	uint32_t bytes = build_id(m, id, sizeof(id));

	for (uint32_t i = 0; i < plan->nr_modules; i++) {
		struct plan_module *module = &plan->modules[i];

		if (module->build_id_bytes && bytes == module->build_id_bytes &&
		    !memcmp(id, module->build_id, bytes))
			return i + 1;
		if (!same_path(m, module->path))
			continue;
		if (!module->build_id_bytes)
			return i + 1;
		__atomic_store_n(&module->differs, 1, __ATOMIC_RELAXED);
	}
	return 0;
}

/* Two threads that meet a new one at once write the same. */
static uint32_t module_of(const struct unwind_module *m)
{
	struct seen *place = &seen[m->map_start / 4096 % SEEN];
	uint32_t module;

	if (__atomic_load_n(&place->begin, __ATOMIC_ACQUIRE) == m->map_start)
		return place->module;
	module = module_in_plan(m);
	if (!place->begin) {
		place->module = module;
		__atomic_store_n(&place->begin, m->map_start, __ATOMIC_RELEASE);
	}
	return module;
}

struct point_members plan_find(uintptr_t site)
{
	struct point_members found = { 0, 0 };
	struct unwind_module m;
	uint64_t address;
	uint32_t module;

	if (!point_may_be(site) || unwind_find_module(site, &m) < 0)
		return found;
	module = module_of(&m);
	if (!module)
		return found;
	address = (uint64_t)module << 48 | (site - m.load_bias);
	for (uint32_t i = 0; i < plan->nr_members; i++) {
		found.held |= (uint32_t)(plan->members[i].held == address) << i;
		found.wanted |= (uint32_t)(plan->members[i].wanted == address) << i;
	}
	return found;
}

/* --- the plan ----------------------------------------------------------------------------- */

static bool code_is_good(const struct plan *p, uint64_t address)
{
	return TRACE_PC_MODULE(address) >= 1 && TRACE_PC_MODULE(address) <= p->nr_modules;
}

static bool plan_is_good(const struct plan *p)
{
	if (memcmp(p->magic, PLAN_MAGIC, sizeof(p->magic)) || p->version != PLAN_VERSION ||
	    p->size != sizeof(*p) || p->nr_members < 1 || p->nr_members > PLAN_MEMBERS ||
	    p->nr_modules > PLAN_MODULES || p->delay >= PLAN_DELAYS || p->late >= p->nr_members)
		return false;
	for (uint32_t i = 0; i < p->nr_members; i++) {
		uint64_t held = p->members[i].held;

		if (!code_is_good(p, p->members[i].wanted) ||
		    (held != PLAN_HELD_THREAD && held != PLAN_HELD_NOTHING &&
		     !code_is_good(p, held)))
			return false;
	}
	for (uint32_t i = 0; i < p->nr_modules; i++)
		if (p->modules[i].build_id_bytes > PLAN_BUILD_ID ||
		    p->modules[i].path[PLAN_PATH - 1])
			return false;
	return true;
}

static struct plan *plan_map(const char *path)
{
	int fd = sys_open(path, O_RDWR | O_CLOEXEC | O_NOCTTY, 0);
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct stat st;
	void *p = NULL;

	if (fd < 0)
		return NULL;
	if (sys_fcntl(fd, F_GET_SEALS, 0) == seals && !sys_fstat(fd, &st) &&
	    st.st_size == sizeof(struct plan))
		p = sys_mmap(sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	sys_close(fd);
	return sys_failed(p) ? NULL : p;
}

static void point_bit(uint64_t address)
{
	if (TRACE_PC_MODULE(address))
		point_bits[address >> 6 & 63] |= 1ull << (address & 63);
}

static __attribute__((constructor)) void confirm_begin(void)
{
	const char *path = getenv(PLAN_ENVIRONMENT);
	struct plan *p = path ? plan_map(path) : NULL;

	hooks_ready();
	if (!p || !plan_is_good(p) || unwind_init() || meet_init())
		return;
	for (uint32_t i = 0; i < p->nr_members; i++) {
		point_bit(p->members[i].held);
		point_bit(p->members[i].wanted);
	}
	plan = p;
	__atomic_fetch_add(&p->processes, 1, __ATOMIC_RELAXED);
}

/* A sandbox may kill for any system call: behind one there are no delays, see ../seccomp.c. */
int prctl(int option, ...)
{
	unsigned long arg[4];
	va_list list;

	va_start(list, option);
	for (int i = 0; i < 4; i++)
		arg[i] = va_arg(list, unsigned long);
	va_end(list);
	hooks_ready();
	if (option == PR_SET_SECCOMP)
		sys_sealed = true;
	return real_prctl(option, arg[0], arg[1], arg[2], arg[3]);
}
