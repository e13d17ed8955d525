/* SPDX-License-Identifier: MIT */
/*
 * confirm_plan.c: plans as text, and places of traces as places of plans
 *
 * As text a plan can be looked at, changed and tried again:
 *
 *	lockprof-plan 1
 *	module 1 4e8e20ad07bbcb43a6f367d274e2bf4af71bb3fc /usr/bin/app
 *	member held 1+0x119f wanted 1+0x11ae expected 37
 *	member held 1+0x11e6 wanted 1+0x11f5
 *
 * A module has a number, a build id ("-": none, it is known by its path) and a path, which goes to
 * the end of the line. `held` and `wanted` are return addresses of calls, relative to their module;
 * `held` may be "thread" or "nothing" instead (trace/plan.h). What the first member wants is what
 * the second one holds, and so on round.
 */
#include "confirm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void plan_init(struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	memcpy(plan->magic, PLAN_MAGIC, sizeof(plan->magic));
	plan->version = PLAN_VERSION;
	plan->size = sizeof(*plan);
}

/* --- text to plan ------------------------------------------------------------------------- */

/* One line being read. */
struct line {
	char *at;
	unsigned int number;
	char *error;
};

static int bad(const struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int bad(const struct line *line, const char *format, ...)
{
	int n = snprintf(line->error, CONFIRM_MESSAGE, "line %u: ", line->number);
	va_list args;

	va_start(args, format);
	vsnprintf(line->error + n, (size_t)(CONFIRM_MESSAGE - n), format, args);
	va_end(args);
	return -EINVAL;
}

/* The next word of the line, "" at its end. */
static char *word(struct line *line)
{
	char *begin = line->at + strspn(line->at, " \t");
	size_t length = strcspn(begin, " \t");

	line->at = begin + length;
	if (*line->at)
		*line->at++ = '\0';
	return begin;
}

/* All of `text` as a number of that base, without a sign. */
static bool number(const char *text, int base, uint64_t *to)
{
	char *end;

	if (!strchr("0123456789", *text) || !*text)
		return false;
	errno = 0;
	*to = strtoull(text, &end, base);
	return !errno && !*end;
}

static bool hex_bytes(const char *text, struct plan_module *module)
{
	static const char digits[] = "0123456789abcdef";

	for (; text[0]; text += 2) {
		const char *high = strchr(digits, text[0]);
		const char *low = text[1] ? strchr(digits, text[1]) : NULL;

		if (!high || !low || module->build_id_bytes == PLAN_BUILD_ID)
			return false;
		module->build_id[module->build_id_bytes++] =
			(uint8_t)((high - digits) << 4 | (low - digits));
	}
	return module->build_id_bytes > 0;
}

static int parse_module(struct plan *plan, struct line *line)
{
	struct plan_module *module = &plan->modules[plan->nr_modules];
	const char *id;
	uint64_t n;

	if (plan->nr_modules == PLAN_MODULES)
		return bad(line, "more than %d modules", PLAN_MODULES);
	if (!number(word(line), 10, &n) || n != plan->nr_modules + 1)
		return bad(line, "modules are numbered 1, 2, 3, ...");
	id = word(line);
	if (strcmp(id, "-") != 0 && !hex_bytes(id, module))
		return bad(line, "'%.80s' is no build id", id);
	line->at += strspn(line->at, " \t");
	if (*line->at != '/' || strlen(line->at) >= PLAN_PATH)
		return bad(line, "a module needs its whole path");
	strcpy(module->path, line->at);
	plan->nr_modules++;
	return 0;
}

/* "1+0x119f" */
static int parse_code(const struct plan *plan, const struct line *line, char *text, uint64_t *code)
{
	char *plus = strchr(text, '+');
	uint64_t module, offset;

	if (plus)
		*plus = '\0';
	if (!plus || !number(text, 10, &module) || strncmp(plus + 1, "0x", 2) != 0 ||
	    !number(plus + 1, 16, &offset) || offset >> 48)
		return bad(line, "a place is written MODULE+0xOFFSET");
	if (module < 1 || module > plan->nr_modules)
		return bad(line, "there is no module %" PRIu64 " above", module);
	*code = module << 48 | offset;
	return 0;
}

static int parse_held(const struct plan *plan, const struct line *line, char *text, uint64_t *held)
{
	if (strcmp(text, "thread") != 0 && strcmp(text, "nothing") != 0)
		return parse_code(plan, line, text, held);
	*held = *text == 't' ? PLAN_HELD_THREAD : PLAN_HELD_NOTHING;
	return 0;
}

static int parse_member(struct plan *plan, struct line *line)
{
	struct plan_member *member = &plan->members[plan->nr_members];
	int err = 0;

	if (plan->nr_members == PLAN_MEMBERS)
		return bad(line, "more than %d members", PLAN_MEMBERS);
	for (const char *key = word(line); !err && *key; key = word(line)) {
		char *value = word(line);

		if (strcmp(key, "held") == 0 && !member->held)
			err = parse_held(plan, line, value, &member->held);
		else if (strcmp(key, "wanted") == 0 && !member->wanted)
			err = parse_code(plan, line, value, &member->wanted);
		else if (strcmp(key, "expected") != 0 || !number(value, 10, &member->expected))
			err = bad(line, "cannot understand '%.80s %.80s'", key, value);
	}
	if (!err && (!member->held || !member->wanted))
		err = bad(line, "a member has a place 'held' and a place 'wanted'");
	plan->nr_members++;
	return err;
}

static int parse_line(struct plan *plan, struct line *line, bool *begun)
{
	const char *what = word(line);
	uint64_t version;

	if (!*what || *what == '#')
		return 0;
	if (!*begun) {
		*begun = true;
		if (strcmp(what, "lockprof-plan") != 0)
			return bad(line, "this is no plan: it does not begin with lockprof-plan");
		if (!number(word(line), 10, &version) || version != PLAN_VERSION)
			return bad(line, "a plan of another version than %d", PLAN_VERSION);
		return 0;
	}
	if (strcmp(what, "module") == 0)
		return parse_module(plan, line);
	if (strcmp(what, "member") == 0)
		return parse_member(plan, line);
	return bad(line, "cannot understand '%.80s'", what);
}

int plan_parse(struct plan *plan, char *text, char error[CONFIRM_MESSAGE])
{
	struct line line = { .error = error };
	bool begun = false;
	int err = 0;

	plan_init(plan);
	while (!err && text) {
		line.at = strsep(&text, "\n");
		line.number++;
		err = parse_line(plan, &line, &begun);
	}
	if (!err && !plan->nr_members)
		err = bad(&line, "the plan ends without a member");
	return err;
}

/* --- plan to text ------------------------------------------------------------------------- */

static void print_code(uint64_t code, FILE *out)
{
	if (TRACE_PC_MODULE(code))
		fprintf(out, "%u+0x%llx", TRACE_PC_MODULE(code), TRACE_PC_OFFSET(code));
	else
		fputs(code == PLAN_HELD_THREAD ? "thread" : "nothing", out);
}

void plan_print(const struct plan *plan, FILE *out)
{
	fprintf(out, "lockprof-plan %d\n", PLAN_VERSION);
	for (uint32_t i = 0; i < plan->nr_modules; i++) {
		const struct plan_module *module = &plan->modules[i];

		fprintf(out, "module %u ", i + 1);
		for (uint32_t k = 0; k < module->build_id_bytes; k++)
			fprintf(out, "%02x", module->build_id[k]);
		fprintf(out, "%s%s\n", module->build_id_bytes ? " " : "- ", module->path);
	}
	for (uint32_t i = 0; i < plan->nr_members; i++) {
		const struct plan_member *member = &plan->members[i];

		fputs("member held ", out);
		print_code(member->held, out);
		fputs(" wanted ", out);
		print_code(member->wanted, out);
		if (member->expected)
			fprintf(out, " expected %" PRIu64, member->expected);
		fputc('\n', out);
	}
}

/* --- places of a trace -------------------------------------------------------------------- */

static bool is_module(const struct plan_module *module, const struct trace_module *record)
{
	if (module->build_id_bytes || record->build_id_bytes)
		return module->build_id_bytes == record->build_id_bytes &&
		       memcmp(module->build_id, record->build_id, module->build_id_bytes) == 0;
	return strcmp(module->path, record->path) == 0;
}

/* The number of the module of a code address in the plan; 0: it is not there. */
static uint32_t find_module(const struct plan *plan, const struct trace_module *record)
{
	for (uint32_t i = 0; record && i < plan->nr_modules; i++)
		if (is_module(&plan->modules[i], record))
			return i + 1;
	return 0;
}

uint64_t plan_find_code(const struct plan *plan, const struct reader *reader, uint64_t code)
{
	uint32_t module = find_module(plan, reader_module(reader, TRACE_PC_MODULE(code)));

	return module ? (uint64_t)module << 48 | TRACE_PC_OFFSET(code) : 0;
}

uint64_t plan_code(struct plan *plan, const struct reader *reader, uint64_t code)
{
	const struct trace_module *record = reader_module(reader, TRACE_PC_MODULE(code));
	uint64_t found = plan_find_code(plan, reader, code);
	struct plan_module *module = &plan->modules[plan->nr_modules];

	if (found || !record || plan->nr_modules == PLAN_MODULES ||
	    record->build_id_bytes > PLAN_BUILD_ID || strlen(record->path) >= PLAN_PATH)
		return found;
	memcpy(module->build_id, record->build_id, record->build_id_bytes);
	module->build_id_bytes = record->build_id_bytes;
	strcpy(module->path, record->path);
	plan->nr_modules++;
	return plan_find_code(plan, reader, code);
}
