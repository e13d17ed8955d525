/* SPDX-License-Identifier: MIT */
/* judge_questions.h: what judge_relative.c asks of the runs; see judge_questions.c */
#ifndef ANALYZER_JUDGE_QUESTIONS_H
#define ANALYZER_JUDGE_QUESTIONS_H

#include "check.h"

enum family_kind { FAMILY_HOLDS, FAMILY_WAITS, FAMILY_ALL_WAITS, NR_FAMILIES };

struct question {
	const struct lock_change *lock;
	enum metric metric;
	double relative; /* greatest growth */
};

/* Questions that are tested together. */
struct family {
	double alpha;	 /* chance of a false failure by any of them */
	size_t capacity; /* questions that so many runs can answer */
	struct question *questions;
	size_t nr;
	size_t nr_named; /* by the budget, and asked in any case; the first ones */
	size_t nr_all;	 /* that would be asked if all could be answered */
};

struct families {
	struct family family[NR_FAMILIES];
	bool *differ;	  /* of each comparison: waiting was asked for, and cannot be compared */
	bool lacks_units; /* ... of units of work, which not all runs mark */
};

/* 0 or -ENOMEM; to be freed in either case. */
int questions_find(struct check *check, struct families *families);
/* Counts the locks that could be, and are, asked for. */
void questions_count(struct check *check, const struct families *families);
void questions_free(struct families *families);

bool question_is_contention(enum metric metric);
/* Whether the budget compares any value of the lock by name. */
bool question_is_named(const struct check *check, const struct lock_change *lock);

#endif
