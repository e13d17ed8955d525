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

static int by_hold(const void *a, const void *b)
{
	uint64_t x = (*(const struct site *const *)a)->all.hold_ns;
	uint64_t y = (*(const struct site *const *)b)->all.hold_ns;

	return (x < y) - (x > y);
}

static int by_blame(const void *a, const void *b)
{
	uint64_t x = (*(const struct blame *const *)a)->wait_ns;
	uint64_t y = (*(const struct blame *const *)b)->wait_ns;

	return (x < y) - (x > y);
}

static int find_holds(struct run_lock *lock, const struct model *model, const bool *of_class)
{
	const struct site **sites = calloc(model->nr_sites + 1, sizeof(*sites));
	size_t nr = 0;
	int err = sites ? 0 : -ENOMEM;

	for (size_t i = 0; sites && i < model->nr_sites; i++)
		if (of_class[model->locks[model->sites[i].lock].class])
			sites[nr++] = &model->sites[i];
	if (sites)
		qsort(sites, nr, sizeof(*sites), by_hold);
	for (size_t i = 0; i < nr && i < MAX_NAMED && !err; i++) {
		struct place *place =
			place_of(lock, sites[i]->process, sites[i]->stack, sites[i]->address);

		if (!place) {
			err = -ENOMEM;
			break;
		}
		place->acquired += (double)sites[i]->all.acquired;
		place->demand_ns += (double)sites[i]->all.acquired *
				    (double)histogram_percentile_ns(sites[i]->all.hold, 0.5);
	}
	free(sites);
	return err;
}

static int find_blames(struct run_lock *lock, const struct model *model, const bool *of_class)
{
	const struct blame **blames = calloc(model->nr_blames + 1, sizeof(*blames));
	size_t nr = 0;
	int err = blames ? 0 : -ENOMEM;

	for (size_t i = 0; blames && i < model->nr_blames; i++)
		if (of_class[model->locks[model->blames[i].lock].class])
			blames[nr++] = &model->blames[i];
	if (blames)
		qsort(blames, nr, sizeof(*blames), by_blame);
	for (size_t i = 0; i < nr && i < MAX_NAMED && !err; i++) {
		struct report_part part;
		struct place *place;

		report_blame_part(model, blames[i], &part);
		place = place_of(lock, part.process, part.stack, part.site);
		err = place ? 0 : -ENOMEM;
		if (place)
			place->blamed_ns += (double)blames[i]->wait_ns;
	}
	free(blames);
	return err;
}

int places_find(struct run_lock *lock, const struct model *model, const bool *of_class)
{
	int err = find_holds(lock, model, of_class);

	return err ? err : find_blames(lock, model, of_class);
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
