/* SPDX-License-Identifier: MIT */
/*
 * Places in the code, for people: a stack folded to "f (file.c:12) < g (file.c:40)", and the
 * shares of a wait added up by places that read alike.
 *
 * A lock can have many thousands of (stack, thread) pairs, and asking for symbols is what costs.
 * So pairs are first added up by their numbers, only the largest places get a text, places of
 * the same text are one, and what is left is one group without text. Sums are exact throughout.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FOLDED_FRAMES 3
#define MAX_FRAMES    128
#define MAX_NAMED     64 /* places of one lock that get a text */

const char *report_base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash[1] ? slash + 1 : path ? path : "?";
}

/* A section that begins and ends in one function is shown as its lines: "f (file.c:12-20)". */
static void put_frame(FILE *out, const struct frame *frame, int last_line)
{
	if (!frame->function) {
		fprintf(out, "%s+0x%llx", report_base_name(frame->module),
			(unsigned long long)frame->offset);
		return;
	}
	fputs(frame->function, out);
	if (!frame->file || frame->line <= 0)
		fprintf(out, " (%s)", report_base_name(frame->module));
	else if (last_line > frame->line)
		fprintf(out, " (%s:%d-%d)", report_base_name(frame->file), frame->line, last_line);
	else
		fprintf(out, " (%s:%d)", report_base_name(frame->file), frame->line);
}

/*
 * Where threads and programs begin: the same below every stack, so it says nothing. Names that
 * end in '*' are beginnings of names.
 */
static bool is_bottom(const struct frame *frame)
{
	static const char *const names[] = {
		"start_thread",
		"clone",
		"clone3",
		"__clone",
		"__clone3",
		"_start",
		"__libc_start_main",
		"__libc_start_main_impl",
		"__libc_start_call_main",
		"execute_native_thread_routine",
		"__invoke_impl<*",
		"__invoke<*",
		"std::__invoke*",
		"std::thread::_*",
		"_M_invoke*",
		"_M_run*",
	};

	for (size_t i = 0; frame->function && i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i]);

		if (names[i][length - 1] == '*'
			    ? strncmp(frame->function, names[i], length - 1) == 0
			    : strcmp(frame->function, names[i]) == 0)
			return true;
	}
	return false;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_function(const struct frame *a, const struct frame *b)
{
	return a->function && same_text(a->function, b->function) && same_text(a->file, b->file);
}

static void put_frames(const struct report *report, const struct report_part *part,
		       enum report_place_style style, FILE *out)
{
	struct frame frames[MAX_FRAMES], released = { 0 };
	size_t max = report->whole_stacks ? MAX_FRAMES : FOLDED_FRAMES;
	bool whole = report->whole_stacks && style == REPORT_STACK;
	size_t nr = report->frames(part->process, part->stack, part->site, whole, frames,
				   style == REPORT_FUNCTION ? 1 : max);
	bool ends = part->release_stack && style == REPORT_STACK && nr > 0 &&
		    report->frames(part->process, part->release_stack, 0, false, &released, 1) > 0;
	bool ends_here = ends && same_function(&frames[0], &released);

	for (size_t i = 0; i < nr; i++) {
		if (i > 0 && !whole && is_bottom(&frames[i]))
			break;
		fputs(i ? " < " : "", out);
		put_frame(out, &frames[i], i == 0 && ends_here ? released.line : 0);
	}
	if (nr == 0)
		fputs("an unknown place", out);
	if (ends && !ends_here) {
		fputs(", released in ", out);
		put_frame(out, &released, 0);
	}
}

char *report_place_text(const struct report *report, const struct report_part *part,
			enum report_place_style style)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	put_frames(report, part, style, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void report_node_place(const struct process *process, uint32_t node, uint64_t site,
		       struct report_part *part)
{
	const struct trace_node *record =
		process->reader ? reader_node(process->reader, node) : NULL;

	part->process = process;
	part->site = site;
	part->stack = record ? record->stack : 0;
}

int report_blame_parts(const struct report *report, const struct report_rows *rows,
		       const struct report_row *row, struct report_part **parts, size_t *nr)
{
	const struct model *model = report->model;

	*nr = 0;
	*parts = calloc(model->nr_blames + 1, sizeof(**parts));
	if (!*parts)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_blames; i++) {
		const struct blame *blame = &model->blames[i];
		struct report_part *part = &(*parts)[*nr];

		if (!report_row_has_lock(report, rows, row, blame->lock))
			continue;
		report_node_place(model->locks[blame->lock].process, blame->holder_node,
				  blame->holder_site, part);
		part->release_stack = blame->release_stack;
		part->thread = blame->holder;
		part->waits = blame->waits;
		part->wait_ns = blame->wait_ns;
		++*nr;
	}
	return 0;
}

