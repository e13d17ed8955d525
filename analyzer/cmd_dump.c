/* SPDX-License-Identifier: MIT */
/*
 * lockprof dump: what is in a trace, as text, one line an event or a record.
 *
 * This shows the file and not its meaning: nothing is added up, matched or left out. Times are
 * nanoseconds since the recording's start. Damage goes to stderr, the rest is printed all the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "cursor.h"
#include "options.h"
#include "output.h"
#include "words.h"

struct dump {
	const struct reader *reader;
	uint64_t thread; /* 0: all */
	uint64_t limit;	 /* events or records that may still be printed */
};

/* ---- events ---- */

static uint64_t length_ns(const struct dump *dump, uint64_t ticks)
{
	double ns = (double)ticks * reader_ns_per_tick(dump->reader);

	return ns < 0x1p63 ? (uint64_t)(ns + 0.5) : UINT64_MAX;
}

static void print_event(const struct dump *dump, const struct trace_event *e, uint32_t thread)
{
	const struct event_words *words = &event_words[e->type];
	const struct trace_node *node = NULL;

	printf("%12" PRIu64 " thread %-4u %-15s %s %" PRIu64,
	       reader_time_ns(dump->reader, e->ticks), thread, words->name, words->arg, e->arg);
	if (!strcmp(words->arg, "node") && e->arg <= UINT32_MAX)
		node = reader_node(dump->reader, (uint32_t)e->arg);
	if (node && e->type != TRACE_EV_WORK)
		printf(" lock %u", node->lock);
	for (unsigned int i = 0; i < trace_event_args[e->type]; i++) {
		bool ticks = words->value[i].unit == WORDS_TICKS;

		printf(" %s %" PRIu64 "%s", words->value[i].name,
		       ticks ? length_ns(dump, e->value[i]) : e->value[i], ticks ? " ns" : "");
	}
	putchar('\n');
}

/* Whether there is room for more. */
static bool dump_event(struct dump *dump, struct cursor *c)
{
	if (c->bad_offset) {
		output_error("%s: byte %" PRIu64 ": no event here, rest of the block skipped",
			     reader_path(dump->reader), c->bad_offset);
		c->bad_offset = 0;
	}
	if (dump->thread && dump->thread != c->thread)
		return true;
	if (!dump->limit)
		return false;
	dump->limit--;
	print_event(dump, &c->event, c->thread);
	return true;
}

static void dump_by_slot(struct dump *dump)
{
	struct cursor c;

	for (size_t i = 0; i < reader_nr_streams(dump->reader); i++) {
		const struct reader_stream *stream = reader_stream(dump->reader, i);

		cursor_init(&c, stream);
		c.raw = true;
		while (cursor_next(&c))
			if (!dump_event(dump, &c))
				return;
	}
}

/* The stream with the earliest event, of those that have one; nr when none has. */
static size_t earliest(const struct cursor *c, const bool *has, size_t nr)
{
	size_t best = nr;

	for (size_t i = 0; i < nr; i++)
		if (has[i] && (best == nr || c[i].event.ticks < c[best].event.ticks))
			best = i;
	return best;
}

static int dump_by_time(struct dump *dump)
{
	size_t nr = reader_nr_streams(dump->reader), i;
	struct cursor *c = calloc(nr + 1, sizeof(*c));
	bool *has = calloc(nr + 1, sizeof(*has));
	int err = c && has ? 0 : -ENOMEM;

	for (i = 0; !err && i < nr; i++) {
		cursor_init(&c[i], reader_stream(dump->reader, i));
		c[i].raw = true;
		has[i] = cursor_next(&c[i]);
	}
	while (!err && (i = earliest(c, has, nr)) < nr && dump_event(dump, &c[i]))
		has[i] = cursor_next(&c[i]);
	free(c);
	free(has);
	return err;
}

/* ---- records ---- */

/* " word text" with hostile characters escaped; nothing without text. */
static void print_text(const char *word, const char *text)
{
	char escaped[1024];

	if (!text || !*text)
		return;
	output_escape(escaped, sizeof(escaped), text);
	printf(" %s \"%s\"", word, escaped);
}

static void print_code(const char *word, uint64_t pc)
{
	if (TRACE_PC_MODULE(pc))
		printf(" %s %u+0x%llx", word, TRACE_PC_MODULE(pc), TRACE_PC_OFFSET(pc));
	else if (pc)
		printf(" %s 0x%" PRIx64, word, pc);
}

