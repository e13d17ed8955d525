/* SPDX-License-Identifier: MIT */
/*
 * counters.c: sums, maxima and histograms, and how they add up
 *
 * A histogram keeps only the octaves that occur: most locks live in three to six of them, and
 * there may be a hundred thousand locks. It counts in ticks of its first source; another source's
 * buckets are moved over by their middle when its clock differs by more than a thousandth.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"

struct octave {
	unsigned int number;
	uint64_t count[HIST_PARTS];
};

struct histogram {
	double ns_per_tick;
	uint64_t count;
	uint64_t max_ns; /* no percentile is above it */
	size_t nr;
	struct octave *octaves; /* ascending */
};

static struct octave *octave_get(struct histogram *h, unsigned int number)
{
	struct octave *octaves;
	size_t i = 0;

	while (i < h->nr && h->octaves[i].number < number)
		i++;
	if (i < h->nr && h->octaves[i].number == number)
		return &h->octaves[i];
	octaves = realloc(h->octaves, (h->nr + 1) * sizeof(*octaves));
	if (!octaves)
		return NULL;
	h->octaves = octaves;
	memmove(&octaves[i + 1], &octaves[i], (h->nr++ - i) * sizeof(*octaves));
	octaves[i] = (struct octave){ .number = number };
	return &octaves[i];
}

static int histogram_rescale(struct histogram *h, double factor, unsigned int octave,
			     const uint64_t count[HIST_PARTS])
{
	for (unsigned int part = 0; part < HIST_PARTS; part++) {
		double middle = (double)hist_low(octave, part) + (double)hist_width(octave) / 2;
		double value = middle * factor;
		struct hist_place at = hist_place(value < 1e18 ? (uint64_t)value : (uint64_t)1e18);
		struct octave *to = count[part] ? octave_get(h, at.octave) : NULL;

		if (count[part] && !to)
			return -ENOMEM;
		if (to)
			to->count[at.part] += count[part];
		h->count += count[part];
	}
	return 0;
}

int histogram_put(struct histogram **histogram, double ns_per_tick, unsigned int octave,
		  const uint64_t count[HIST_PARTS])
{
	struct histogram *h = *histogram;
	struct octave *to;
	double factor;

	if (!h) {
		h = *histogram = calloc(1, sizeof(*h));
		if (!h)
			return -ENOMEM;
		h->ns_per_tick = ns_per_tick;
	}
	factor = ns_per_tick / h->ns_per_tick;
	if (factor < 0.999 || factor > 1.001)
		return histogram_rescale(h, factor, octave, count);
	to = octave_get(h, octave);
	if (!to)
		return -ENOMEM;
	for (unsigned int part = 0; part < HIST_PARTS; part++) {
		to->count[part] += count[part];
		h->count += count[part];
	}
	return 0;
}

void histogram_limit(struct histogram *histogram, uint64_t max_ns)
{
	if (histogram && histogram->max_ns < max_ns)
		histogram->max_ns = max_ns;
}

static int histogram_add(struct histogram **a, const struct histogram *b)
{
	int err = 0;

	for (size_t i = 0; b && !err && i < b->nr; i++)
		err = histogram_put(a, b->ns_per_tick, b->octaves[i].number, b->octaves[i].count);
	if (b)
		histogram_limit(*a, b->max_ns);
	return err;
}

static void histogram_free(struct histogram *h)
{
	if (h)
		free(h->octaves);
	free(h);
}

uint64_t histogram_count(const struct histogram *h)
{
	return h ? h->count : 0;
}

uint64_t histogram_percentile_ns(const struct histogram *h, double p)
{
	double rank, before = 0;

	if (!h || !h->count)
		return 0;
	rank = (p < 0 ? 0 : p > 1 ? 1 : p) * (double)h->count;
	for (size_t i = 0; i < h->nr; i++) {
		const struct octave *o = &h->octaves[i];

		for (unsigned int part = 0; part < HIST_PARTS; part++) {
			double count = (double)o->count[part], ns;

			if (!o->count[part] || before + count < rank) {
				before += count;
				continue;
			}
			ns = ((double)hist_low(o->number, part) +
			      (double)(hist_width(o->number) - 1) * (rank - before) / count) *
				     h->ns_per_tick +
			     0.5;
			return ns < (double)h->max_ns ? (uint64_t)ns : h->max_ns;
		}
	}
	return h->max_ns;
}

bool histogram_next(const struct histogram *h, size_t *at, uint64_t *low_ns, uint64_t *high_ns,
		    uint64_t *count)
{
	for (; h && *at < h->nr * HIST_PARTS; ++*at) {
		const struct octave *o = &h->octaves[*at / HIST_PARTS];
		unsigned int part = *at % HIST_PARTS;
		double low = (double)hist_low(o->number, part);

		if (!o->count[part])
			continue;
		*low_ns = (uint64_t)(low * h->ns_per_tick + 0.5);
		*high_ns = (uint64_t)((low + (double)hist_width(o->number)) * h->ns_per_tick + 0.5);
		*count = o->count[part];
		++*at;
		return true;
	}
	return false;
}

static void keep_max(uint64_t *a, uint64_t b)
{
	if (*a < b)
		*a = b;
}

int counters_add(struct counters *a, const struct counters *b)
{
	int err;

	a->acquired += b->acquired;
	a->contended += b->contended;
	a->wait_ns += b->wait_ns;
	a->held += b->held;
	a->left += b->left;
	a->hold_ns += b->hold_ns;
	a->try_failures += b->try_failures;
	a->timeouts += b->timeouts;
	a->relocks += b->relocks;
	a->wait_failures += b->wait_failures;
	a->wakes += b->wakes;
	a->foreign_releases += b->foreign_releases;
	keep_max(&a->wait_max_ns, b->wait_max_ns);
	keep_max(&a->hold_max_ns, b->hold_max_ns);
	err = histogram_add(&a->hold, b->hold);
	return err ? err : histogram_add(&a->wait, b->wait);
}

void counters_fini(struct counters *c)
{
	histogram_free(c->hold);
	histogram_free(c->wait);
	c->hold = c->wait = NULL;
}
