/* SPDX-License-Identifier: MIT */
/* fold.c: see fold.h */
#include <stdbool.h>
#include <string.h>

#include "fold.h"

void fold_init(struct fold *fold, struct arena *arena, uint32_t thread)
{
	*fold = (struct fold){ .arena = arena, .thread = thread };
}

void fold_fini(struct fold *fold)
{
	if (fold->table)
		fold->arena->unpages(fold->table, fold->size * sizeof(*fold->table));
	fold->table = NULL;
	fold->size = fold->used = 0;
}

/* The entry of the node, or the free one where it belongs. */
static struct fold_entry *fold_entry(const struct fold *fold, uint32_t node)
{
	uint32_t mask = fold->size - 1;
	uint32_t i = fold_slot(fold, node);

	while (fold->table[i].node && fold->table[i].node != node)
		i = (i + 1) & mask;
	return &fold->table[i];
}

static bool fold_grow(struct fold *fold)
{
	struct fold old = *fold;
	uint32_t size = old.size ? old.size * 2 : 128;
	struct fold_entry *table = fold->arena->pages(size * sizeof(*table));

	if (!table)
		return false;
	fold->table = table;
	fold->size = size;
	for (uint32_t i = 0; i < old.size; i++)
		if (old.table[i].node)
			*fold_entry(fold, old.table[i].node) = old.table[i];
	fold_fini(&old);
	return true;
}

static struct trace_stat *stat_new(struct fold *fold, uint32_t node, uint32_t *place)
{
	struct arena *arena = fold->arena;
	struct trace_stat *stat = arena->alloc(arena, sizeof(*stat), place);

	if (!stat)
		return NULL;
	stat->record.id = *place;
	stat->thread = fold->thread;
	stat->node = node;
	arena->commit(stat, TRACE_REC_STAT, sizeof(*stat));
	return stat;
}

struct trace_stat *fold_stat(struct fold *fold, uint32_t node)
{
	struct fold_entry *entry;
	struct trace_stat *stat;
	uint32_t place;

	if (fold->size) {
		entry = fold_entry(fold, node);
		if (entry->node)
			return arena_at(fold->arena, entry->stat);
	}
	if (fold->used * 4 >= fold->size * 3 && !fold_grow(fold))
		return NULL;
	stat = stat_new(fold, node, &place);
	if (!stat)
		return NULL;
	*fold_entry(fold, node) = (struct fold_entry){ .node = node, .stat = place };
	fold->used++;
	return stat;
}

static struct trace_hist *hist_new(struct fold *fold, struct trace_stat *stat,
				   enum trace_hist_what what, unsigned int octave)
{
	struct arena *arena = fold->arena;
	uint32_t place;
	struct trace_hist *hist = arena->alloc(arena, sizeof(*hist), &place);

	if (!hist)
		return NULL;
	hist->record.id = place;
	hist->stat = stat->record.id;
	hist->next = stat->histograms;
	hist->what = (uint16_t)what;
	hist->octave = (uint16_t)octave;
	arena->commit(hist, TRACE_REC_HIST, sizeof(*hist));
	stat->histograms = place;
	return hist;
}

uint32_t fold_histogram(struct fold *fold, struct trace_stat *stat, enum trace_hist_what what,
			uint64_t v)
{
	struct hist_place at = hist_place(v);
	uint32_t place = stat->histograms;
	struct trace_hist *hist = NULL;

	while (place) {
		hist = arena_at(fold->arena, place);
		if (hist->octave == at.octave && hist->what == what)
			break;
		place = hist->next;
	}
	if (!place)
		hist = hist_new(fold, stat, what, at.octave);
	if (!hist)
		return 0;
	hist->count[at.part]++;
	return hist->record.id;
}

/* Returns the place of the histogram. */
static uint32_t stat_hold(struct fold *fold, struct trace_stat *stat, uint64_t hold)
{
	uint32_t place = fold_histogram(fold, stat, TRACE_HIST_HOLD, hold);

	fold->lost += !place;
	stat->held++;
	stat->hold_ticks += hold;
	if (hold > stat->hold_max_ticks)
		stat->hold_max_ticks = hold;
	return place;
}

static void stat_wait(struct fold *fold, struct trace_stat *stat, uint64_t wait)
{
	stat->wait_ticks += wait;
	if (wait > stat->wait_max_ticks)
		stat->wait_max_ticks = wait;
	fold->lost += !fold_histogram(fold, stat, TRACE_HIST_WAIT, wait);
}

