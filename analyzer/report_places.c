/* SPDX-License-Identifier: MIT */
/*
 * Places in the code, for people: a stack folded to "f (file.c:12) < g (file.c:40)"; and the parts
 * of a lock's waiting, each with its place, that report_groups.c adds up.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FOLDED_FRAMES 3

const char *report_base_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash && slash[1] ? slash + 1 : path ? path : "?";
}

/* The program that all of the report is about, whose name need not be said; else "". */
static const char *only_program(const struct model *model)
{
	const char *program = model->nr_processes ? model->processes[0].exe : "";

	for (size_t i = 1; i < model->nr_processes; i++)
		if (strcmp(program, model->processes[i].exe) != 0)
			return "";
	return program;
}

/* A section that begins and ends in one function is shown as its lines: "f (file.c:12-20)". */
static void put_frame(FILE *out, const struct frame *frame, const char *program, int last_line)
{
	if (!frame->function) {
		fprintf(out, "%s+0x%llx", report_base_name(frame->module),
			(unsigned long long)frame->offset);
		return;
	}
	fputs(frame->function, out);
	if ((!frame->file || frame->line <= 0) && frame->module && !strcmp(frame->module, program))
		return;
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

/* The same without symbols: code of the C or C++ library, and nothing but that from `i` on. */
static bool is_nameless_bottom(const struct frame *frames, size_t i, size_t nr)
{
	for (; i < nr; i++) {
		const char *module = frames[i].module ? report_base_name(frames[i].module) : "";

		if (!is_bottom(&frames[i]) &&
		    (frames[i].function || (strncmp(module, "libc.so", 7) != 0 &&
					    strncmp(module, "libstdc++.so", 12) != 0)))
			return false;
	}
	return true;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_function(const struct frame *a, const struct frame *b)
{
	return a->function && same_text(a->function, b->function) && same_text(a->file, b->file);
}

/* The first frame from `i` on that is a function's own, behind those inlined into it. */
static size_t own_frame(const struct frame *frames, size_t i, size_t nr)
{
	while (i + 1 < nr && frames[i].inlined)
		i++;
	return i;
}

/* The stack's frames; in *user, how many of the locking library stand before the user's own. */
static size_t stack_frames(const struct report *report, const struct report_part *part, bool whole,
			   struct frame *frames, size_t max, size_t *user)
{
	size_t nr = report->frames(part->process, part->stack, part->site, false, frames, max);

	*user = 0;
	if (whole) {
		size_t nr_user = nr;

		nr = report->frames(part->process, part->stack, part->site, true, frames, max);
		*user = nr - nr_user;
	}
	return nr;
}

/*
 * A place stands for all acquisitions made there, and its stack was taken at the first of them:
 * what called it this time is known from the release, if that was in one of the same functions.
 * Else only the function itself is sure. Without symbols there is nothing to compare. Returns how
 * many frames are left.
 */
static size_t callers_of_release(struct frame *frames, size_t user, size_t nr, size_t max,
				 const struct frame *released, size_t nr_released)
{
	size_t own = own_frame(released, 0, nr_released), same = user;

	if (!frames[user].function || !released[own].function)
		return nr;
	while (same < nr && !same_function(&frames[same], &released[own]))
		same++;
	if (same == nr)
		return own_frame(frames, user, nr) + 1;
	nr = same + 1;
	for (size_t i = own + 1; i < nr_released && nr < max; i++)
		frames[nr++] = released[i];
	return nr;
}

size_t report_place_frames(const struct report *report, const struct report_part *part, bool whole,
			   struct frame *frames, size_t max, struct frame *end)
{
	struct frame released[REPORT_FRAMES];
	size_t user, nr_released = 0;
	size_t nr = stack_frames(report, part, whole, frames, max, &user);

	*end = (struct frame){ 0 };
	if (part->release_stack && nr > 0)
		nr_released =
			report->frames(part->process, part->release_stack, 0, false, released, max);
	if (!nr_released)
		return nr;
	*end = released[0];
	return callers_of_release(frames, user, nr, max, released, nr_released);
}

size_t report_site_frames(const struct report *report, const struct report_part *part,
			  struct frame *frames, size_t max)
{
	size_t user, nr = stack_frames(report, part, true, frames, max, &user);

	return nr ? own_frame(frames, user, nr) + 1 : 0;
}

static void put_frames(const struct report *report, const struct report_part *part,
		       enum report_place_style style, FILE *out)
{
	const char *program = only_program(report->model);
	struct frame frames[REPORT_FRAMES], end = { 0 };
	bool whole = report->whole_stacks && style == REPORT_STACK, ends_here;
	size_t nr, max = report->whole_stacks ? REPORT_FRAMES : FOLDED_FRAMES;

	if (style == REPORT_FUNCTION)
		nr = report->frames(part->process, part->stack, part->site, false, frames, 1);
	else
		nr = report_place_frames(report, part, whole, frames, max, &end);
	ends_here = nr && same_function(&frames[0], &end);
	for (size_t i = 0; i < nr; i++) {
		if (i > 0 && !whole &&
		    (is_bottom(&frames[i]) || is_nameless_bottom(frames, i, nr)))
			break;
		fputs(i ? " < " : "", out);
		put_frame(out, &frames[i], program, i == 0 && ends_here ? end.line : 0);
	}
	if (nr == 0)
		fputs("an unknown place", out);
	if (end.module && !ends_here) {
		fputs(", released in ", out);
		put_frame(out, &end, program, 0);
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

void report_blame_part(const struct model *model, const struct blame *blame,
		       struct report_part *part)
{
	report_node_place(model->locks[blame->lock].process, blame->holder_node, blame->holder_site,
			  part);
	part->release_stack = blame->release_stack;
	part->thread = blame->holder;
	part->waits = blame->waits;
	part->wait_ns = blame->wait_ns;
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

		if (report_row_has_lock(report, rows, row, blame->lock))
			report_blame_part(model, blame, &(*parts)[(*nr)++]);
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
