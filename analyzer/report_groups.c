/* SPDX-License-Identifier: MIT */
/*
 * The shares of a wait added up by places that read alike.
 *
 * A lock can have many thousands of (stack, thread) pairs, and asking for symbols is what costs.
 * So pairs are first added up by their numbers, only the largest places get a text, places of
 * the same text are one, and what is left is one group without text. Sums are exact throughout.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NAMED 64 /* places of one lock that get a text */

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* With a stack the site says nothing more. */
static int compare_acquisition(const struct report_part *a, const struct report_part *b)
{
	int order = compare_u64(a->process->number, b->process->number);

	if (!order)
		order = compare_u64(a->stack, b->stack);
	return order || a->stack ? order : compare_u64(a->site, b->site);
}

static int compare_place(const struct report_part *a, const struct report_part *b)
{
	int order = compare_acquisition(a, b);

	return order ? order : compare_u64(a->release_stack, b->release_stack);
}

static int by_acquirer(const void *a, const void *b)
{
	const struct report_part *x = a, *y = b;
	int order = compare_acquisition(x, y);

	if (!order)
		order = compare_u64(x->thread, y->thread);
	return order ? order : compare_u64(x->release_stack, y->release_stack);
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

/* The release stack behind most of the waiting, among parts that are sorted by it. */
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

/* The one release stack that there is; 0: none, or several. */
static uint32_t only_release(const struct report_part *parts, size_t nr)
{
	uint32_t only = 0;

	for (size_t i = 0; i < nr; i++) {
		if (only && parts[i].release_stack && parts[i].release_stack != only)
			return 0;
		if (parts[i].release_stack)
			only = parts[i].release_stack;
	}
	return only;
}

static size_t same_acquisition(const struct report_part *parts, size_t nr, bool by_thread)
{
	size_t i = 1;

	while (i < nr && compare_acquisition(&parts[0], &parts[i]) == 0 &&
	       (!by_thread || parts[0].thread == parts[i].thread))
		i++;
	return i;
}

void report_adopt_releases(struct report_part *parts, size_t nr)
{
	uint32_t only = 0;

	qsort(parts, nr, sizeof(*parts), by_acquirer);
	for (size_t begin = 0, end, place_end = 0; begin < nr; begin = end) {
		uint32_t release;

		if (begin == place_end) {
			place_end = begin + same_acquisition(parts + begin, nr - begin, false);
			only = only_release(parts + begin, place_end - begin);
		}
		end = begin + same_acquisition(parts + begin, nr - begin, true);
		release = main_release(parts + begin, end - begin);
		for (size_t i = begin; i < end; i++)
			if (!parts[i].release_stack)
				parts[i].release_stack = release ? release : only;
	}
}

/* Distinct places with their sums; `group` links each to its parts. */
static size_t sum_places(struct report_part *parts, size_t nr, struct report_part *places)
{
	size_t nr_places = 0;

	report_adopt_releases(parts, nr);
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
