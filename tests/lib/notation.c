/* SPDX-License-Identifier: MIT */
/* notation.c: see notation.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notation.h"

#define MAX_THREADS 32
#define MAX_NODES   4096

struct node {
	uint32_t parent, thing, flags;
};

struct reading {
	struct notation *out;
	struct history *h;
	struct notation_name threads[MAX_THREADS]; /* thing: of the thread */
	uint32_t nr_threads;
	struct node nodes[MAX_NODES];
	uint64_t ticks;
};

static const struct verb {
	const char *word;
	enum op_kind op;
	enum thing_kind thing;
	uint8_t flags;
} verbs[] = {
	{ "r?+", OP_ACQUIRE, THING_LOCK, OP_SHARED | OP_TRY },
	{ "?+", OP_ACQUIRE, THING_LOCK, OP_TRY },
	{ "?-", OP_FAIL, THING_LOCK, OP_TRY },
	{ "~+", OP_ACQUIRE, THING_LOCK, OP_TIMED },
	{ "r+", OP_ACQUIRE, THING_LOCK, OP_SHARED },
	{ "r!", OP_REQUEST, THING_LOCK, OP_SHARED },
	{ "!", OP_REQUEST, THING_LOCK, 0 },
	{ "+", OP_ACQUIRE, THING_LOCK, 0 },
	{ "-", OP_RELEASE, THING_LOCK, 0 },
	{ "fork=", OP_CREATE, THING_THREAD, 0 },
	{ "join=", OP_JOIN, THING_THREAD, 0 },
	{ "exit", OP_EXIT, THING_THREAD, 0 },
	{ "wait_b=", OP_WAIT, THING_COND, 0 },
	{ "wait_e=", OP_WOKEN, THING_COND, 0 },
	{ "signal=", OP_SIGNAL, THING_COND, 0 },
	{ "broadcast=", OP_SIGNAL, THING_COND, OP_ALL },
	{ "post=", OP_POST, THING_SEM, 0 },
	{ "semwait=", OP_TAKE, THING_SEM, 0 },
	{ "bar_in=", OP_ARRIVE, THING_BARRIER, 0 },
	{ "bar_out=", OP_DEPART, THING_BARRIER, 0 },
};

static void mistake(const char *what, const char *where)
{
	fprintf(stderr, "notation: %s at \"%.40s\"\n", what, where);
	abort();
}

static uint32_t find_name(struct notation_name *names, uint32_t *nr, uint32_t max, const char *text)
{
	uint32_t i = 0;

	while (i < *nr && strcmp(names[i].text, text) != 0)
		i++;
	if (i == *nr) {
		if (i == max || strlen(text) >= sizeof(names[i].text))
			mistake("too many or too long names", text);
		strcpy(names[(*nr)++].text, text);
	}
	return i;
}

static uint32_t new_thing(struct reading *r, enum thing_kind kind)
{
	uint32_t thing = r->h->nr_things++;

	if (thing == NOTATION_NAMES + MAX_THREADS)
		mistake("too many things", "");
	r->h->things[thing] = (struct thing){ .kind = kind, .thread = NO_OP };
	return thing;
}

static uint32_t find_thread(struct reading *r, const char *text)
{
	uint32_t before = r->nr_threads;
	uint32_t i = find_name(r->threads, &r->nr_threads, MAX_THREADS, text);

	if (i == before) {
		r->threads[i].thing = new_thing(r, THING_THREAD);
		r->h->things[r->threads[i].thing].thread = i;
	}
	return i;
}

static uint32_t find_thing(struct reading *r, enum thing_kind kind, const char *text)
{
	struct notation *n = r->out;
	uint32_t before = n->nr_names, i;

	if (kind == THING_THREAD)
		return r->threads[find_thread(r, text)].thing;
	i = find_name(n->names, &n->nr_names, NOTATION_NAMES, text);
	if (i == before) {
		n->names[i].thing = new_thing(r, kind);
		r->h->things[n->names[i].thing].published = !strncmp(text, "h:", 2);
	}
	if (r->h->things[n->names[i].thing].kind == THING_UNUSED)
		r->h->things[n->names[i].thing].kind = kind;
	return n->names[i].thing;
}

/* The context of an operation: as the dictionary of a trace would have it. */
static uint32_t find_node(struct reading *r, uint32_t thread, const struct op *op)
{
	const struct row *row = &r->h->rows[thread];
	uint32_t open = history_open(row, row->nr), i = 1;
	struct node key = { .thing = op->thing, .flags = (uint32_t)op->kind << 8 | op->flags };

	/* With sections that end out of order a chain of contexts would not be enough. */
	for (; open != NO_OP; open = history_open_next(row, row->nr, open))
		key.parent = key.parent * 1000003 +
			     (row->ops[open].thing << 1 | (row->ops[open].flags & OP_SHARED)) + 7;
	while (i < r->out->nr_nodes && memcmp(&r->nodes[i], &key, sizeof(key)) != 0)
		i++;
	if (i == MAX_NODES)
		mistake("too many contexts", "");
	if (i == r->out->nr_nodes) {
		r->nodes[i] = key;
		r->out->nr_nodes++;
	}
	return i;
}

