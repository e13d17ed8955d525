/* SPDX-License-Identifier: MIT */
/*
 * check_github.c: the results where GitHub shows them: annotations beside the code, and the step's
 * summary as Markdown
 *
 * A step may show 10 errors and 10 warnings; a runner drops what is beyond without a word. So the
 * tenth says how many more there are. A path must be relative to the repository, else the
 * annotation stands beside no code.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ANNOTATIONS 10

/* Values end at a line's end; properties at a comma or colon, too. */
static void put_escaped(const char *text, bool property, FILE *out)
{
	for (const char *c = text; *c; c++) {
		bool special = *c == '%' || *c == '\r' || *c == '\n' ||
			       (property && (*c == ':' || *c == ','));

		if (special)
			fprintf(out, "%%%02X", (unsigned char)*c);
		else
			fputc(*c, out);
	}
}

static const char *in_repository(const char *file)
{
	const char *root = getenv("GITHUB_WORKSPACE");
	size_t length = root ? strlen(root) : 0;

	if (length && strncmp(file, root, length) == 0 && file[length] == '/')
		return file + length + 1;
	return file;
}

static void put_annotation(const char *command, const struct result *result, FILE *out)
{
	fprintf(out, "::%s ", command);
	if (result->file) {
		fputs("file=", out);
		put_escaped(in_repository(result->file), true, out);
		if (result->line > 0)
			fprintf(out, ",line=%d", result->line);
		fputc(',', out);
	}
	fputs("title=", out);
	put_escaped("lockprof: ", true, out);
	put_escaped(result->subject, true, out);
	fputc(' ', out);
	put_escaped(result->rule, true, out);
	fputs("::", out);
	put_escaped(result->text, false, out);
	fputc('\n', out);
}

static bool is_of(const struct result *result, bool errors)
{
	return errors ? result->verdict == JUDGED_FAIL
		      : result->verdict == JUDGED_WARN || result->verdict == JUDGED_INCONCLUSIVE;
}

static void put_kind(const struct check *check, bool errors, FILE *out)
{
	const char *command = errors ? "error" : "warning";
	size_t total = 0, shown = 0, room;

	for (size_t i = 0; i < check->nr_results; i++)
		total += is_of(&check->results[i], errors);
	room = total > MOST_ANNOTATIONS ? MOST_ANNOTATIONS - 1 : total;
	for (size_t i = 0; i < check->nr_results && shown < room; i++) {
		if (!is_of(&check->results[i], errors))
			continue;
		put_annotation(command, &check->results[i], out);
		shown++;
	}
	if (shown < total)
		fprintf(out, "::%s title=lockprof::%zu more are in the step's summary\n", command,
			total - shown);
}

int check_github(const struct check *check, FILE *out)
{
	put_kind(check, true, out);
	put_kind(check, false, out);
	return 0;
}

/* ---- the summary ---- */

/* What Markdown, HTML in it, or a table's cell would take for its own. */
static int put_markdown(const char *value, FILE *out)
{
	size_t size = output_escape(NULL, 0, value) + 1;
	char *text = malloc(size);

	if (!text)
		return -ENOMEM;
	output_escape(text, size, value);
	for (const char *c = text; *c; c++) {
		if (*c == '<')
			fputs("&lt;", out);
		else if (*c == '&')
			fputs("&amp;", out);
		else if (strchr("\\`*_[]|#~", *c))
			fprintf(out, "\\%c", *c);
		else
			fputc(*c, out);
	}
	free(text);
	return 0;
}

static int put_row(const struct check *check, const struct result *result, FILE *out)
{
	const struct change *change = &result->lock->metric[result->metric];
	enum metric metric = (enum metric)result->metric;
	char text[OUTPUT_NUMBER];
	int err;

	fputs("| ", out);
	err = put_markdown(result->subject, out);
	fprintf(out, " | %s", metrics[metric].name);
	fprintf(out, " | %s", check->has_base ? metric_text(text, metric, change->base) : "");
	fprintf(out, " | %s", metric_text(text, metric, change->more));
	fprintf(out, " | %s",
		check->has_base ? metric_change(text, change->base, change->more) : "");
	if (isnan(result->p_adjusted))
		fputs(" | ", out);
	else
		fprintf(out, " | %.2g", result->p_adjusted);
	fprintf(out, " | %s |\n", verdict_words[result->verdict]);
	return err;
}

int check_markdown(const struct check *check, FILE *out)
{
	int err = 0;

	fprintf(out, "### lockprof check: %s\n\n", verdict_words[check->verdict]);
	for (size_t i = 0; i < check->nr_results && !err; i++) {
		if (check->results[i].verdict == JUDGED_PASS)
			continue;
		fprintf(out, "- **%s** ", verdict_words[check->results[i].verdict]);
		err = put_markdown(check->results[i].text, out);
		fputc('\n', out);
	}
	fputs("\n| lock | value | base | new | change | p | |\n"
	      "|---|---|--:|--:|--:|--:|---|\n",
	      out);
	for (size_t i = 0; i < check->nr_results && !err; i++)
		if (check->results[i].metric >= 0)
			err = put_row(check, &check->results[i], out);
	return err;
}