int report_wait_parts(const struct report *report, const struct report_rows *rows,
		      const struct report_row *row, struct report_part **parts, size_t *nr)
{
	const struct model *model = report->model;

	*nr = 0;
	*parts = calloc(model->nr_wait_stacks + 1, sizeof(**parts));
	if (!*parts)
		return -ENOMEM;
	for (size_t i = 0; i < model->nr_wait_stacks; i++) {
		const struct wait_stack *wait = &model->wait_stacks[i];
		struct report_part *part = &(*parts)[*nr];

		if (!report_row_has_lock(report, rows, row, wait->lock))
			continue;
		report_node_place(model->locks[wait->lock].process, wait->node, wait->site, part);
		if (wait->stack)
			part->stack = wait->stack;
		part->thread = UINT32_MAX;
		part->waits = wait->waits;
		part->wait_ns = wait->wait_ns;
		part->wait_max_ns = wait->wait_max_ns;
		++*nr;
	}
	return 0;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* With a stack the site says nothing more. */
static int compare_place(const struct report_part *a, const struct report_part *b)
{
	int order = compare_u64(a->process->number, b->process->number);

	if (!order)
		order = compare_u64(a->stack, b->stack);
	if (!order && !a->stack)
		order = compare_u64(a->site, b->site);
	return order ? order : compare_u64(a->release_stack, b->release_stack);
}

static int by_place(const void *a, const void *b)
{
	return compare_place(a, b);
}

static int by_group_and_thread(const void *a, const void *b)
{
	const struct report_part *x = a, *y = b;
	int order = compare_u64(x->group, y->group);

	return order ? order : compare_u64(x->thread, y->thread);
}

static bool is_same_acquisition(const struct report_part *a, const struct report_part *b)
{
	return a->process == b->process && a->stack == b->stack && (a->stack || a->site == b->site);
}

/* The release stack behind most of the waiting, among parts of one acquisition. */
static uint32_t main_release(const struct report_part *parts, size_t nr)
{
	uint64_t sum_ns = 0, best_ns = 0;
	uint32_t best = 0;

	for (size_t i = 0; i < nr; i++) {
		bool is_new = i == 0 || parts[i].release_stack != parts[i - 1].release_stack;

		sum_ns = parts[i].wait_ns + (is_new ? 0 : sum_ns);
		if (parts[i].release_stack && sum_ns >= best_ns) {
			best_ns = sum_ns;
			best = parts[i].release_stack;
		}
	}
	return best;
}

/*
 * Not every release has its stack taken. A hold without one is counted with the most usual end of
 * the holds that began at the same place. Parts come sorted by place.
 */
static void adopt_releases(struct report_part *parts, size_t nr)
{
	for (size_t begin = 0, end; begin < nr; begin = end) {
		uint32_t release;

		for (end = begin + 1; end < nr; end++)
			if (!is_same_acquisition(&parts[begin], &parts[end]))
				break;
		release = main_release(parts + begin, end - begin);
		for (size_t i = begin; i < end; i++)
			if (!parts[i].release_stack)
				parts[i].release_stack = release;
	}
}

/* Distinct places with their sums; `group` links each to its parts. */
static size_t sum_places(struct report_part *parts, size_t nr, struct report_part *places)
{
	size_t nr_places = 0;

	qsort(parts, nr, sizeof(*parts), by_place);
	adopt_releases(parts, nr);
	qsort(parts, nr, sizeof(*parts), by_place);
	for (size_t i = 0; i < nr; i++) {
		if (i == 0 || compare_place(&parts[i - 1], &parts[i]) != 0) {
			places[nr_places] = parts[i];
			places[nr_places].group = nr_places;
			places[nr_places++].wait_ns = 0;
		}
		places[nr_places - 1].wait_ns += parts[i].wait_ns;
		parts[i].group = nr_places - 1;
	}
	return nr_places;
}

static int by_wait(const void *a, const void *b)
{
	const struct report_part *x = a, *y = b;

	return x->wait_ns != y->wait_ns ? compare_u64(y->wait_ns, x->wait_ns)
					: compare_u64(x->group, y->group);
}

/* A function's name and file, without the line that follows the last colon. */
static size_t identity_length(const char *text, enum report_place_style style)
{
	const char *colon = style == REPORT_FUNCTION ? strrchr(text, ':') : NULL;

	return colon ? (size_t)(colon - text) : strlen(text);
}

/* Takes text over. Index of the group that reads like it, a new one's if none; SIZE_MAX: no memory.
 */
static size_t group_named(struct report_groups *groups, char *text, enum report_place_style style)
{
	size_t length;

	if (!text)
		return SIZE_MAX;
	length = identity_length(text, style);
	for (size_t i = 0; i < groups->nr; i++) {
		const char *known = groups->groups[i].text;

		if (identity_length(known, style) == length && memcmp(known, text, length) == 0) {
			free(text);
			return i;
		}
	}
	groups->groups[groups->nr] = (struct report_group){ .text = text };
	return groups->nr++;
}

/*
 * In the style of functions the line belongs to the largest place and is no part of the name.
 * Returns the groups' numbers in the order of the places' own, NULL: no memory.
 */
static size_t *name_places(const struct report *report, struct report_part *places, size_t nr,
			   enum report_place_style style, struct report_groups *groups)
{
	size_t *group_of = calloc(nr + 1, sizeof(*group_of));
	size_t named = nr < MAX_NAMED ? nr : MAX_NAMED;

	qsort(places, nr, sizeof(*places), by_wait);
	for (size_t i = 0; group_of && i < named; i++) {
		char *text = report_place_text(report, &places[i], style);
		size_t group = group_named(groups, text, style);

		if (group == SIZE_MAX) {
			free(group_of);
			return NULL;
		}
		group_of[places[i].group] = group;
	}
	if (nr > named)
		groups->groups[groups->nr++] = (struct report_group){ 0 };
	for (size_t i = named; group_of && i < nr; i++)
		group_of[places[i].group] = groups->nr - 1;
	return group_of;
}

/* Parts come sorted by group and thread: count the threads, find the one with most. */
static void sum_groups(struct report_groups *groups, const struct report_part *parts, size_t nr)
{
	uint64_t thread_ns = 0;

	for (size_t i = 0; i < nr; i++) {
		struct report_group *group = &groups->groups[parts[i].group];
		bool is_new = i == 0 || by_group_and_thread(&parts[i - 1], &parts[i]) != 0;

		group->waits += parts[i].waits;
		group->wait_ns += parts[i].wait_ns;
		if (parts[i].wait_max_ns > group->wait_max_ns)
			group->wait_max_ns = parts[i].wait_max_ns;
		group->nr_threads += is_new;
		thread_ns = parts[i].wait_ns + (is_new ? 0 : thread_ns);
		if (thread_ns >= group->thread_ns) {
			group->thread_ns = thread_ns;
			group->thread = parts[i].thread;
		}
	}
}

static int by_group_size(const void *a, const void *b)
{
	const struct report_group *x = a, *y = b;

	if (!x->text != !y->text)
		return x->text ? -1 : 1;
	if (x->wait_ns != y->wait_ns)
		return compare_u64(y->wait_ns, x->wait_ns);
	return x->text ? strcmp(x->text, y->text) : 0;
}

int report_group(const struct report *report, struct report_part *parts, size_t nr_parts,
		 enum report_place_style style, struct report_groups *groups)
{
	struct report_part *places = calloc(nr_parts + 1, sizeof(*places));
	size_t *group_of = NULL, nr_places;

	*groups = (struct report_groups){ 0 };
	groups->groups = calloc(MAX_NAMED + 1, sizeof(*groups->groups));
	if (places && groups->groups) {
		nr_places = sum_places(parts, nr_parts, places);
		group_of = name_places(report, places, nr_places, style, groups);
	}
	free(places);
	if (!group_of) {
		report_groups_fini(groups);
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr_parts; i++)
		parts[i].group = group_of[parts[i].group];
	free(group_of);
	qsort(parts, nr_parts, sizeof(*parts), by_group_and_thread);
	sum_groups(groups, parts, nr_parts);
	qsort(groups->groups, groups->nr, sizeof(*groups->groups), by_group_size);
	return 0;
}

void report_groups_fini(struct report_groups *groups)
{
	for (size_t i = 0; groups->groups && i < groups->nr; i++)
		free(groups->groups[i].text);
	free(groups->groups);
	*groups = (struct report_groups){ 0 };
}
