/* SPDX-License-Identifier: MIT */
/*
 * bench_order: seconds and memory from a finished model to judged lock orders
 *
 *	bench_order [MILLIONS [HOT]]
 *
 * The generated trace has 16 threads and 22,000 locks, used in pairs, one inside the other. Of 100
 * pairs the order is inverted: by the first thread before it creates the others, which is harmless,
 * and once more by one of the others in the middle of the run, which is not. HOT: every so many
 * sections are of these pairs (default: each pair is used as often as the others).
 *
 * The events are written block by block, so the trace may be larger than memory.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../analyzer/order/order.h"
#include "../lib/tracegen.h"

#define THREADS 16
#define PAIRS	11000
#define PLANTED 100

struct writer {
	int fd;
	struct trace_block head;
	unsigned char bytes[TRACE_BLOCK_SIZE];
	uint32_t used, slot, thread, sequence;
	uint64_t ticks, base;
};

static struct writer writers[THREADS];
/* Contexts: the outer lock of each pair and the inner one, then the same for the inverted. */
static uint32_t outer[PAIRS], inner[PAIRS], other_outer[PLANTED], other_inner[PLANTED];

static uint64_t seed = 1;

static unsigned int rnd(unsigned int below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % below;
}

/* ---- writing ---- */

static void flush(struct writer *w)
{
	struct trace_block head = {
		.magic = TRACE_BLOCK_MAGIC,
		.type = TRACE_BLOCK_EVENTS,
		.slot = w->slot,
		.thread = w->thread,
		.sequence = w->sequence++,
		.length = w->used,
		.base_ticks = w->base,
		.last_ticks = w->ticks,
	};

	if (!w->used)
		return;
	head.checksum = trace_checksum(w->bytes + sizeof(head), w->used);
	memcpy(w->bytes, &head, sizeof(head));
	memset(w->bytes + sizeof(head) + w->used, 0, sizeof(w->bytes) - sizeof(head) - w->used);
	if (write(w->fd, w->bytes, sizeof(w->bytes)) != (ssize_t)sizeof(w->bytes))
		abort();
	w->used = 0;
	w->base = w->ticks;
}

static unsigned char *room(struct writer *w)
{
	if (w->used + sizeof(w->head) + TRACE_EVENT_BYTES > sizeof(w->bytes))
		flush(w);
	return w->bytes + sizeof(w->head) + w->used;
}

static void put_section(struct writer *w, uint32_t node, uint64_t end, uint64_t hold)
{
	unsigned char *p = room(w), *q = event_put_plain(p, node, end - w->ticks, hold);

	w->used += (uint32_t)(q - p);
	w->ticks = end;
}

static void put_event(struct writer *w, enum trace_event_type type, uint64_t arg, uint64_t at)
{
	unsigned char *p = room(w), *q = event_put(p, type, arg, at - w->ticks, NULL);

	w->used += (uint32_t)(q - p);
	w->ticks = at;
}

/* Both locks of a pair, within ten ticks. */
static void put_pair(struct writer *w, uint32_t first, uint32_t second, uint64_t at)
{
	put_section(w, second, at + 6, 3);
	put_section(w, first, at + 8, 8);
}

/* ---- the trace ---- */

static void add_dictionary(struct tracegen *g)
{
	uint32_t lock = 0;

	tracegen_header(g)->nr_blocks = 1;
	for (uint32_t i = 0; i < 2 * PAIRS; i++)
		lock = tracegen_lock(g, TRACE_KIND_MUTEX, 0x600000 + i * 64);
	lock -= 2 * PAIRS - 1;
	for (uint32_t i = 0; i < PAIRS; i++) {
		outer[i] = tracegen_node(g, 0, lock + 2 * i, 0x10000 + i * 64, TRACE_HOW_LOCK);
		inner[i] = tracegen_node(g, outer[i], lock + 2 * i + 1, 0x10020 + i * 64,
					 TRACE_HOW_LOCK);
	}
	for (uint32_t i = 0; i < PLANTED; i++) {
		other_outer[i] =
			tracegen_node(g, 0, lock + 2 * i + 1, 0x200000 + i * 64, TRACE_HOW_LOCK);
		other_inner[i] = tracegen_node(g, other_outer[i], lock + 2 * i, 0x200020 + i * 64,
					       TRACE_HOW_LOCK);
	}
}

static void add_threads(struct tracegen *g, int fd)
{
	for (uint32_t t = 0; t < THREADS; t++) {
		uint32_t id = tracegen_thread(g, "worker", t ? 1 : 0);
		struct trace_thread *record = tracegen_find(g, TRACE_REC_THREAD, id);

		record->start_routine = t ? 0x1000 : 0;
		record->begin_ticks = TRACEGEN_START_TICKS + (t ? 20000 + t : 0);
		writers[t] = (struct writer){ .fd = fd,
					      .slot = tracegen_slot(g, id),
					      .thread = id,
					      .sequence = 1,
					      .ticks = TRACEGEN_START_TICKS,
					      .base = TRACEGEN_START_TICKS };
		record->slot = writers[t].slot;
	}
}

