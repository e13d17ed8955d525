/* SPDX-License-Identifier: MIT */
/*
 * samples.c: all waiting for locks as stacks with a weight
 *
 * By waiter each wait has the stack of the call that blocked; by holder it is cut along the holds
 * that it waited for. What has no stack (hand-off, or statistics without events) is a sample
 * with a note in its place, so that the weights always sum up to the report's total.
 */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../utf8.h"

struct gather {
	const struct export *e;
	struct places *places;
	struct export_sample *samples;
	size_t nr, capacity;
	uint64_t *waits, *wait_ns; /* by lock: gathered so far */
	bool *has_stacks;	   /* by lock: its waits were recorded one by one */
	int err;
};

const char *const export_note_words[EXPORT_NOTES] = {
	[EXPORT_NOTE_NONE] = "",
	[EXPORT_NOTE_NOBODY] = "[nobody held it: hand-off, wake-up]",
	[EXPORT_NOTE_FOLDED] = "[recorded as statistics: not known]",
};

static void add(struct gather *g, const struct export_sample *sample)
{
	if (g->nr == g->capacity) {
		size_t capacity = g->capacity ? g->capacity * 2 : 256;
		struct export_sample *samples = realloc(g->samples, capacity * sizeof(*samples));

		if (!samples) {
			g->err = -ENOMEM;
			return;
		}
		g->samples = samples;
		g->capacity = capacity;
	}
	g->samples[g->nr++] = *sample;
	g->waits[sample->lock] += sample->waits;
	g->wait_ns[sample->lock] += sample->wait_ns;
}

static void add_note(struct gather *g, uint32_t lock, enum export_note note, uint64_t waits,
		     uint64_t wait_ns)
{
	if (waits || wait_ns)
		add(g, &(struct export_sample){ .lock = lock,
						.thread = UINT32_MAX,
						.phase = UINT32_MAX,
						.note = note,
						.waits = waits,
						.wait_ns = wait_ns });
}

static bool contends(const struct gather *g, uint32_t lock)
{
	return report_lock_contends(&g->e->report->model->locks[lock]);
}

static uint64_t rest(uint64_t whole, uint64_t part)
{
	return whole > part ? whole - part : 0;
}

/* ---- by waiter ---- */

static void add_wait(struct gather *g, const struct wait_stack *wait)
{
	const struct model *model = g->e->report->model;
	struct report_part part = { 0 };
	struct export_sample sample = { .lock = wait->lock,
					.thread = wait->thread,
					.phase = wait->phase,
					.waits = wait->waits,
					.wait_ns = wait->wait_ns };

	report_node_place(model->locks[wait->lock].process, wait->node, wait->site, &part);
	sample.stack = places_stack(g->places, part.process, wait->stack ? wait->stack : part.stack,
				    part.site);
	add(g, &sample);
}

static void take_wait(struct gather *g, const struct wait_stack *wait)
{
	g->has_stacks[wait->lock] = true;
	if (contends(g, wait->lock))
		add_wait(g, wait);
}

/* Then it is in phase_waits, phase by phase. */
static bool knows_phases(const struct model *model, const struct wait_stack *wait)
{
	return reader_nr_phases(model->locks[wait->lock].process->reader) > 0;
}

/* Statistics know the place that asked, though not the stack at the time: as good a sample. */
static void add_site(struct gather *g, const struct site *site)
{
	struct export_sample sample = { .lock = site->lock,
					.thread = UINT32_MAX,
					.phase = UINT32_MAX,
					.waits = report_waits(&site->all),
					.wait_ns = site->all.wait_ns };

	if (!sample.waits)
		return;
	sample.stack = places_stack(g->places, site->process, site->stack, site->address);
	add(g, &sample);
}

static void gather_waits(struct gather *g)
{
	const struct model *model = g->e->report->model;

	for (size_t i = 0; i < model->nr_wait_stacks && !g->err; i++)
		if (!knows_phases(model, &model->wait_stacks[i]))
			take_wait(g, &model->wait_stacks[i]);
	for (size_t i = 0; i < model->nr_phase_waits && !g->err; i++)
		take_wait(g, &model->phase_waits[i]);
	/* Of waits partly recorded as statistics, sites cannot tell which part. */
	for (size_t i = 0; i < model->nr_sites && !g->err; i++)
		if (contends(g, model->sites[i].lock) && !g->has_stacks[model->sites[i].lock])
			add_site(g, &model->sites[i]);
	for (uint32_t i = 0; i < model->nr_locks && !g->err; i++)
		if (contends(g, i))
			add_note(g, i, EXPORT_NOTE_FOLDED,
				 rest(report_waits(&model->locks[i].all), g->waits[i]),
				 rest(model->locks[i].all.wait_ns, g->wait_ns[i]));
}

