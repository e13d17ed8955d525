/* SPDX-License-Identifier: MIT */
/* check_fixture.h: both sides, a budget and the verdict on them, for the tests of check */
#ifndef LOCKPROF_TESTS_CHECK_FIXTURE_H
#define LOCKPROF_TESTS_CHECK_FIXTURE_H

#include "runs_fixture.h"

#include "../../analyzer/check/check.h"

struct fixture {
	struct runs base, more;
	struct comparison comparison;
	struct budget budget;
	struct check check;
};

static inline void setup(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	budget_init(&f->budget);
}

static inline void budget(struct fixture *f, const char *text)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_int_equal(budget_parse(&f->budget, "b.ini", in), 0);
	fclose(in);
}

static inline enum verdict judge(struct fixture *f)
{
	check_fini(&f->check);
	compare_fini(&f->comparison);
	assert_int_equal(compare_runs(&f->comparison, &f->base, &f->more), 0);
	assert_int_equal(check_judge(&f->check, &f->comparison, 1, &f->budget, f->base.nr > 0), 0);
	return f->check.verdict;
}

static inline void teardown(struct fixture *f)
{
	check_fini(&f->check);
	compare_fini(&f->comparison);
	budget_fini(&f->budget);
	runs_fini(&f->base);
	runs_fini(&f->more);
}

static inline const struct result *find(const struct fixture *f, const char *subject,
					const char *rule)
{
	for (size_t i = 0; i < f->check.nr_results; i++)
		if (strcmp(f->check.results[i].subject, subject) == 0 &&
		    strcmp(f->check.results[i].rule, rule) == 0)
			return &f->check.results[i];
	return NULL;
}

static inline const struct result *get(const struct fixture *f, const char *subject,
				       const char *rule)
{
	const struct result *result = find(f, subject, rule);

	if (!result)
		fail_msg("no %s %s", subject, rule);
	return result;
}

static inline char *written(const struct fixture *f,
			    int (*write)(const struct check *check, FILE *out))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(write(&f->check, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

#endif
