/* SPDX-License-Identifier: MIT */
/* Runs in which locks are taken in different orders, and what each can come to. */
#include "analyzer/order/inquiry.h"
#include "tests/lib/notation.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define F "m:fork=1 fork=2\n"
#define J "\nm:join=1 join=2"

/* hidden: NULL or the reason for which the best cycle is hidden. */
static const struct scenario {
	const char *name;
	const char *expected;
	const char *run, *kinds;
} scenarios[] = {
	{ "both orders, apart in time", "PREDICTED", F "1:+A +B -B -A\n2:+B +A -A -B" J, NULL },
	{ "both orders in one thread", "in one thread alone", "m:+A +B -B -A +B +A -A -B", NULL },
	{ "gate", "by a gate lock", F "1:+G +A +B -B -A -G\n2:+G +B +A -A -B -G" J, NULL },
	{ "a gate that both read is none", "PREDICTED",
	  F "1:r+G +A +B -B -A -G\n2:r+G +B +A -A -B -G" J, NULL },
	{ "a lock in the middle is no gate", "PREDICTED",
	  F "1:+A +G +B -B -G -A\n2:+B +G +A -A -G -B" J, NULL },
	{ "gate held by the parent over the child's life", "no schedule leads there",
	  "m:fork=1 fork=2\n1:+G fork=3\n3:+A +B -B -A\n1:join=3 -G\n2:+G +B +A -A -B -G" J, NULL },
	{ "parent's gate released early", "PREDICTED",
	  "m:fork=1 fork=2\n1:+G fork=3 -G\n3:+A +B -B -A\n1:join=3\n2:+G +B +A -A -B -G" J, NULL },
	{ "one thread after the other", "by thread creation or join",
	  "m:fork=1\n1:+A +B -B -A\nm:join=1 fork=2\n2:+B +A -A -B\nm:join=2", NULL },
	{ "before the threads are made", "by thread creation or join",
	  "m:+B +A -A -B fork=1\n1:+A +B -B -A\nm:join=1", NULL },
	{ "ordered by a condition", "by a condition variable",
	  F "2:+m -m wait_b=c\n1:+A +B -B -A +m signal=c -m\n2:wait_e=c +m -m +B +A -A -B" J,
	  NULL },
	{ "ordered by a semaphore", "by a semaphore",
	  F "1:+A +B -B -A post=s\n2:semwait=s +B +A -A -B" J, "s=0" },
	{ "ordered by a barrier", "by a barrier",
	  F "1:+A +B -B -A bar_in=b\n2:bar_in=b\n1:bar_out=b\n2:bar_out=b +B +A -A -B" J, "b=2" },
	{ "the same, its size not known", "by a barrier",
	  F "1:+A +B -B -A bar_in=b\n2:bar_in=b\n1:bar_out=b\n2:bar_out=b +B +A -A -B" J, NULL },
	{ "A is released before C is taken", "in one thread alone",
	  F "1:+A +B -A +C -C -B\n2:+C +A -A -C" J, NULL },
	{ "five philosophers", "PREDICTED",
	  "m:fork=1 fork=2 fork=3 fork=4 fork=5\n1:+a +b -b -a\n2:+b +c -c -b\n3:+c +d -d -c\n"
	  "4:+d +e -e -d\n5:+e +a -a -e",
	  NULL },
	{ "back-off by trylock", "by a trylock", F "1:+A ?+B -B -A\n2:+B ?-A -B +B ?+A -A -B" J,
	  NULL },
	{ "outer lock by trylock", "PREDICTED", F "1:?+A +B -B -A\n2:+B +A -A -B" J, NULL },
	{ "std::lock", "by a trylock", F "1:+A ?+B -B -A\n2:+B ?+A -A -B" J, NULL },
	{ "inner lock with a deadline", "BOUNDED-STALL", F "1:+A ~+B -B -A\n2:+B +A -A -B" J,
	  NULL },
	{ "recursive lock taken again", "none", F "1:+A +B +A -A -B -A\n2:+A +B -B -A" J, NULL },
	{ "readers only", "between readers", F "1:r+A r+B -B -A\n2:r+B r+A -A -B" J, NULL },
	{ "readers only, writers come first and stand in line", "PREDICTED",
	  "m:fork=1 fork=2 fork=3 fork=4\n1:r+A r+B -B -A\n2:r+B r+A -A -B\n3:+A -A\n4:+B -B",
	  "A=wpref B=wpref" },
	{ "readers only, writers come first but there are none", "nobody",
	  F "1:r+A r+B -B -A\n2:r+B r+A -A -B" J, "A=wpref B=wpref" },
	{ "reader behind reader", "between readers", F "1:r+M0 r+M1 -M1 -M0\n2:r+M1 +M0 -M0 -M1" J,
	  NULL },
	{ "reader behind reader, writer in line", "PREDICTED",
	  "m:fork=1 fork=2 fork=3\n1:r+M0 r+M1 -M1 -M0\n2:r+M1 +M0 -M0 -M1\n3:+M1 -M1",
	  "M0=wpref M1=wpref" },
	{ "readers who write", "PREDICTED", F "1:r+A +B -B -A\n2:r+B +A -A -B" J, NULL },
	{ "another lock at the same address", "none", F "1:+A#1 +B -B -A#1\n2:+B +A#2 -A#2 -B" J,
	  NULL },
	{ "hand over hand", "none", F "1:+n1 +n2 -n1 +n3 -n2 -n3\n2:+n1 +n2 -n1 +n3 -n2 -n3" J,
	  NULL },
	{ "hand over hand, both directions", "PREDICTED",
	  F "1:+n1 +n2 -n1 +n3 -n2 -n3\n2:+n3 +n2 -n3 +n1 -n2 -n1" J, NULL },
	{ "join while holding what the child needs", "PREDICTED",
	  "m:fork=1\n1:+L -L\nm:+L join=1 -L", NULL },
	{ "a section around another thread's life", "PREDICTED",
	  "m:fork=2 +L1 fork=1\n1:+L2 -L2\nm:join=1 -L1\n2:+L2 +L1 -L1 -L2", NULL },
	{ "it happened", "PREDICTED", F "1:+A\n2:+B\n1:!B\n2:!A", NULL },
	{ "waits holding what the signaller needs", "COMM-PREDICTED",
	  F "1:+X +m -m wait_b=c\n2:+m signal=c -m\n1:wait_e=c +m -m -X\n"
	    "2:+X -X +m signal=c -m" J,
	  NULL },
	{ "the same, but somebody else may signal", "by a condition variable",
	  "m:fork=1 fork=2 fork=3\n1:+X +m -m wait_b=c\n3:+m signal=c -m\n1:wait_e=c +m -m -X\n"
	  "2:+X -X +m signal=c -m",
	  NULL },
	{ "somebody else would signal, but needs the same", "COMM-POTENTIAL",
	  "m:fork=1 fork=2 fork=3\n1:+X +m -m wait_b=c\n2:+m signal=c -m\n"
	  "1:wait_e=c +m -m -X\n2:+X -X +m signal=c -m\n3:+X -X +m signal=c -m",
	  NULL },
	{ "threads that take turns", "none",
	  F "1:+X +m -m wait_b=c\n2:+m signal=c -m\n1:wait_e=c +m -m +m signal=c -m -X\n"
	    "2:+X -X +m -m wait_b=c\n1:+m signal=c -m\n2:wait_e=c +m -m +m signal=c -m" J,
	  NULL },
	{ "three threads and a condition", "COMM-PREDICTED",
	  "m:fork=1 fork=2 fork=3\n1:+l1 +cm -cm wait_b=c\n2:+l2 -l2 +cm signal=c -cm\n"
	  "1:wait_e=c +cm -cm -l1\n3:+l2 +l1 -l1 -l2",
	  NULL },
	{ "the mutex is taken again under another lock", "PREDICTED",
	  "m:fork=1 fork=2 fork=3\n1:+m +X -m wait_b=c\n3:+m signal=c -m\n1:wait_e=c +m -X -m\n"
	  "2:+m +X -X -m",
	  NULL },
	{ "handed over through a polled queue", "CONDITIONAL",
	  F "1:+A +B -B -A +Q -Q\n2:+Q -Q +B +A -A -B" J, NULL },
	{ "both were held at the same time once", "PREDICTED",
	  F "2:+B\n1:+A\n1:-A\n2:+A -A -B\n1:+A\n1:+B -B -A" J, NULL },
	{ "a failed attempt depends on the holder", "ordered otherwise",
	  F "1:+A +B -B -A +Z\n2:?-Z +B +A -A -B\n1:-Z" J, NULL },
	{ "the order of another lock forces it", "PREDICTED",
	  F "1:+A +L -L +B -B -A\n2:+L +B -L +A -A -B" J, NULL },
	{ "a short section comes later", "PREDICTED, reordered",
	  F "1:+L +A +B -B -A -L\n2:+L -L +B +A -A -B" J, NULL },
	{ "a fresh object is locked before its list", "ordered otherwise",
	  F "1:+h:obj +list -list -h:obj\n2:+list +h:obj -h:obj -list" J, NULL },
	{ "the same object, found once more", "PREDICTED",
	  F
	  "1:+h:obj +list -list -h:obj\n2:+list +h:obj -h:obj -list\n1:+h:obj +list -list -h:obj\n"
	  "2:+list +h:obj -h:obj -list" J,
	  NULL },
	{ "three locks, in pairs", "PREDICTED",
	  "m:fork=1 fork=2 fork=3\n1:+A +B -B -A\n2:+B +C -C -B\n3:+C +A -A -C", NULL },
	{ "three locks, one thread begins when another is through", "by thread creation or join",
	  "m:fork=0\n0:+A +B -B -A\nm:fork=2\n2:+C +A -A -C\nm:join=2 fork=1\n"
	  "1:+B +C -C -B\nm:join=1 join=0",
	  NULL },
};