/* Nodes of several phases that are one place have the same parent here. */
static void print_phase(const struct dump *dump, uint32_t phase)
{
	if (phase)
		printf(" phase %u", phase);
	print_text("called", reader_phase_name(dump->reader, phase));
}

static bool more(struct dump *dump)
{
	return dump->limit && dump->limit--;
}

static void dump_modules(struct dump *dump)
{
	for (uint32_t id = 1; id <= reader_max_module(dump->reader); id++) {
		const struct trace_module *m = reader_module(dump->reader, id);

		if (!m || !more(dump))
			continue;
		printf("module %u begin 0x%" PRIx64 " end 0x%" PRIx64 " bias 0x%" PRIx64, id,
		       m->begin, m->end, m->bias);
		for (uint32_t i = 0; i < m->build_id_bytes; i++)
			printf("%s%02x", i ? "" : " build-id ", m->build_id[i]);
		print_text("path", m->path);
		putchar('\n');
	}
}

static void dump_threads(struct dump *dump)
{
	for (uint32_t id = 1; id <= reader_max_thread(dump->reader); id++) {
		const struct trace_thread *t = reader_thread(dump->reader, id);

		if (!t || !more(dump))
			continue;
		printf("thread %u tid %u creator %u slot %u begin %" PRIu64, id, t->tid, t->creator,
		       t->slot, reader_time_ns(dump->reader, t->begin_ticks));
		if (t->end_ticks)
			printf(" end %" PRIu64, reader_time_ns(dump->reader, t->end_ticks));
		if (t->statistics_of)
			printf(" statistics-of %u", t->statistics_of);
		print_code("routine", t->start_routine);
		print_text("name", t->name);
		putchar('\n');
	}
}

static void dump_locks(struct dump *dump)
{
	for (uint32_t id = 1; id <= reader_max_lock(dump->reader); id++) {
		const struct trace_lock *l = reader_lock(dump->reader, id);

		if (!l || !more(dump))
			continue;
		printf("lock %u %s 0x%" PRIx64
		       " flags 0x%x generation %u value %u lives %u stack %u",
		       id, words_kind(l->kind), l->address, l->flags, l->generation, l->value,
		       l->lives, l->init_stack);
		print_code("data", l->data_address);
		print_text("name", reader_name(dump->reader, TRACE_NAME_LOCK, id));
		print_text("class", reader_name(dump->reader, TRACE_NAME_CLASS, id));
		putchar('\n');
	}
}

static void dump_nodes(struct dump *dump)
{
	for (uint32_t id = 1; id <= reader_max_node(dump->reader); id++) {
		const struct trace_node *n = reader_node(dump->reader, id);

		if (!n || !more(dump))
			continue;
		printf("node %u parent %u lock %u %s%s stack %u", id, n->parent, n->lock,
		       words_how(n->mode), n->mode & TRACE_SHARED ? " shared" : "", n->stack);
		print_code("site", n->site);
		print_phase(dump, reader_phase_of(dump->reader, id));
		putchar('\n');
	}
}

static void dump_stacks(struct dump *dump)
{
	for (uint32_t id = 1; id <= reader_max_stack(dump->reader); id++) {
		const struct trace_stack *s = reader_stack(dump->reader, id);

		if (!s || !more(dump))
			continue;
		printf("stack %u%s", id, s->flags & 1 ? " cut" : "");
		for (uint32_t i = 0; i < s->nr_frames; i++)
			print_code("at", s->frames[i]);
		putchar('\n');
	}
}

static void dump_slots(struct dump *dump)
{
	for (size_t i = 0; i < reader_nr_slots(dump->reader); i++) {
		const struct trace_slot *s = reader_slot(dump->reader, i);

		if (!more(dump))
			return;
		printf("slot %u thread %u sequence %u ring %u..%u", s->block.slot, s->thread,
		       s->sequence, s->tail, s->head);
		for (const struct trace_held *h = s->held; h->lock; h++)
			printf(" holds 0x%" PRIx64 " node %u since %" PRIu64, h->lock, h->node,
			       reader_time_ns(dump->reader, h->since));
		if (s->wait_node)
			printf(" waits node %u since %" PRIu64, s->wait_node,
			       reader_time_ns(dump->reader, s->wait_since));
		if (s->wait_thread)
			printf(" waits end of thread %u since %" PRIu64, s->wait_thread,
			       reader_time_ns(dump->reader, s->wait_since));
		putchar('\n');
	}
}

