/* SPDX-License-Identifier: MIT */
/*
 * places.c: which code a lock's holds and waits come from
 *
 * A place is a chain of function names, so that it is the same one in the next build, where lines
 * have moved. Its file and line are kept beside it, to point at. Asking for symbols is what costs:
 * only the places with most time of each lock get names.
 */
#include "diff.h"

#include "../report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAMED    64 /* of one lock, holders and waiters each */
#define PLACE_FRAMES 2	/* deeper ones are only those of the first acquisition there */

/* Frames at which a program or thread begins say nothing. */
static bool is_bottom(const struct frame *frame)
{
	static const char *const names[] = { "start_thread",
					     "clone",
					     "clone3",
					     "__clone3",
					     "_start",
					     "__libc_start_main",
					     "__libc_start_main_impl",
					     "__libc_start_call_main" };

	for (size_t i = 0; frame->function && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(frame->function, names[i]) == 0)
			return true;
	return false;
}

static char *chain_text(const struct frame *frames, size_t nr)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < nr; i++) {
		if (i > 0 && (is_bottom(&frames[i]) || !frames[i].function))
			break;
		fprintf(out, "%s%s", i ? " < " : "",
			frames[i].function ? frames[i].function
					   : report_base_name(frames[i].module));
	}
	if (nr == 0)
		fputs("an unknown place", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* Takes the text over. */
static struct place *find_place(struct run_lock *lock, char *text, const struct frame *frame)
{
	struct place *places, *place;

	for (size_t i = 0; i < lock->nr_places; i++) {
		if (strcmp(lock->places[i].text, text) == 0) {
			free(text);
			return &lock->places[i];
		}
	}
	places = realloc(lock->places, (lock->nr_places + 1) * sizeof(*places));
	if (!places) {
		free(text);
		return NULL;
	}
	lock->places = places;
	place = &places[lock->nr_places++];
	*place = (struct place){ .text = text, .line = frame->line };
	place->file = frame->file ? strdup(frame->file) : NULL;
	place->function = frame->function ? strdup(frame->function) : NULL;
	if ((frame->file && !place->file) || (frame->function && !place->function))
		return NULL;
	return place;
}

/* The place of a stack of a process, or of its site; NULL: out of memory. */
static struct place *place_of(struct run_lock *lock, const struct process *process, uint32_t stack,
			      uint64_t site)
{
	struct frame frames[PLACE_FRAMES] = { { 0 } };
	size_t nr = model_frames(process, stack, site, false, frames, PLACE_FRAMES);
	char *text = chain_text(frames, nr);

	return text ? find_place(lock, text, &frames[0]) : NULL;
}

/* A row of the model that holds or delays one of the run's locks. */
struct candidate {
	uint32_t lock; /* index in run.locks */
	uint32_t row;
	uint64_t ns;
};

/* By lock, those with most time first. */
static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->lock != y->lock)
		return x->lock < y->lock ? -1 : 1;
	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return (x->row > y->row) - (x->row < y->row);
}

static int put_hold(struct run_lock *lock, const struct model *model, uint32_t row)
{
	const struct site *site = &model->sites[row];
	struct place *place = place_of(lock, site->process, site->stack, site->address);

	if (!place)
		return -ENOMEM;
	place->acquired += (double)site->all.acquired;
	place->demand_ns +=
		(double)site->all.acquired * (double)histogram_percentile_ns(site->all.hold, 0.5);
	return 0;
}

static int put_blame(struct run_lock *lock, const struct model *model, uint32_t row)
{
	struct report_part part;
	struct place *place;

	report_blame_part(model, &model->blames[row], &part);
	place = place_of(lock, part.process, part.stack, part.site);
	if (!place)
		return -ENOMEM;
	place->blamed_ns += (double)model->blames[row].wait_ns;
	return 0;
}

/* The first candidates of each lock. */
static int put_all(struct run *run, const struct model *model, struct candidate *all, size_t nr,
		   int (*put)(struct run_lock *, const struct model *, uint32_t row))
{
	int err = 0;

	qsort(all, nr, sizeof(*all), compare_candidates);
	for (size_t i = 0, begin = 0; i < nr && !err; i++) {
		if (all[i].lock != all[begin].lock)
			begin = i;
		if (i - begin < MAX_NAMED)
			err = put(&run->locks[all[i].lock], model, all[i].row);
	}
	return err;
}

static void add_candidate(struct candidate *all, size_t *nr, uint32_t lock, uint32_t row,
			  uint64_t ns)
{
	if (lock != PLACES_NO_LOCK)
		all[(*nr)++] = (struct candidate){ lock, row, ns };
}

int places_find(struct run *run, const struct model *model, const uint32_t *lock_of_class)
{
	size_t most = model->nr_sites > model->nr_blames ? model->nr_sites : model->nr_blames;
	struct candidate *all = calloc(most + 1, sizeof(*all));
	size_t nr = 0;
	int err;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < model->nr_sites; i++) {
		const struct site *site = &model->sites[i];

		add_candidate(all, &nr, lock_of_class[model->locks[site->lock].class], i,
			      site->all.hold_ns);
	}
	err = put_all(run, model, all, nr, put_hold);
	nr = 0;
	for (uint32_t i = 0; i < model->nr_blames; i++) {
		const struct blame *blame = &model->blames[i];

		add_candidate(all, &nr, lock_of_class[model->locks[blame->lock].class], i,
			      blame->wait_ns);
	}
	err = err ? err : put_all(run, model, all, nr, put_blame);
	free(all);
	return err;
}

void places_fini(struct run_lock *lock)
{
	for (size_t i = 0; i < lock->nr_places; i++) {
		free(lock->places[i].text);
		free(lock->places[i].file);
		free(lock->places[i].function);
	}
	free(lock->places);
}