static void put_events(uint64_t nr, unsigned int hot)
{
	uint64_t at = TRACEGEN_START_TICKS;

	for (uint32_t i = 0; i < PLANTED; i++)
		put_pair(&writers[0], other_outer[i], other_inner[i], at += 10);
	for (uint32_t t = 1; t < THREADS; t++)
		put_event(&writers[0], TRACE_EV_CREATE, writers[t].thread,
			  TRACEGEN_START_TICKS + 20000);
	at = TRACEGEN_START_TICKS + 30000;
	for (uint64_t i = 0; i < nr / 2; i++, at += 10) {
		uint32_t pair = hot && rnd(hot) == 0 ? rnd(PLANTED) : rnd(PAIRS);
		uint64_t middle = nr / 4;

		if (i >= middle && i < middle + PLANTED)
			put_pair(&writers[7], other_outer[i - middle], other_inner[i - middle], at);
		else
			put_pair(&writers[i % THREADS], outer[pair], inner[pair], at);
	}
	for (uint32_t t = 0; t < THREADS; t++)
		flush(&writers[t]);
}

static void write_trace(const char *path, uint64_t nr, unsigned int hot)
{
	struct tracegen *g = tracegen_new();
	unsigned char *image;
	size_t size;
	int fd = open(path, O_RDWR | O_TRUNC);

	if (fd < 0)
		abort();
	add_dictionary(g);
	add_threads(g, fd);
	/* The dictionary comes first, once it is known how many blocks follow. */
	image = tracegen_image(g, &size);
	size = (size + TRACE_BLOCK_SIZE - 1) / TRACE_BLOCK_SIZE * TRACE_BLOCK_SIZE;
	free(image);
	if (lseek(fd, (off_t)size, SEEK_SET) < 0)
		abort();
	put_events(nr, hot);
	for (uint32_t t = 0; t < THREADS; t++)
		tracegen_slot_state(g, writers[t].slot)->sequence = writers[t].sequence;
	tracegen_end(g, writers[0].ticks - TRACEGEN_START_TICKS + 100000, 0);
	image = tracegen_image(g, &size);
	if (pwrite(fd, image, size, 0) != (ssize_t)size)
		abort();
	free(image);
	tracegen_free(g);
	close(fd);
}

/* ---- measuring ---- */

static atomic_bool measured;
static long most_kb;

/* Memory that is not the trace's: that one is mapped and the kernel may drop it. */
static void *watch(void *arg)
{
	(void)arg;
	while (!atomic_load(&measured)) {
		FILE *status = fopen("/proc/self/status", "r");
		char line[128];
		long kb;

		while (status && fgets(line, sizeof(line), status))
			if (sscanf(line, "RssAnon: %ld", &kb) == 1 && kb > most_kb)
				most_kb = kb;
		if (status)
			fclose(status);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	return NULL;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int measure(const char *path)
{
	const struct order_options options = { .max_cycle = 0 };
	struct model *model = model_new();
	size_t levels[ORDER_LEVELS] = { 0 };
	struct reader *reader;
	struct order *order;
	char error[256];
	pthread_t watcher;
	double begin = seconds(), ready;

	if (!model || reader_open(&reader, path, error, sizeof(error)) ||
	    model_add(model, reader, NULL) || model_finish(model))
		return 1;
	ready = seconds();
	pthread_create(&watcher, NULL, watch, NULL);
	if (order_new(&order, model, &options))
		return 1;
	atomic_store(&measured, true);
	pthread_join(watcher, NULL);
	printf("%.0f M events: model %.1f s, order %.2f s in %ld MB; %zu edges, %u parts\n",
	       (double)model->all.acquired / 1e6, ready - begin, seconds() - ready, most_kb / 1000,
	       order->nr_edges, order->nr_components);
	for (size_t i = 0; i < order->nr_findings; i++)
		levels[order->findings[i].level]++;
	for (unsigned int i = 0; i < ORDER_LEVELS; i++)
		if (levels[i])
			printf("  %zu %s\n", levels[i], order_level_words[i]);
	order_free(order);
	model_free(model);
	return levels[ORDER_PREDICTED] + levels[ORDER_CONDITIONAL] < PLANTED;
}

int main(int argc, char **argv)
{
	uint64_t nr = (argc > 1 ? strtoull(argv[1], NULL, 10) : 10) * 1000000;
	unsigned int hot = argc > 2 ? (unsigned int)atoi(argv[2]) : 0;
	char path[] = "/tmp/lockprof-bench-XXXXXX";
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	write_trace(path, nr, hot);
	failed = measure(path);
	unlink(path);
	if (failed)
		fputs("bench_order: failed\n", stderr);
	return failed;
}