/* ---- by holder ---- */

static void add_blames(struct gather *g, struct report_part *parts, size_t nr, uint32_t lock)
{
	uint32_t end;

	report_adopt_releases(parts, nr);
	for (size_t i = 0; i < nr && !g->err; i++)
		add(g, &(struct export_sample){ .lock = lock,
						.thread = parts[i].thread,
						.phase = UINT32_MAX,
						.stack = places_part(g->places, &parts[i], &end),
						.waits = parts[i].waits,
						.wait_ns = parts[i].wait_ns });
}

static void gather_blames(struct gather *g)
{
	const struct model *model = g->e->report->model;
	struct report_part *parts = calloc(model->nr_blames + 1, sizeof(*parts));

	if (!parts)
		g->err = -ENOMEM;
	for (size_t i = 0; i < model->nr_blames && !g->err;) {
		uint32_t lock = model->blames[i].lock;
		size_t nr = 0;

		for (; i + nr < model->nr_blames && model->blames[i + nr].lock == lock; nr++) {
			parts[nr] = (struct report_part){ 0 };
			report_blame_part(model, &model->blames[i + nr], &parts[nr]);
		}
		if (contends(g, lock))
			add_blames(g, parts, nr, lock);
		i += nr;
	}
	free(parts);
	for (uint32_t i = 0; i < model->nr_locks && !g->err; i++) {
		const struct lock *lock = &model->locks[i];

		if (!contends(g, i))
			continue;
		add_note(g, i, EXPORT_NOTE_NOBODY, 0,
			 rest(rest(lock->all.wait_ns, lock->folded_wait_ns), g->wait_ns[i]));
		add_note(g, i, EXPORT_NOTE_FOLDED, 0, rest(lock->all.wait_ns, g->wait_ns[i]));
	}
}

/* ---- alike ones added up ---- */

static int compare_names(const void *a, const void *b, void *model)
{
	const struct thread *threads = ((const struct model *)model)->threads;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int order = strcmp(threads[x].name, threads[y].name);

	return order ? order : (x > y) - (x < y);
}

/* By thread: the first one of the same name. To be freed; NULL: out of memory. */
static uint32_t *find_namesakes(const struct model *model)
{
	uint32_t *sorted = calloc(model->nr_threads + 1, sizeof(*sorted));
	uint32_t *first = calloc(model->nr_threads + 1, sizeof(*first));

	if (!sorted || !first) {
		free(sorted);
		free(first);
		return NULL;
	}
	for (uint32_t i = 0; i < model->nr_threads; i++)
		sorted[i] = i;
	qsort_r(sorted, model->nr_threads, sizeof(*sorted), compare_names, (void *)model);
	for (size_t i = 0; i < model->nr_threads; i++) {
		bool is_same = i && strcmp(model->threads[sorted[i]].name,
					   model->threads[sorted[i - 1]].name) == 0;

		first[sorted[i]] = is_same ? first[sorted[i - 1]] : sorted[i];
	}
	free(sorted);
	return first;
}

/* Makes equal in `samples` what the grain does not tell apart. */
static int coarsen(struct gather *g, enum export_grain grain)
{
	const struct model *model = g->e->report->model;
	uint32_t *namesakes = find_namesakes(model);
	uint32_t *first = malloc((model->nr_classes + 1) * sizeof(*first));

	if (!namesakes || !first) {
		free(namesakes);
		free(first);
		return -ENOMEM;
	}
	memset(first, 0xff, (model->nr_classes + 1) * sizeof(*first));
	for (size_t i = 0; i < g->nr && grain != EXPORT_BY_THREAD; i++)
		g->samples[i].phase = UINT32_MAX;
	for (size_t i = 0; i < g->nr && grain != EXPORT_BY_LOCK; i++) {
		struct export_sample *sample = &g->samples[i];
		uint32_t *lock = &first[model->locks[sample->lock].class];

		if (*lock == UINT32_MAX)
			*lock = sample->lock;
		sample->lock = *lock;
		if (grain == EXPORT_BY_CLASS)
			sample->thread = UINT32_MAX;
		else if (sample->thread < model->nr_threads)
			sample->thread = namesakes[sample->thread];
	}
	free(namesakes);
	free(first);
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const struct export_sample *x = a, *y = b;

	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->phase != y->phase)
		return x->phase < y->phase ? -1 : 1;
	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	return (x->note > y->note) - (x->note < y->note);
}