static void stat_acquisition(struct fold *fold, struct trace_stat *stat,
			     const struct trace_event *e)
{
	uint64_t flags = e->value[ACQ_FLAGS];

	stat->acquired++;
	if (!(flags & TRACE_ACQ_NO_HOLD)) {
		stat_hold(fold, stat, e->value[ACQ_HOLD]);
		stat->left += !!(flags & TRACE_ACQ_LEFT);
	}
	if (flags & TRACE_ACQ_WAITED) {
		stat->contended++;
		stat_wait(fold, stat, e->value[ACQ_WAIT]);
	}
}

/* A wait that ended without the lock, or a wait for something else than a lock. */
static void stat_waited(struct fold *fold, struct trace_stat *stat, uint64_t waited, uint64_t error)
{
	enum { TIMED_OUT = 110 }; /* ETIMEDOUT on Linux, wherever this is compiled */

	stat_wait(fold, stat, waited);
	stat->timeouts += error == TIMED_OUT;
	stat->wait_failures += error && error != TIMED_OUT;
}

static void stat_rare(struct fold *fold, struct trace_stat *stat, const struct trace_event *e)
{
	switch (e->type) {
	case TRACE_EV_ACQUISITION:
		stat_acquisition(fold, stat, e);
		break;
	case TRACE_EV_WAIT_END:
		stat_waited(fold, stat, e->value[0], e->value[1]);
		break;
	case TRACE_EV_TRY_FAIL:
		stat->try_failures++;
		break;
	case TRACE_EV_RELOCK:
		stat->relocks++;
		break;
	case TRACE_EV_FUTEX_WAKE:
	case TRACE_EV_FOREIGN:
	case TRACE_EV_POST:
	case TRACE_EV_SIGNAL:
		stat->acquired++;
		break;
	case TRACE_EV_WORK:
		stat->acquired += e->value[0];
		break;
	case TRACE_EV_COND_WAIT:
	case TRACE_EV_FUTEX_WAIT:
		stat->acquired++;
		stat_waited(fold, stat, e->value[0], e->value[1]);
		break;
	case TRACE_EV_ONCE:
		stat->contended += e->value[0] != 0;
		/* fall through */
	case TRACE_EV_BARRIER:
		stat->acquired++;
		stat_waited(fold, stat, e->value[0], 0);
		break;
	default:
		break;
	}
}

static bool concerns_node(uint32_t type)
{
	return (type < TRACE_EV_CREATE && type != TRACE_EV_WAIT_BEGIN) || type == TRACE_EV_WORK;
}

/* Only a damaged trace says otherwise. */
static bool is_node(uint64_t arg)
{
	return arg && arg <= UINT32_MAX;
}

void fold_plain_new(struct fold *fold, uint32_t node, uint64_t hold)
{
	struct trace_stat *stat = fold_stat(fold, node);
	struct fold_entry *entry;

	if (!stat) {
		fold->lost++;
		return;
	}
	entry = fold_entry(fold, node);
	stat->acquired++;
	entry->recent[hist_place(hold).octave % FOLD_RECENT] = stat_hold(fold, stat, hold);
}

void fold_event(struct fold *fold, const struct trace_event *event)
{
	struct trace_stat *stat;

	if (!concerns_node(event->type))
		return;
	if (!is_node(event->arg)) {
		fold->lost++;
		return;
	}
	if (event->type == TRACE_EV_PLAIN) {
		fold_plain(fold, (uint32_t)event->arg, event->value[ACQ_HOLD]);
		return;
	}
	stat = fold_stat(fold, (uint32_t)event->arg);
	if (stat)
		stat_rare(fold, stat, event);
	else
		fold->lost++;
}

size_t fold_events(struct fold *fold, const unsigned char *p, const unsigned char *end,
		   uint64_t *ticks, void (*done)(void *ctx, size_t bytes, const struct trace_event *event),
		   void *ctx)
{
	const unsigned char *begin = p, *next;
	struct trace_event e = { .ticks = *ticks };

	while (p < end && (next = event_get(p, end, &e))) {
		p = next;
		*ticks = e.ticks;
		if (done)
			done(ctx, (size_t)(p - begin), &e);
		fold_event(fold, &e);
	}
	return (size_t)(p - begin);
}