/* Findings come before hidden cycles, as levels do before each other. */
struct answer {
	unsigned int rank;
	const char *words;
};

static struct answer level_of(const struct inquiry *q, const struct cycle *cycle,
			      const struct verdict *v)
{
	struct skipped *skipped = NULL;
	uint32_t nr = 0;
	bool others = false;
	enum order_level level;

	assert_int_equal(skipped_find(q->history, v->upto, v->order, v->nr_order, &skipped, &nr),
			 0);
	for (uint32_t i = 0; i < nr; i++)
		others |= !inquiry_own(q, cycle, skipped[i].thing);
	free(skipped);
	level = inquiry_level(q, cycle, v, others);
	if (v->reordered && level <= ORDER_CONDITIONAL)
		return (struct answer){ level, "PREDICTED, reordered" };
	return (struct answer){ level, order_level_words[level] };
}

static struct answer answer_of(struct inquiry *q, const struct cycle *cycle)
{
	struct answer answer = { ORDER_LEVELS + cycle->reason, "nobody" };
	struct verdict v = { .end = VERDICT_NONE };

	if (cycle->reason == CYCLE_REAL)
		assert_int_equal(verdict_find(&q->court, cycle, &v), 0);
	else
		answer.words = order_hidden_words[cycle->reason];
	if (v.end == VERDICT_PREDICTED)
		answer = level_of(q, cycle, &v);
	else if (v.end == VERDICT_POTENTIAL)
		answer = (struct answer){ ORDER_POTENTIAL, order_level_words[ORDER_POTENTIAL] };
	else if (v.end == VERDICT_REFUTED)
		answer.words = order_hidden_words[ORDER_HIDDEN_REFUTED];
	else if (v.end == VERDICT_ORDERED)
		answer.words = order_hidden_words[v.reason];
	verdict_fini(&v);
	return answer;
}

static const char *ask(const struct scenario *s)
{
	struct answer best = { UINT_MAX, "none" };
	struct notation n;
	struct inquiry q;

	notation_read(&n, s->run, s->kinds);
	assert_int_equal(inquiry_init(&q, n.history, n.nr_nodes, 5, 100000000), 0);
	for (size_t i = 0; i < q.cycles.nr; i++) {
		struct answer answer = answer_of(&q, &q.cycles.at[i]);

		if (answer.rank < best.rank)
			best = answer;
	}
	assert_int_equal(n.history->clock_skews, 0);
	inquiry_fini(&q);
	notation_free(&n);
	return best.words;
}

static void test_scenarios(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		const char *answer = ask(&scenarios[i]);

		if (strcmp(answer, scenarios[i].expected) == 0)
			continue;
		print_error("%s: expected %s, got %s\n", scenarios[i].name, scenarios[i].expected,
			    answer);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
	};

	return cmocka_run_group_tests_name("order scenarios", tests, NULL, NULL);
}