static void begin_thread(struct reading *r, uint32_t thread, bool root)
{
	struct op op = { .kind = OP_BEGIN,
			 .thing = r->threads[thread].thing,
			 .flags = root ? OP_ALONE : 0,
			 .ticks = ++r->ticks };

	if (!r->h->rows[thread].nr)
		history_add(r->h, thread, &op);
}

static void end_thread(struct reading *r, uint32_t thread)
{
	struct row *row = &r->h->rows[thread];
	struct op op = { .kind = OP_EXIT, .thing = r->threads[thread].thing, .ticks = ++r->ticks };

	if (row->nr && row->ops[row->nr - 1].kind != OP_EXIT)
		history_add(r->h, thread, &op);
}

static bool is_held(const struct row *row, uint32_t thing)
{
	uint32_t at = history_open(row, row->nr);

	while (at != NO_OP && row->ops[at].thing != thing)
		at = history_open_next(row, row->nr, at);
	return at != NO_OP;
}

static uint32_t find_wait(const struct row *row, uint32_t thing)
{
	uint32_t at = row->nr;

	while (at-- && !(row->ops[at].kind == OP_WAIT && row->ops[at].thing == thing))
		;
	if (at != NO_OP && at && row->ops[at - 1].flags & OP_ENTERS)
		at--;
	return at;
}

/* Recursive locks are counted in the text's own way: what is held is not taken again. */
static void do_op(struct reading *r, uint32_t thread, const struct verb *verb, const char *name,
		  uint32_t *depth)
{
	struct row *row = &r->h->rows[thread];
	struct op op = { .kind = (uint8_t)verb->op, .flags = verb->flags };

	op.thing = find_thing(r, verb->thing, verb->op == OP_EXIT ? r->threads[thread].text : name);
	if (op.kind == OP_ACQUIRE && is_held(row, op.thing)) {
		depth[op.thing]++;
		return;
	}
	if (op.kind == OP_RELEASE && depth[op.thing]) {
		depth[op.thing]--;
		return;
	}
	if (op.kind == OP_JOIN)
		end_thread(r, r->h->things[op.thing].thread);
	if (op.kind == OP_WAIT && row->ops[row->nr - 1].kind == OP_RELEASE)
		row->ops[row->nr - 1].flags |= OP_ENTERS;
	if (op.kind == OP_WOKEN)
		op.mate = find_wait(row, op.thing);
	op.node = find_node(r, thread, &op);
	op.ticks = ++r->ticks;
	history_add(r->h, thread, &op);
	if (op.kind == OP_CREATE)
		begin_thread(r, r->h->things[op.thing].thread, false);
}

static void read_word(struct reading *r, uint32_t thread, const char *word, uint32_t *depth)
{
	char name[16];

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		size_t length = strlen(verbs[i].word);

		if (strncmp(word, verbs[i].word, length) != 0)
			continue;
		if (strlen(word + length) >= sizeof(name))
			mistake("too long a name", word);
		strcpy(name, word + length);
		if (verbs[i].thing == THING_BARRIER)
			name[strcspn(name, "#")] = 0;
		begin_thread(r, thread, true);
		do_op(r, thread, &verbs[i], name, depth);
		return;
	}
	mistake("no such operation", word);
}

static void read_kinds(struct reading *r, const char *kinds)
{
	char name[16], value[16];
	int used = 0;

	for (; sscanf(kinds, " %15[^= ]=%15s%n", name, value, &used) == 2; kinds += used) {
		uint32_t thing = find_thing(r, THING_UNUSED, name);

		if (!strcmp(value, "wpref"))
			r->h->things[thing].writers_first = true;
		else
			r->h->things[thing].initial = (uint32_t)atoi(value);
	}
}

void notation_read(struct notation *notation, const char *text, const char *kinds)
{
	struct reading *r = calloc(1, sizeof(*r));
	uint32_t depth[MAX_THREADS][NOTATION_NAMES + MAX_THREADS] = { { 0 } };
	char *copy = strdup(text), *line, *rest = copy, *words, *word;

	*notation = (struct notation){ .nr_nodes = 1 };
	r->out = notation;
	r->h = notation->history =
		history_new(MAX_THREADS, NOTATION_NAMES + MAX_THREADS, UINT64_MAX);
	r->h->nr_things = 0;
	read_kinds(r, kinds ? kinds : "");
	while ((line = strsep(&rest, ";\n"))) {
		char *colon = strchr(line, ':');
		uint32_t thread;

		if (!colon)
			continue;
		*colon = 0;
		thread = find_thread(r, line + strspn(line, " "));
		words = colon + 1;
		while ((word = strsep(&words, " ")))
			if (*word)
				read_word(r, thread, word, depth[thread]);
	}
	r->h->nr_threads = r->h->nr_rows = r->nr_threads;
	if (history_finish(r->h))
		mistake("out of memory", "");
	free(copy);
	free(r);
}

void notation_free(struct notation *notation)
{
	history_free(notation->history);
}
