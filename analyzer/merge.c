/* SPDX-License-Identifier: MIT */
/*
 * merge.c: all streams of a trace, decoded once, folded, and merged by time
 *
 * Every event is folded when it is decoded, whatever its time: sums know no order. Only what needs
 * the other threads (waits, and holds of locks that somebody waited for) waits in its stream's
 * queue until no other stream can bring anything earlier. The stream that was decoded least far is
 * always the next to be decoded, 2 KiB at a time, so that the queues stay in the cache however long
 * the trace is.
 *
 * Holds of locks that nobody ever waited for do not take part: most locks of a program are like
 * that, and queueing their events would halve the speed. So their owner changes stay unknown,
 * unless only one thread used them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pass.h"

#define SLICE_BYTES 2048

enum { DECODED, HEAD }; /* what a heap sorts by */

struct stream {
	const struct reader_stream *source;
	size_t chunk;		      /* now */
	const unsigned char *p, *end; /* rest of it */
	uint64_t ticks;		      /* time of the event before p */
	uint64_t latest;	      /* as ticks, but it never goes back */
	uint32_t thread;
	bool is_kept; /* of a flight recorder: its events are in the file's statistics already */
	struct pass_event *queue; /* [head, nr) */
	size_t head, nr, capacity;
	bool queued; /* it is in the heap by HEAD */
	uint64_t key[2];
};

struct heap {
	struct stream **at;
	size_t nr;
	unsigned int by;
};

struct merge {
	struct pass *pass;
	struct stream *streams;
	size_t nr;
	struct heap unfinished, waiting; /* by DECODED, by HEAD */
	uint64_t bytes, bytes_done;
};

static void heap_down(struct heap *heap, size_t i)
{
	struct stream *s = heap->at[i];
	size_t child;

	while ((child = 2 * i + 1) < heap->nr) {
		if (child + 1 < heap->nr &&
		    heap->at[child + 1]->key[heap->by] < heap->at[child]->key[heap->by])
			child++;
		if (s->key[heap->by] <= heap->at[child]->key[heap->by])
			break;
		heap->at[i] = heap->at[child];
		i = child;
	}
	heap->at[i] = s;
}

static void heap_push(struct heap *heap, struct stream *s)
{
	size_t i = heap->nr++, parent;

	for (; i && s->key[heap->by] < heap->at[parent = (i - 1) / 2]->key[heap->by]; i = parent)
		heap->at[i] = heap->at[parent];
	heap->at[i] = s;
}

static void heap_pop(struct heap *heap)
{
	heap->at[0] = heap->at[--heap->nr];
	if (heap->nr)
		heap_down(heap, 0);
}

/* ---- one stream ---- */

/* Makes room for one more event in the queue. False when out of memory. */
static bool queue_grow(struct pass *pass, struct stream *s)
{
	struct pass_event *queue;

	if (s->head) {
		s->nr -= s->head;
		memmove(s->queue, s->queue + s->head, s->nr * sizeof(*s->queue));
		s->head = 0;
		return true;
	}
	queue = pass_push(pass, s->queue, &s->nr, &s->capacity, sizeof(*queue));
	if (!queue)
		return false;
	s->queue = queue;
	s->nr--;
	return true;
}

static inline void queue_push(struct pass *pass, struct stream *s, const struct pass_event *event)
{
	if (s->nr == s->capacity && !queue_grow(pass, s))
		return;
	if (s->latest < event->ticks && event->ticks < UINT64_MAX)
		s->latest = event->ticks;
	s->queue[s->nr] = *event;
	s->queue[s->nr++].ticks = s->latest;
}

static void set_thread(struct pass *pass, struct stream *s, uint64_t thread)
{
	s->thread = thread < pass->nr_threads ? (uint32_t)thread : 0;
	pass->threads[s->thread].used = true;
}

static void take_join(struct pass *pass, const struct stream *s, const struct trace_event *e)
{
	uint32_t target = e->arg < pass->nr_threads ? (uint32_t)e->arg : 0;
	uint32_t key[TALLY_KEY] = { s->thread, target, (uint32_t)e->value[2] };
	uint64_t begin = e->ticks > e->value[0] ? e->ticks - e->value[0] : 0;
	struct tally_row *row;

	if (target)
		pass->threads[target].used = true;
	if (phases_ignored_at(pass, begin))
		return;
	row = tally_get(&pass->joins, key);
	pass->failed |= !row;
	if (!row)
		return;
	row->count++;
	row->ticks += e->value[0];
}

static void take_woken(struct pass *pass, uint32_t node, uint64_t woken)
{
	uint32_t key[TALLY_KEY] = { pass->nodes[node].lock };
	struct tally_row *row;

	if (pass->nodes[node].ignored)
		return;
	row = tally_get(&pass->woken, key);
	pass->failed |= !row;
	if (row)
		row->ticks += woken;
}

