/* SPDX-License-Identifier: MIT */
/*
 * budget.c: the file in which a user says what may not get worse
 *
 *	[check]
 *	alpha = 0.05
 *	[lock "cache.mu"]
 *	hold_p50 = 2us
 *	hold_p50_rel = +20%
 *	[total]
 *	wait_share = 5%
 *	[lock-order]
 *	cycles = 0
 *
 * Sections and keys that are not known are errors: a misspelt limit that is silently no limit
 * would be found when it is too late. Each key is a row of a table, which says where its value goes
 * and how it is written.
 */
#include "check.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum form {
	FORM_TIME,     /* 2us, 1.5ms */
	FORM_COUNT,    /* 4000 */
	FORM_MEAN,     /* 1.5 */
	FORM_RATIO,    /* 5%, 0.05 */
	FORM_RELATIVE, /* +20%, off */
	FORM_YES_NO,
	FORM_POLICY,
	FORM_LEVEL,
};

struct key {
	const char *name;
	enum form form;
	size_t offset; /* in struct budget */
};

#define KEY(name, form, field)                             \
	{                                                  \
		name, form, offsetof(struct budget, field) \
	}

static const struct key check_keys[] = {
	KEY("alpha", FORM_RATIO, alpha),
	KEY("wait_alpha", FORM_RATIO, wait_alpha),
	KEY("min_runs", FORM_COUNT, min_runs),
	KEY("gate_hold", FORM_YES_NO, gate_hold),
	KEY("gate_wait", FORM_YES_NO, gate_wait),
	KEY("gate_units", FORM_YES_NO, gate_units),
	KEY("exact_acquisitions", FORM_YES_NO, exact_acquisitions),
	KEY("hold_rel", FORM_RELATIVE, hold_rel),
	KEY("wait_rel", FORM_RELATIVE, wait_rel),
	KEY("units_rel", FORM_RELATIVE, units_rel),
	KEY("hold_floor", FORM_TIME, hold_floor_ns),
	KEY("demand_floor", FORM_TIME, demand_floor_ns),
	KEY("wait_floor", FORM_TIME, wait_floor_ns),
	KEY("on_missing_lock", FORM_POLICY, on_missing_lock),
	KEY("on_new_lock", FORM_POLICY, on_new_lock),
	{ NULL, 0, 0 },
};

static const struct key order_keys[] = {
	KEY("fail_on", FORM_LEVEL, fail_on),
	KEY("cycles", FORM_COUNT, max_cycles),
	KEY("new_edges", FORM_POLICY, new_edges),
	{ NULL, 0, 0 },
};

static const char *const policy_words[] = { "ignore", "warn", "fail", NULL };

static const struct {
	const char *word;
	double ns;
} time_units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };

static struct limits no_limits(void)
{
	struct limits limits = { .exact_acquisitions = NAN };

	for (int m = 0; m < NR_METRICS; m++)
		limits.absolute[m] = limits.relative[m] = NAN;
	return limits;
}

void budget_init(struct budget *budget)
{
	*budget = (struct budget){
		.alpha = 0.05,
		.wait_alpha = 0.01,
		.gate_hold = 1,
		.gate_units = 1,
		.hold_rel = 0.2,
		.wait_rel = 0.5,
		.units_rel = 0.1,
		.hold_floor_ns = 50,
		.demand_floor_ns = 1e6,
		.wait_floor_ns = 1e6,
		.on_missing_lock = POLICY_WARN,
		.on_new_lock = POLICY_WARN,
		.total = no_limits(),
		.fail_on = ORDER_PREDICTED,
		.max_cycles = NAN,
		.new_edges = POLICY_FAIL,
		.nr_looks = 1,
	};
}

void budget_fini(struct budget *budget)
{
	for (size_t i = 0; i < budget->nr_locks; i++)
		free(budget->locks[i].pattern);
	free(budget->locks);
}

/* ---- values ---- */

/* Cuts one value off the text's front; what follows it is left in *rest. */
static bool number(const char *text, double *value, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return false;
	*value = strtod(text, &end);
	*rest = end + strspn(end, " \t");
	return end != text && isfinite(*value);
}

/* NULL, or what the value should look like. */
static const char *parse_time(const char *text, double *ns)
{
	const char *unit;

	if (number(text, ns, &unit))
		for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++) {
			if (strcmp(unit, time_units[i].word) == 0) {
				*ns *= time_units[i].ns;
				return NULL;
			}
		}
	return "a time with its unit, such as 800ns, 2us, 1.5ms or 1s";
}

static const char *parse_count(const char *text, double *value)
{
	const char *rest;

	if (number(text, value, &rest) && !*rest && *value == floor(*value))
		return NULL;
	return "a whole number";
}

static const char *parse_mean(const char *text, double *value)
{
	const char *rest;

	return number(text, value, &rest) && !*rest ? NULL : "a number such as 2 or 0.5";
}

static const char *parse_ratio(const char *text, double *value)
{
	const char *rest;

	if (number(text, value, &rest) && strcmp(rest, "%") == 0)
		*value /= 100;
	else if (!number(text, value, &rest) || *rest)
		return "a share such as 5% or 0.05";
	return *value <= 1 ? NULL : "at most 100%";
}

