/* SPDX-License-Identifier: MIT */
/*
 * requests.h: what threads ask for while they hold something; cycles are made of these
 *
 * Requests of the same thing, in the same way, under the same locks are one, whoever makes them
 * and wherever. What is held is told with its mode: two readers are no gate.
 */
#ifndef LOCKPROF_ORDER_REQUESTS_H
#define LOCKPROF_ORDER_REQUESTS_H

#include "history.h"

enum request_how {
	REQUEST_LOCK,
	REQUEST_TIMED,
	REQUEST_TRY,	/* does not block: in no cycle but those that it makes harmless */
	REQUEST_JOIN,	/* the end of a thread */
	REQUEST_SIGNAL, /* a signal or a token */
};

/* held: thing << 1 | shared */
#define HELD(thing, shared) ((uint32_t)(thing) << 1 | !!(shared))
#define HELD_THING(held)    ((held) >> 1)
#define HELD_SHARED(held)   ((held)&1)

struct visitor {
	uint32_t thread, node;
	/* REQUEST in the name of a signal: of this thing, given by the thread later; NO_OP: not */
	uint32_t owes;
};

struct request {
	uint32_t thing;
	enum request_how how;
	bool shared;
	uint32_t nr_held, *held; /* ascending */
	uint32_t nr_visitors, room_visitors;
	struct visitor *visitors;
	uint64_t hash;
};

struct requests {
	uint32_t nr, room;
	struct request *at;
	uint32_t *slots, nr_slots; /* request + 1 */
};

/*
 * Adds a visitor to the request like this one (thing, how, shared, held; held is sorted here and
 * copied). 0 or -ENOMEM
 */
int requests_add(struct requests *requests, const struct request *like, struct visitor visitor);
/* Sorts the visitors and leaves each one once. Then no more may be added. */
void requests_finish(struct requests *requests);
void requests_fini(struct requests *requests);

#endif