static void queue_event(struct pass *pass, struct stream *s, const struct trace_event *e)
{
	struct pass_event event = { .ticks = e->ticks,
				    .node = (uint32_t)e->arg,
				    .thread = s->thread,
				    .type = (uint8_t)e->type,
				    .a = e->value[0],
				    .b = e->value[1] };

	if (e->type == TRACE_EV_ACQUISITION) {
		event.flags = (uint8_t)e->value[ACQ_FLAGS];
		event.b = e->value[ACQ_WAIT];
		event.stack = (uint32_t)e->value[ACQ_STACK];
		if (!(event.flags & TRACE_ACQ_WAITED) && !pass->ordered[event.node])
			return;
	} else if (e->type == TRACE_EV_WAIT_BEGIN) {
		event.stack = (uint32_t)e->value[0];
	} else if (e->type == TRACE_EV_PLAIN && !pass->ordered[event.node]) {
		return;
	}
	queue_push(pass, s, &event);
}

/* Only for the blame. */
static void take_kept(struct pass *pass, struct stream *s, struct trace_event *e)
{
	uint64_t waited = 0;
	struct track *track;

	if (e->type == TRACE_EV_THREAD) {
		set_thread(pass, s, e->arg);
		return;
	}
	e->arg = pass_node_id(pass, e->arg);
	queue_event(pass, s, e);
	if (e->type == TRACE_EV_ACQUISITION && e->value[ACQ_FLAGS] & TRACE_ACQ_WAITED)
		waited = e->value[ACQ_WAIT];
	else if (e->type == TRACE_EV_WAIT_END)
		waited = e->value[0];
	if (!waited || pass->nodes[e->arg].ignored)
		return;
	track = pass_track(pass, pass->nodes[e->arg].lock);
	if (track)
		track->kept_ticks += waited;
}

static void take_event(struct pass *pass, struct stream *s, struct trace_event *e)
{
	if (s->is_kept) {
		take_kept(pass, s, e);
		return;
	}
	if (e->type < TRACE_EV_CREATE || e->type == TRACE_EV_WORK)
		e->arg = pass_node_id(pass, e->arg);
	switch (e->type) {
	case TRACE_EV_PLAIN:
	case TRACE_EV_ACQUISITION:
	case TRACE_EV_WAIT_BEGIN:
	case TRACE_EV_WAIT_END:
	case TRACE_EV_SIGNAL:
	case TRACE_EV_COND_WAIT:
	case TRACE_EV_BARRIER:
		queue_event(pass, s, e);
		break;
	case TRACE_EV_FOREIGN:
	case TRACE_EV_POST:
		pass->lock_facts[pass->nodes[e->arg].lock] |= PASS_TOKENS;
		break;
	case TRACE_EV_FUTEX_WAKE:
		take_woken(pass, (uint32_t)e->arg, e->value[0]);
		break;
	case TRACE_EV_JOIN:
		take_join(pass, s, e);
		break;
	case TRACE_EV_THREAD:
		set_thread(pass, s, e->arg);
		break;
	case TRACE_EV_WORK:
		if ((pass->nodes[e->arg].mode & TRACE_HOW_MASK) != TRACE_HOW_WORK)
			return; /* of a node that the trace lacks */
		break;
	case TRACE_EV_EXIT:
		fold_fini(&pass->threads[s->thread].fold);
		break;
	default:
		break;
	}
	fold_event(&pass->threads[s->thread].fold, e);
}

/* Decodes up to `stop`, or the whole rest of the chunk when it breaks off. */
static void decode(struct pass *pass, struct stream *s, const unsigned char *stop)
{
	const unsigned char *p = s->p, *end = s->end;
	struct fold *fold = &pass->threads[s->thread].fold;
	uint64_t ticks = s->ticks, node, hold;
	struct pass_event plain = { .thread = s->thread };
	struct trace_event e = { .type = 0 };
	unsigned int bytes;

	while (p < stop) {
		bytes = end - p >= 8 ? event_get_plain(p, &node, &ticks, &hold) : 0;
		if (bytes) {
			p += bytes;
			plain.node = pass_node_id(pass, node);
			fold_plain(fold, plain.node, hold);
			if (pass->ordered[plain.node]) {
				plain.ticks = ticks;
				plain.a = hold;
				queue_push(pass, s, &plain);
			}
			continue;
		}
		e.ticks = ticks;
		p = event_get(p, end, &e);
		if (!p) {
			pass->damaged++;
			p = end;
			break;
		}
		ticks = e.ticks;
		take_event(pass, s, &e);
		plain.thread = s->thread;
		fold = &pass->threads[s->thread].fold;
	}
	s->p = p;
	s->ticks = ticks;
	if (s->latest < ticks && ticks < UINT64_MAX)
		s->latest = ticks;
}