static const char *parse_relative(const char *text, double *value)
{
	const char *rest;

	*value = INFINITY;
	if (strcmp(text, "off") == 0)
		return NULL;
	if (*text != '+' || !number(text + 1, value, &rest) || strcmp(rest, "%") != 0)
		return "a growth such as +20%, or off";
	*value /= 100;
	return NULL;
}

static const char *parse_yes_no(const char *text, double *value)
{
	*value = strcmp(text, "yes") == 0;
	return *value > 0 || strcmp(text, "no") == 0 ? NULL : "yes or no";
}

static const char *parse_policy(const char *text, enum policy *value)
{
	for (int i = 0; policy_words[i]; i++) {
		if (strcmp(text, policy_words[i]) == 0) {
			*value = (enum policy)i;
			return NULL;
		}
	}
	return "ignore, warn or fail";
}

static const char *parse_level(const char *text, int *value)
{
	for (*value = 0; order_level_words[*value]; ++*value)
		if (strcmp(text, order_level_words[*value]) == 0)
			return NULL;
	return strcmp(text, "never") == 0
		       ? NULL
		       : "a level of lockprof order, such as PREDICTED, or never";
}

static const char *parse_value(enum form form, const char *text, void *to)
{
	switch (form) {
	case FORM_TIME:
		return parse_time(text, to);
	case FORM_COUNT:
		return parse_count(text, to);
	case FORM_MEAN:
		return parse_mean(text, to);
	case FORM_RATIO:
		return parse_ratio(text, to);
	case FORM_RELATIVE:
		return parse_relative(text, to);
	case FORM_YES_NO:
		return parse_yes_no(text, to);
	case FORM_POLICY:
		return parse_policy(text, to);
	case FORM_LEVEL:
		return parse_level(text, to);
	}
	return "something else";
}

/* ---- lines ---- */

struct parser {
	struct budget *budget;
	const char *path;
	unsigned int line;
	const struct key *keys; /* of the section; NULL: limits */
	struct limits *limits;
	bool in_section;
};

static int reject(const struct parser *p, const char *format, const char *word, const char *more)
{
	char text[512];

	snprintf(text, sizeof(text), format, word, more);
	output_error("%s:%u: %s", p->path, p->line, text);
	return -EINVAL;
}

static int begin_lock(struct parser *p, char *name)
{
	struct budget *budget = p->budget;
	size_t length = strlen(name);
	struct limits *locks;

	if (length < 3 || name[0] != '"' || name[length - 1] != '"')
		return reject(p, "[lock \"NAME\"] is expected, not [lock %s]%s", name, "");
	locks = realloc(budget->locks, (budget->nr_locks + 1) * sizeof(*locks));
	if (!locks)
		return -ENOMEM;
	budget->locks = locks;
	p->limits = &locks[budget->nr_locks];
	*p->limits = no_limits();
	p->limits->line = p->line;
	p->limits->pattern = strndup(name + 1, length - 2);
	if (!p->limits->pattern)
		return -ENOMEM;
	budget->nr_locks++;
	return 0;
}

/* "[lock "a.mu"]", its brackets cut off. */
static int begin_section(struct parser *p, char *text)
{
	p->in_section = true;
	p->keys = NULL;
	p->limits = NULL;
	if (strcmp(text, "check") == 0)
		p->keys = check_keys;
	else if (strcmp(text, "lock-order") == 0)
		p->keys = order_keys;
	else if (strcmp(text, "total") == 0)
		p->limits = &p->budget->total;
	else if (strncmp(text, "lock ", 5) == 0)
		return begin_lock(p, text + 5 + strspn(text + 5, " \t"));
	else
		return reject(
			p,
			"unknown section [%s]; there are check, lock \"NAME\", total and lock-order%s",
			text, "");
	return 0;
}

static int set_key(struct parser *p, const char *name, const char *value)
{
	struct nearest nearest = nearest_begin(name);
	const char *wrong;

	for (const struct key *key = p->keys; key->name; key++) {
		nearest_offer(&nearest, key->name);
		if (strcmp(key->name, name) != 0)
			continue;
		wrong = parse_value(key->form, value, (char *)p->budget + key->offset);
		return wrong ? reject(p, "%s wants %s", name, wrong) : 0;
	}
	return reject(p, nearest.best ? "unknown key %s; did you mean %s?" : "unknown key %s%s",
		      name, nearest.best ? nearest.best : "");
}

static enum form form_of(int metric)
{
	switch (metrics[metric].unit) {
	case METRIC_NS:
		return FORM_TIME;
	case METRIC_COUNT:
		return FORM_COUNT;
	case METRIC_MEAN:
		return FORM_MEAN;
	default:
		return FORM_RATIO;
	}
}

static bool is_relative(const char *name, const char *metric)
{
	size_t length = strlen(metric);

	return strncmp(name, metric, length) == 0 && strcmp(name + length, "_rel") == 0;
}

