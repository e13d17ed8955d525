/* SPDX-License-Identifier: MIT */
/*
 * notation.h: runs written down in lines of text, for tests of analyzer/order
 *
 *	"1: +A +B -B -A\n2: +B +A -A -B"
 *
 * Lines (or parts between semicolons) are what one thread does next, in the order of the run.
 *
 *	+A -A		locks, unlocks		r+A	locks for reading
 *	?+A r?+A	trylock that got it	?-A	trylock that did not
 *	~+A		timed lock that got it	!A r!A	waits for it for ever
 *	fork=T join=T	creates, joins		exit	ends (else a thread ends when it is joined)
 *	wait_b=C	begins a wait; right behind the unlock of its mutex it is one step with it
 *	wait_e=C	is woken		signal=C broadcast=C
 *	post=S semwait=S			bar_in=B bar_out=B
 *
 * Names that begin with "h:" lie in memory that threads hand to each other.
 */
#ifndef LOCKPROF_TESTS_NOTATION_H
#define LOCKPROF_TESTS_NOTATION_H

#include "../../analyzer/order/history.h"

#define NOTATION_NAMES 64

struct notation_name {
	char text[16];
	uint32_t thing;
};

struct notation {
	struct history *history;
	uint32_t nr_nodes;
	uint32_t nr_names;
	struct notation_name names[NOTATION_NAMES];
};

/*
 * The finished history of the text. `kinds`: words like "A=wpref s=0 b=2": rwlocks that prefer
 * writers, tokens of semaphores, threads of barriers. Ends the program at a mistake.
 */
void notation_read(struct notation *notation, const char *text, const char *kinds);
void notation_free(struct notation *notation);

#endif