static int compare_weights(const void *a, const void *b)
{
	const struct export_sample *x = a, *y = b;

	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	if (x->wait_ns != y->wait_ns)
		return x->wait_ns > y->wait_ns ? -1 : 1;
	return compare_keys(a, b);
}

static void add_up(struct gather *g)
{
	size_t nr = 0;

	if (!g->nr)
		return;
	qsort(g->samples, g->nr, sizeof(*g->samples), compare_keys);
	for (size_t i = 1; i < g->nr; i++) {
		if (compare_keys(&g->samples[nr], &g->samples[i]) == 0) {
			g->samples[nr].waits += g->samples[i].waits;
			g->samples[nr].wait_ns += g->samples[i].wait_ns;
		} else {
			g->samples[++nr] = g->samples[i];
		}
	}
	g->nr = nr + 1;
	qsort(g->samples, g->nr, sizeof(*g->samples), compare_weights);
}

int export_samples(const struct export *e, struct places *places, enum export_grain grain,
		   struct export_sample **samples, size_t *nr)
{
	size_t nr_locks = e->report->model->nr_locks;
	struct gather g = { .e = e, .places = places };

	g.waits = calloc(nr_locks + 1, sizeof(*g.waits));
	g.wait_ns = calloc(nr_locks + 1, sizeof(*g.wait_ns));
	g.has_stacks = calloc(nr_locks + 1, sizeof(*g.has_stacks));
	if (!g.waits || !g.wait_ns || !g.has_stacks)
		g.err = -ENOMEM;
	else if (e->attribute == EXPORT_WAITER)
		gather_waits(&g);
	else
		gather_blames(&g);
	free(g.waits);
	free(g.wait_ns);
	free(g.has_stacks);
	if (!g.err)
		g.err = coarsen(&g, grain);
	if (g.err) {
		free(g.samples);
		return g.err;
	}
	add_up(&g);
	*samples = g.samples;
	*nr = g.nr;
	return 0;
}

uint32_t export_stack(struct places *places, const struct model *model, const struct interval *i)
{
	const struct process *process = model->threads[i->thread].process;
	const struct trace_node *node = reader_node(process->reader, i->node);
	struct report_part part = { 0 };

	if (!node && !i->stack)
		return 0;
	report_node_place(process, i->node, node ? node->site : 0, &part);
	return places_stack(places, process, i->stack ? i->stack : part.stack, part.site);
}

/* ---- names ---- */

const char *export_frame_name(const struct frame *frame, char buf[EXPORT_NAME])
{
	if (frame->function)
		return frame->function;
	snprintf(buf, EXPORT_NAME, "%s+0x%llx", report_base_name(frame->module),
		 (unsigned long long)frame->offset);
	return buf;
}

const char *export_lock_name(const struct export *e, uint32_t lock)
{
	const struct model *model = e->report->model;

	return model->classes[model->locks[lock].class].label;
}

const char *export_thread_name(const struct export *e, uint32_t thread)
{
	const struct model *model = e->report->model;

	return thread < model->nr_threads ? model->threads[thread].name : "";
}

char *export_escape(const char *text)
{
	size_t size = output_escape(NULL, 0, text) + 1;
	char *escaped = malloc(size);

	if (escaped)
		output_escape(escaped, size, text);
	return escaped;
}

char *export_utf8(const char *text)
{
	size_t left = strlen(text), nr = 0;
	char *valid = malloc(3 * left + 1);

	while (valid && left > 0) {
		uint32_t code;
		size_t length = utf8_decode(text, left, &code), step = length ? length : 1;

		memcpy(valid + nr, length ? text : "\xef\xbf\xbd", length ? length : 3);
		nr += length ? length : 3;
		text += step;
		left -= step;
	}
	if (valid)
		valid[nr] = '\0';
	return valid;
}
