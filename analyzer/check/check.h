/* SPDX-License-Identifier: MIT */
/*
 * check.h: a comparison judged, so that a build can fail by it
 *
 *	budget.c	the user's limits, from a file; budget_write.c makes one from a baseline
 *	budget_limits.c	which of them are for which lock
 *	make_runs.c	runs a program several times, recorded
 *	judge.c		counts that must not change, and absolute budgets
 *	judge_order.c	deadlocks and lock order
 *	judge_questions.c	what is compared with the baseline
 *	judge_relative.c	... by tests, and what may grow by so much
 *	judge_words.c	each result as sentences
 *	check_text.c, check_json.c, check_junit.c, check_sarif.c, check_github.c	the writers
 *
 * Four tiers, by what can be trusted. EXACT has no noise: deadlocks, lock order, counts that never
 * vary. ROBUST are medians of holds, which vary little even on loaded machines. CONTENTION is
 * waiting, which varies by itself and gates only when asked to. BUDGET are limits in absolute
 *terms, which the user chose and which always count.
 *
 * A check has one comparison, of whole runs, or more, of phases of these; see ../diff/scopes.c.
 */
#ifndef ANALYZER_CHECK_H
#define ANALYZER_CHECK_H

#include "../diff/diff.h"
#include "../options.h"

/* ---- budget.c ---- */

enum policy { POLICY_IGNORE, POLICY_WARN, POLICY_FAIL };

/* NAN: the section does not say. */
struct limits {
	char *pattern; /* of a lock's name, with the shell's wildcards; NULL: all locks together */
	char *phase;   /* NULL: of whole runs, or of each phase when only phases are judged */
	unsigned int line;
	double absolute[NR_METRICS];
	unsigned int absolute_line[NR_METRICS];
	double relative[NR_METRICS]; /* 0.2: may grow by 20 %; INFINITY: is not compared */
	double exact_acquisitions;   /* 0 or 1 */
};

struct phase_names {
	char **items;
	size_t nr;
};

struct budget {
	const char *path; /* NULL: none was read, all is as it is by default */
	double alpha, wait_alpha;
	double min_runs;
	double gate_hold, gate_wait, gate_units, exact_acquisitions; /* 0 or 1 */
	double hold_rel, wait_rel, units_rel;
	double hold_floor_ns, demand_floor_ns, wait_floor_ns;
	enum policy on_missing_lock, on_missing_phase, on_new_lock;
	struct limits total;
	struct limits *locks; /* later ones win */
	size_t nr_locks;
	struct limits *phases; /* all locks together in a phase */
	size_t nr_phases;
	struct phase_names only; /* judge these; none: whole runs, and phases that sections name */
	/* [lock-order] */
	int fail_on;	   /* enum order_level; ORDER_LEVELS: never */
	double max_cycles; /* NAN: any number */
	enum policy new_edges;
	/* Not from the file: how often the runs may be looked at, with more of them each time. */
	unsigned int nr_looks;
};

void budget_init(struct budget *budget);
void budget_fini(struct budget *budget);
/* 0, or -errno with a message (file:line) on stderr. */
int budget_read(struct budget *budget, const char *path);
int budget_parse(struct budget *budget, const char *path, FILE *in);
/* Judges these phases and no others, whatever the file says. 0 or -ENOMEM. */
int budget_only(struct budget *budget, const struct option_list *phases);
/* What is to be compared. 0 or -ENOMEM. */
int budget_scopes(const struct budget *budget, struct scopes *scopes);
/* Of a section that says nothing. */
struct limits budget_no_limits(void);

/* ---- budget_limits.c ---- */

/* What holds for a lock, or for all of them. */
struct limits budget_limits(const struct budget *budget, const struct lock_change *lock);
bool budget_fits(const struct budget *budget, const struct limits *section,
		 const struct lock_change *lock);

/* A budget that the runs of the baseline keep, with comments. 0 or -errno. */
int budget_write(const struct comparison *comparisons, size_t nr, FILE *out);

/* ---- judge*.c ---- */