/* Makes the next chunk with events the current one. False when there is none. */
static bool next_chunk(struct pass *pass, struct stream *s)
{
	const struct reader_chunk *chunk;

	for (; s->chunk < s->source->nr_chunks; s->chunk++) {
		chunk = &s->source->chunks[s->chunk];
		if (chunk->begin >= chunk->end)
			continue;
		s->p = chunk->begin;
		s->end = chunk->end;
		s->ticks = chunk->base_ticks;
		set_thread(pass, s, chunk->thread);
		if (s->latest < s->ticks && s->ticks < UINT64_MAX)
			s->latest = s->ticks;
		s->key[DECODED] = s->latest;
		s->chunk++;
		pass->has_events = true;
		return true;
	}
	return false;
}

/* ---- all streams ---- */

static void order_event(struct pass *pass, const struct pass_event *event)
{
	switch (event->type) {
	case TRACE_EV_SIGNAL:
	case TRACE_EV_COND_WAIT:
	case TRACE_EV_BARRIER:
		apart_event(pass, event);
		break;
	default:
		blame_event(pass, event);
		break;
	}
}

static void process_until(struct merge *m, uint64_t until)
{
	struct heap *heap = &m->waiting;

	while (heap->nr && heap->at[0]->key[HEAD] < until) {
		struct stream *s = heap->at[0];

		order_event(m->pass, &s->queue[s->head++]);
		if (s->head < s->nr) {
			s->key[HEAD] = s->queue[s->head].ticks;
			heap_down(heap, 0);
			continue;
		}
		s->head = s->nr = 0;
		s->queued = false;
		heap_pop(heap);
	}
}

/* Decodes the next slice of the stream at the top of the unfinished ones. */
static void step(struct merge *m)
{
	struct stream *s = m->unfinished.at[0];
	const unsigned char *begin = s->p;

	decode(m->pass, s, s->end - begin > SLICE_BYTES ? begin + SLICE_BYTES : s->end);
	m->bytes_done += (uint64_t)(s->p - begin);
	s->key[DECODED] = s->latest;
	if (s->p >= s->end && !next_chunk(m->pass, s))
		heap_pop(&m->unfinished);
	else
		heap_down(&m->unfinished, 0);
	if (s->head < s->nr && !s->queued) {
		s->key[HEAD] = s->queue[s->head].ticks;
		s->queued = true;
		heap_push(&m->waiting, s);
	}
}

static void stream_begin(struct merge *m, struct stream *s, const struct reader_stream *source)
{
	s->source = source;
	for (size_t k = 0; k < source->nr_chunks; k++)
		m->bytes += (uint64_t)(source->chunks[k].end - source->chunks[k].begin);
	if (next_chunk(m->pass, s))
		heap_push(&m->unfinished, s);
}

static int merge_init(struct merge *m, struct pass *pass)
{
	size_t nr_streams = reader_nr_streams(pass->reader);
	size_t nr = nr_streams + reader_nr_flights(pass->reader);

	*m = (struct merge){ .pass = pass, .nr = nr, .unfinished.by = DECODED, .waiting.by = HEAD };
	m->streams = calloc(nr + 1, sizeof(*m->streams));
	m->unfinished.at = calloc(nr + 1, sizeof(*m->unfinished.at));
	m->waiting.at = calloc(nr + 1, sizeof(*m->waiting.at));
	if (!m->streams || !m->unfinished.at || !m->waiting.at)
		return -ENOMEM;
	for (size_t i = 0; i < nr_streams; i++)
		stream_begin(m, &m->streams[i], reader_stream(pass->reader, i));
	for (size_t i = nr_streams; i < nr; i++) {
		m->streams[i].is_kept = true;
		stream_begin(m, &m->streams[i], reader_flight(pass->reader, i - nr_streams));
	}
	return 0;
}

static void merge_fini(struct merge *m)
{
	for (size_t i = 0; m->streams && i < m->nr; i++)
		free(m->streams[i].queue);
	free(m->streams);
	free(m->unfinished.at);
	free(m->waiting.at);
}

int merge_run(struct pass *pass, void (*progress)(double part))
{
	struct merge m;
	int err = merge_init(&m, pass);

	for (uint64_t n = 0; !err && m.unfinished.nr; n++) {
		step(&m);
		process_until(&m, m.unfinished.nr ? m.unfinished.at[0]->key[DECODED] : UINT64_MAX);
		if (progress && n % 1024 == 0)
			progress((double)m.bytes_done / (double)(m.bytes + 1));
		if (pass->failed)
			err = -ENOMEM;
	}
	merge_fini(&m);
	return err;
}