/* hold_p50 = 2us, hold_p50_rel = +20%, exact_acquisitions = yes */
static int set_limit(struct parser *p, const char *name, const char *value)
{
	struct nearest nearest = nearest_begin(name);
	const char *wrong = NULL;

	if (strcmp(name, "exact_acquisitions") == 0) {
		wrong = parse_yes_no(value, &p->limits->exact_acquisitions);
		return wrong ? reject(p, "%s wants %s", name, wrong) : 0;
	}
	for (int m = 0; m < NR_METRICS; m++) {
		bool relative = is_relative(name, metrics[m].name);

		nearest_offer(&nearest, metrics[m].name);
		if (!relative && strcmp(name, metrics[m].name) != 0)
			continue;
		if (relative)
			wrong = parse_relative(value, &p->limits->relative[m]);
		else
			wrong = parse_value(form_of(m), value, &p->limits->absolute[m]);
		p->limits->absolute_line[m] = relative ? p->limits->absolute_line[m] : p->line;
		return wrong ? reject(p, "%s wants %s", name, wrong) : 0;
	}
	return reject(p, nearest.best ? "unknown key %s; did you mean %s?" : "unknown key %s%s",
		      name, nearest.best ? nearest.best : "");
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

/* A comment begins a line or follows a blank, so that a lock's name may have a '#'. */
static void cut_comment(char *text)
{
	bool quoted = false;

	for (char *c = text; *c; c++) {
		quoted ^= *c == '"';
		if (!quoted && (*c == '#' || *c == ';') &&
		    (c == text || isspace((unsigned char)c[-1]))) {
			*c = '\0';
			return;
		}
	}
}

static int parse_line(struct parser *p, char *line)
{
	char *text, *equals;
	size_t length;

	cut_comment(line);
	text = trim(line);
	length = strlen(text);
	if (!length)
		return 0;
	if (*text == '[') {
		if (text[length - 1] != ']')
			return reject(p, "the section's ] is missing%s%s", "", "");
		text[length - 1] = '\0';
		return begin_section(p, trim(text + 1));
	}
	equals = strchr(text, '=');
	if (!equals)
		return reject(p, "KEY = VALUE is expected, not %s%s", text, "");
	if (!p->in_section)
		return reject(p, "%s stands before the first section%s", text, "");
	*equals = '\0';
	return p->limits ? set_limit(p, trim(text), trim(equals + 1))
			 : set_key(p, trim(text), trim(equals + 1));
}

int budget_parse(struct budget *budget, const char *path, FILE *in)
{
	struct parser p = { .budget = budget, .path = path };
	char *line = NULL;
	size_t size = 0;
	int err = 0;

	budget->path = path;
	while (getline(&line, &size, in) >= 0) {
		int line_err;

		p.line++;
		line_err = parse_line(&p, line);
		/* What follows a bad header belongs to no section, and says nothing new. */
		if (line_err && !err)
			err = line_err;
		if (line_err && !p.keys && !p.limits)
			break;
	}
	if (!err && ferror(in))
		err = -EIO;
	free(line);
	for (int i = 0; i < 2 && !err; i++) {
		double alpha = i ? budget->wait_alpha : budget->alpha;

		if (alpha > 0 && alpha < 1)
			continue;
		output_error("%s: %s must be between 0 and 1", path, i ? "wait_alpha" : "alpha");
		err = -EINVAL;
	}
	return err;
}

int budget_read(struct budget *budget, const char *path)
{
	FILE *in = fopen(path, "re");
	int err = in ? budget_parse(budget, path, in) : -errno;

	if (err && err != -EINVAL)
		output_error("%s: %s", path, strerror(-err));
	if (in)
		fclose(in);
	return err;
}

/* ---- what holds for a lock ---- */

/* By its label, or by the name in its key: that lacks the address that twins are told apart by. */
bool budget_fits(const struct limits *section, const struct lock_change *lock)
{
	const char *name = strchr(lock->key, '/');

	name = name ? strchr(name + 1, '/') : NULL;
	name = name ? name + 1 : lock->key;
	return strcmp(section->pattern, lock->label) == 0 || strcmp(section->pattern, name) == 0 ||
	       fnmatch(section->pattern, lock->label, 0) == 0 ||
	       fnmatch(section->pattern, name, 0) == 0;
}

struct limits budget_limits(const struct budget *budget, const struct lock_change *lock)
{
	struct limits sum = no_limits();

	for (size_t i = 0; i < budget->nr_locks; i++) {
		const struct limits *section = &budget->locks[i];

		if (!budget_fits(section, lock))
			continue;
		for (int m = 0; m < NR_METRICS; m++) {
			if (!isnan(section->relative[m]))
				sum.relative[m] = section->relative[m];
			if (isnan(section->absolute[m]))
				continue;
			sum.absolute[m] = section->absolute[m];
			sum.absolute_line[m] = section->absolute_line[m];
		}
		if (!isnan(section->exact_acquisitions))
			sum.exact_acquisitions = section->exact_acquisitions;
	}
	return sum;
}
