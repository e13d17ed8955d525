/* SPDX-License-Identifier: MIT */
/*
 * order_suppress.c: findings that a user has looked at and wants to hear no more of
 *
 *	# comment
 *	LEVEL:SITE:SITE...  # why
 *
 * LEVEL and SITE may have the shell's wildcards. A site is a function, a file, or file:line, and
 * stands for one thread of the finding: it fits when one of that thread's two stacks (where it got
 * the lock, where it asks) has such a frame. All sites must fit, each another thread. So a rule
 *says which code is meant, not which locks or lines below it, and goes on fitting in the next
 *build.
 *
 * A colon before a digit belongs to file:line, and two of them to a C++ name.
 */
#include "order_view.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define SITES_MAX 8

struct suppression {
	char *text; /* owned; the others point into it */
	const char *level, *reason;
	const char *sites[SITES_MAX];
	size_t nr_sites;
	unsigned int line;
	bool used;
};

struct suppressions {
	const char *path;
	struct suppression *rules;
	size_t nr;
};

/* ---- reading ---- */

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

/* The next colon that separates sites; NULL: none. */
static char *find_separator(char *text)
{
	for (char *p = text; *p; p++) {
		if (*p != ':')
			continue;
		if (p[1] == ':') {
			p++;
			continue;
		}
		if (!isdigit((unsigned char)p[1]))
			return p;
	}
	return NULL;
}

static bool is_level(const char *pattern)
{
	for (size_t i = 0; order_level_words[i]; i++)
		if (fnmatch(pattern, order_level_words[i], 0) == 0)
			return true;
	return false;
}

/* NULL, or what is wrong with the rule. */
static const char *parse(struct suppression *rule)
{
	char *comment = strchr(rule->text, '#'), *sites = strchr(rule->text, ':');

	rule->reason = "";
	if (comment) {
		*comment = '\0';
		rule->reason = trim(comment + 1);
	}
	if (!sites || (comment && sites > comment))
		return "LEVEL:SITE:SITE is expected";
	*sites++ = '\0';
	rule->level = trim(rule->text);
	if (!is_level(rule->level))
		return "no such level";
	while (sites) {
		char *next = find_separator(sites);

		if (next)
			*next++ = '\0';
		if (rule->nr_sites == SITES_MAX)
			return "too many sites";
		rule->sites[rule->nr_sites] = trim(sites);
		if (!*rule->sites[rule->nr_sites++])
			return "a site is empty";
		sites = next;
	}
	return NULL;
}

static int add_rule(struct suppressions *all, char *text, unsigned int line)
{
	struct suppression *rules = realloc(all->rules, (all->nr + 1) * sizeof(*rules));
	struct suppression *rule;
	const char *wrong;

	if (!rules)
		return -ENOMEM;
	all->rules = rules;
	rule = &rules[all->nr];
	*rule = (struct suppression){ .text = strdup(text), .line = line };
	if (!rule->text)
		return -ENOMEM;
	all->nr++;
	wrong = parse(rule);
	if (wrong)
		output_error("%s:%u: %s", all->path, line, wrong);
	return wrong ? -EINVAL : 0;
}

static int read_rules(struct suppressions *all, FILE *in)
{
	char *text = NULL;
	size_t size = 0;
	int err = 0;

	for (unsigned int line = 1; getline(&text, &size, in) >= 0; line++) {
		char *rule = trim(text);
		int rule_err = *rule && *rule != '#' ? add_rule(all, rule, line) : 0;

		if (!err)
			err = rule_err;
	}
	free(text);
	return err ? err : ferror(in) ? -EIO : 0;
}

int suppressions_read(struct suppressions **suppressions, const char *path)
{
	struct suppressions *all = calloc(1, sizeof(*all));
	FILE *in = fopen(path, "re");
	int err = !all ? -ENOMEM : !in ? -errno : 0;

	if (err) {
		output_error("%s: %s", path, strerror(-err));
	} else {
		all->path = path;
		err = read_rules(all, in);
		if (err && err != -EINVAL)
			output_error("%s: %s", path, strerror(-err));
	}
	if (in)
		fclose(in);
	if (err)
		suppressions_free(all);
	else
		*suppressions = all;
	return err;
}

void suppressions_free(struct suppressions *suppressions)
{
	if (!suppressions)
		return;
	for (size_t i = 0; i < suppressions->nr; i++)
		free(suppressions->rules[i].text);
	free(suppressions->rules);
	free(suppressions);
}

/* ---- fitting ---- */

static bool file_fits(const char *pattern, const char *file, int line)
{
	char text[4200];

	if (fnmatch(pattern, file, 0) == 0)
		return true;
	snprintf(text, sizeof(text), "%s:%d", file, line);
	return fnmatch(pattern, text, 0) == 0;
}

static bool frame_fits(const char *pattern, const struct frame *frame)
{
	if (frame->function && fnmatch(pattern, frame->function, 0) == 0)
		return true;
	return frame->file && (file_fits(pattern, frame->file, frame->line) ||
			       file_fits(pattern, report_base_name(frame->file), frame->line));
}

static bool spot_fits(const char *pattern, const struct order_view *view, uint32_t process,
		      struct order_spot spot)
{
	struct frame frames[REPORT_FRAMES];
	size_t nr = 0;

	if (spot.node || spot.stack)
		nr = order_frames(view, process, spot.node, spot.stack, frames, REPORT_FRAMES);
	for (size_t i = 0; i < nr; i++)
		if (frame_fits(pattern, &frames[i]))
			return true;
	return false;
}

/* Gives each site from number `site` on a member that no other site has. */
static bool sites_fit(const struct suppression *rule, size_t site, const struct order_view *view,
		      const struct order_finding *finding, uint64_t taken)
{
	if (site == rule->nr_sites)
		return true;
	for (size_t i = 0; i < finding->nr_members && i < 64; i++) {
		const struct order_member *member = &finding->members[i];

		if (taken >> i & 1 || (!spot_fits(rule->sites[site], view, finding->process,
						  order_held_spot(member)) &&
				       !spot_fits(rule->sites[site], view, finding->process,
						  order_wanted_spot(member))))
			continue;
		if (sites_fit(rule, site + 1, view, finding, taken | 1ull << i))
			return true;
	}
	return false;
}

const char *suppressions_find(struct suppressions *suppressions, const struct order_view *view,
			      const struct order_finding *finding)
{
	for (size_t i = 0; i < suppressions->nr; i++) {
		struct suppression *rule = &suppressions->rules[i];

		if (fnmatch(rule->level, order_level_words[finding->level], 0) != 0 ||
		    !sites_fit(rule, 0, view, finding, 0))
			continue;
		rule->used = true;
		return rule->reason;
	}
	return NULL;
}

void suppressions_tell_unused(const struct suppressions *suppressions)
{
	for (size_t i = 0; i < suppressions->nr; i++) {
		const struct suppression *rule = &suppressions->rules[i];

		if (!rule->used)
			output_error("%s:%u: nothing fits this suppression", suppressions->path,
				     rule->line);
	}
}

void order_hide_signallers(struct order *order)
{
	for (size_t i = 0; i < order->nr_findings; i++) {
		struct order_finding *finding = &order->findings[i];

		if (finding->level != ORDER_COMM_POTENTIAL || finding->suppressed)
			continue;
		finding->suppressed = "others could give the signal as well; --all tells of it";
		order->hidden[ORDER_HIDDEN_SIGNALLERS]++;
	}
}