static void dump_phases(struct dump *dump)
{
	for (size_t i = 0; i < reader_nr_phase_changes(dump->reader); i++) {
		const struct reader_phase_change *c = reader_phase_change(dump->reader, i);

		if (!more(dump))
			return;
		printf("change at %" PRIu64 " to phase %u", reader_time_ns(dump->reader, c->ticks),
		       c->phase);
		print_text("called", reader_phase_name(dump->reader, c->phase));
		puts(c->off ? " recording stopped" : "");
	}
}

static void dump_stats(struct dump *dump)
{
	for (size_t i = 0; i < reader_nr_stats(dump->reader); i++) {
		const struct trace_stat *s = reader_stat(dump->reader, i);

		if (!more(dump))
			return;
		printf("stat %u thread %u node %u acquired %" PRIu64 " contended %" PRIu64
		       " wait %" PRIu64 " max %" PRIu64 " held %" PRIu64 " hold %" PRIu64
		       " max %" PRIu64 " try-failures %" PRIu64 " timeouts %" PRIu64
		       " relocks %" PRIu64 " wait-failures %" PRIu64 "\n",
		       s->record.id, s->thread, s->node, s->acquired, s->contended,
		       length_ns(dump, s->wait_ticks), length_ns(dump, s->wait_max_ticks), s->held,
		       length_ns(dump, s->hold_ticks), length_ns(dump, s->hold_max_ticks),
		       s->try_failures, s->timeouts, s->relocks, s->wait_failures);
	}
}

static void dump_hists(struct dump *dump)
{
	for (size_t i = 0; i < reader_nr_hists(dump->reader); i++) {
		const struct trace_hist *h = reader_hist(dump->reader, i);

		if (!more(dump))
			return;
		printf("hist %u stat %u %s octave %u:", h->record.id, h->stat,
		       h->what == TRACE_HIST_HOLD ? "hold" : "wait", h->octave);
		for (size_t part = 0; part < sizeof(h->count) / sizeof(*h->count); part++)
			printf(" %" PRIu64, h->count[part]);
		putchar('\n');
	}
}

static void dump_records(struct dump *dump)
{
	static void (*const part[])(struct dump * dump) = {
		dump_modules, dump_threads, dump_locks, dump_nodes, dump_stacks,
		dump_phases,  dump_slots,   dump_stats, dump_hists,
	};

	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++)
		part[i](dump);
}

/* ---- the command ---- */

static void print_damages(const struct reader *reader)
{
	for (size_t i = 0; i < reader_nr_damages(reader); i++) {
		const struct reader_damage *damage = reader_damage(reader, i);

		output_error("%s: byte %" PRIu64 ": %s", reader_path(reader), damage->offset,
			     damage->text);
	}
}

static int dump_file(const char *path, struct dump *dump, bool records, bool sort)
{
	char error[512];
	struct reader *reader;
	int err = reader_open(&reader, path, error, sizeof(error));

	if (err) {
		output_error("%s", error);
		return 1;
	}
	dump->reader = reader;
	print_damages(reader);
	if (records)
		dump_records(dump);
	else if (sort)
		err = dump_by_time(dump);
	else
		dump_by_slot(dump);
	reader_close(reader);
	if (err || fflush(stdout) || ferror(stdout)) {
		output_error("%s: %s", path, err ? strerror(-err) : "cannot write what was read");
		return 1;
	}
	return 0;
}

int cmd_dump(int argc, char **argv)
{
	struct dump dump = { .limit = UINT64_MAX };
	bool records = false, sort = false;
	const struct option_row rows[] = {
		{ "records", 'r', OPTION_FLAG, &records, NULL,
		  "the dictionary and the statistics instead of the events", NULL },
		{ "sort", 's', OPTION_FLAG, &sort, NULL, "by time, not thread after thread", NULL },
		{ "thread", 't', OPTION_COUNT, &dump.thread, "N", "only thread N of the trace",
		  NULL },
		{ "limit", 'n', OPTION_COUNT, &dump.limit, "N", "at most N lines", NULL },
	};
	const struct options options = {
		.command = "dump",
		.usage = "[options] TRACE",
		.about =
			"Prints the raw events of a trace, one a line, times in ns since its start.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(*rows),
	};
	int first = options_parse(&options, argc, argv);

	if (first < 0)
		return options_exit_status(first);
	if (argc - first != 1)
		return options_usage_error(&options, "one trace is needed");
	output_init(OUTPUT_COLOR_NEVER);
	output_pager_begin();
	first = dump_file(argv[first], &dump, records, sort);
	output_pager_end();
	return first;
}