enum tier { TIER_EXACT, TIER_ROBUST, TIER_CONTENTION, TIER_BUDGET };
extern const char *const tier_words[];

/* Ordered: the check's is the worst of its results'. */
enum verdict { JUDGED_PASS, JUDGED_WARN, JUDGED_INCONCLUSIVE, JUDGED_FAIL };
extern const char *const verdict_words[];

struct result {
	enum tier tier;
	enum verdict verdict;
	const char *subject; /* the lock, or "lock order" */
	const char *rule; /* "hold_p50", "PREDICTED", ...: with the subject it names the result */
	char *text;	  /* whole sentences; owned */
	const struct lock_change *lock; /* NULL: it is not about one */
	int metric;			/* -1: none */
	double limit;			/* BUDGET: greatest value; else greatest ratio; NAN: none */
	double p, p_adjusted;		/* NAN: not tested */
	bool is_sure;			/* p_adjusted is below its share of alpha */
	size_t nr_tested;		/* values that p was adjusted for */
	double visible;			/* growth that waiting must rule out to pass */
	const char *file, *function;	/* where; NULL: not known */
	int line;
};

struct check {
	const struct comparison *comparisons; /* the first one is of whole runs */
	size_t nr_comparisons;
	const struct budget *budget;
	bool has_base;
	size_t nr_results, nr_questions; /* questions: comparisons that were tested together */
	struct result *results;
	size_t nr_eligible, nr_judged; /* locks that could be, and were, compared */
	size_t runs_for_all;	       /* runs a side that could judge all eligible locks */
	enum verdict verdict;
	bool wants_runs; /* what was not asked, or cannot be told, could be with more of them */
};

/* 0 or -ENOMEM. The comparisons and the budget must outlive it. */
int check_judge(struct check *check, const struct comparison *comparisons, size_t nr,
		const struct budget *budget, bool has_base);
void check_fini(struct check *check);
size_t check_count(const struct check *check, enum verdict verdict);

/* Whether the comparison's locks are judged at all. Whole runs are not when only phases are. */
bool check_judges(const struct check *check, const struct comparison *comparison);
/* ... and all of their values, not only those that the budget names. */
bool check_judges_all(const struct check *check, const struct comparison *comparison);

/* Parts of it. NULL: out of memory. */
struct result *check_add(struct check *check, enum tier tier, enum verdict verdict,
			 const char *subject, const char *rule);
int judge_order(struct check *check);
int judge_relative(struct check *check);
/* The place that gained most in what the metric is about, or NULL. */
const struct place_change *judge_culprit(const struct lock_change *lock, enum metric metric);

/* ---- judge_words.c: set a result's text and place. 0 or -ENOMEM ---- */

int words_relative(const struct check *check, struct result *result);
int words_absolute(const struct check *check, struct result *result, unsigned int line);
/* Of acquisitions per unit of work, `most` in a new run. */
int words_units(struct result *result, double most);
int words_plain(struct result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- the writers; 0 or -errno ---- */

int check_text(const struct check *check, FILE *out);
int check_json(const struct check *check, FILE *out);
int check_junit(const struct check *check, FILE *out);
int check_sarif(const struct check *check, FILE *out);
/* Workflow commands, which a runner of GitHub's shows beside the code. */
int check_github(const struct check *check, FILE *out);
/* The same as Markdown, for $GITHUB_STEP_SUMMARY. */
int check_markdown(const struct check *check, FILE *out);

/* ---- make_runs.c ---- */

struct make_runs {
	size_t nr, nr_made;	  /* runs a side that are wanted, and that there are */
	char **command;		  /* the new one, NULL at the end */
	const char *base_command; /* for sh; NULL: only the new one is run */
	const char *keep;	  /* folder for the traces; NULL: they are removed */
	const struct option_list *settings;
};

/*
 * Makes the runs that are missing, in turn when there are two commands, and adds them. *status is
 * the first program's that failed, after which no more is run. 0, or -errno with a message.
 */
int make_runs(const struct make_runs *plan, struct runs *base, struct runs *more, int *status);
/* Removes what was not to be kept. */
void make_runs_clean(void);

#endif
