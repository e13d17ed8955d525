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
 *	[lock "cache.mu" in "serve"]
 *	acquisitions_per_unit = 2
 *	[phase "serve"]
 *	wait_share = 1%
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
	FORM_NAMES, /* load, serve */
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
	KEY("on_missing_phase", FORM_POLICY, on_missing_phase),
	KEY("on_new_lock", FORM_POLICY, on_new_lock),
	KEY("phases", FORM_NAMES, only),
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

struct limits budget_no_limits(void)
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
		.on_missing_phase = POLICY_FAIL,
		.on_new_lock = POLICY_WARN,
		.total = budget_no_limits(),
		.fail_on = ORDER_PREDICTED,
		.max_cycles = NAN,
		.new_edges = POLICY_FAIL,
		.nr_looks = 1,
	};
}

static void names_fini(struct phase_names *names)
{
	for (size_t i = 0; i < names->nr; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct phase_names){ 0 };
}

static void sections_fini(struct limits *sections, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(sections[i].pattern);
		free(sections[i].phase);
	}
	free(sections);
}

void budget_fini(struct budget *budget)
{
	sections_fini(budget->locks, budget->nr_locks);
	sections_fini(budget->phases, budget->nr_phases);
	names_fini(&budget->only);
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

static int add_name(struct phase_names *names, const char *text, size_t length)
{
	char **items = realloc(names->items, (names->nr + 1) * sizeof(*items));

	if (!items)
		return -ENOMEM;
	names->items = items;
	items[names->nr] = strndup(text, length);
	if (!items[names->nr])
		return -ENOMEM;
	names->nr++;
	return 0;
}

static const char *parse_names(const char *text, struct phase_names *names)
{
	names_fini(names);
	for (;;) {
		size_t length = strcspn(text, ","), used = length;

		while (used > 0 && isspace((unsigned char)text[used - 1]))
			used--;
		if (!used)
			return "names of phases, such as load, serve";
		if (add_name(names, text, used))
			return "memory";
		if (!text[length])
			return NULL;
		text += length + 1;
		text += strspn(text, " \t");
	}
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
	case FORM_NAMES:
		return parse_names(text, to);
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

/* Of a text in quotes the quotes are cut off. False: it is none. */
static bool unquote(char **text)
{
	size_t length = strlen(*text);

	if (length < 3 || (*text)[0] != '"' || (*text)[length - 1] != '"')
		return false;
	(*text)[length - 1] = '\0';
	++*text;
	return true;
}

/* Behind the quote of `"a.mu" in "serve"`, where "in" stands; NULL: that is all a name. */
static char *find_in(char *name)
{
	for (char *quote = name; (quote = strchr(quote + 1, '"')) != NULL;) {
		char *in = quote + 1 + strspn(quote + 1, " \t");

		if (in > quote + 1 && strncmp(in, "in", 2) == 0 &&
		    in[2 + strspn(in + 2, " \t")] == '"')
			return quote + 1;
	}
	return NULL;
}

static int add_section(struct parser *p, struct limits **sections, size_t *nr, const char *pattern,
		       const char *phase)
{
	struct limits *all = realloc(*sections, (*nr + 1) * sizeof(*all));

	if (!all)
		return -ENOMEM;
	*sections = all;
	p->limits = &all[(*nr)++];
	*p->limits = budget_no_limits();
	p->limits->line = p->line;
	p->limits->pattern = pattern ? strdup(pattern) : NULL;
	p->limits->phase = phase ? strdup(phase) : NULL;
	return (pattern && !p->limits->pattern) || (phase && !p->limits->phase) ? -ENOMEM : 0;
}

static int begin_lock(struct parser *p, char *name)
{
	char *behind = find_in(name), *phase = NULL;

	if (behind) {
		phase = strchr(behind, '"');
		*behind = '\0';
	}
	if (!unquote(&name) || (phase && !unquote(&phase)))
		return reject(p,
			      "[lock \"NAME\"] or [lock \"NAME\" in \"PHASE\"] is expected, not "
			      "[lock %s]%s",
			      name, "");
	return add_section(p, &p->budget->locks, &p->budget->nr_locks, name, phase);
}

static int begin_phase(struct parser *p, char *name)
{
	if (!unquote(&name))
		return reject(p, "[phase \"NAME\"] is expected, not [phase %s]%s", name, "");
	return add_section(p, &p->budget->phases, &p->budget->nr_phases, NULL, name);
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
	else if (strncmp(text, "phase ", 6) == 0)
		return begin_phase(p, text + 6 + strspn(text + 6, " \t"));
	else
		return reject(
			p,
			"unknown section [%s]; there are check, lock \"NAME\", phase \"NAME\", "
			"total and lock-order%s",
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
	if (!err && !feof(in)) /* getline() may have found no memory */
		err = ferror(in) ? -EIO : -ENOMEM;
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

/* ---- phases ---- */

int budget_only(struct budget *budget, const struct option_list *phases)
{
	names_fini(&budget->only);
	for (size_t i = 0; i < phases->nr; i++)
		if (add_name(&budget->only, phases->items[i], strlen(phases->items[i])))
			return -ENOMEM;
	return 0;
}

static int add_named(const struct limits *sections, size_t nr, struct scopes *scopes)
{
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++)
		if (sections[i].phase)
			err = scopes_add(scopes, sections[i].phase);
	return err;
}

int budget_scopes(const struct budget *budget, struct scopes *scopes)
{
	int err = scopes_add(scopes, NULL);

	for (size_t i = 0; i < budget->only.nr && !err; i++)
		err = scopes_add(scopes, budget->only.items[i]);
	if (!err && !budget->only.nr)
		err = add_named(budget->phases, budget->nr_phases, scopes);
	if (!err && !budget->only.nr)
		err = add_named(budget->locks, budget->nr_locks, scopes);
	return err;
}
