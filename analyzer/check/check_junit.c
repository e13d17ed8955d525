/* SPDX-License-Identifier: MIT */
/*
 * check_junit.c: the results as JUnit XML, one test case each
 *
 * A regression is a failure. What cannot be told, and what only warns, is skipped with its reason:
 * the format knows no third colour, and an error would claim that lockprof itself broke.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* XML 1.0 has no way to write control characters, so they come escaped as for a terminal. */
static int put_attribute(const char *name, const char *value, FILE *out)
{
	size_t size = output_escape(NULL, 0, value) + 1;
	char *text = malloc(size);

	if (!text)
		return -ENOMEM;
	output_escape(text, size, value);
	fprintf(out, " %s=\"", name);
	for (const char *c = text; *c; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*c, out);
		}
	}
	fputc('"', out);
	free(text);
	return 0;
}

static int put_case(const struct result *result, FILE *out)
{
	const char *element = result->verdict == JUDGED_FAIL ? "failure" : "skipped";
	char class[64], *name;
	int err;

	if (asprintf(&name, "%s: %s", result->subject, result->rule) < 0)
		return -ENOMEM;
	snprintf(class, sizeof(class), "lockprof.%s", tier_words[result->tier]);
	fputs("    <testcase", out);
	err = put_attribute("classname", class, out);
	if (!err)
		err = put_attribute("name", name, out);
	free(name);
	if (!err && result->file)
		err = put_attribute("file", result->file, out);
	if (!err && result->file && result->line > 0)
		fprintf(out, " line=\"%d\"", result->line);
	fputs(" time=\"0\"", out);
	if (result->verdict == JUDGED_PASS) {
		fputs("/>\n", out);
		return err;
	}
	fprintf(out, ">\n      <%s", element);
	if (!err && result->verdict == JUDGED_FAIL)
		err = put_attribute("type", verdict_words[result->verdict], out);
	if (!err)
		err = put_attribute("message", result->text, out);
	fputs("/>\n    </testcase>\n", out);
	return err;
}

int check_junit(const struct check *check, FILE *out)
{
	size_t failed = check_count(check, JUDGED_FAIL);
	size_t skipped = check_count(check, JUDGED_INCONCLUSIVE) + check_count(check, JUDGED_WARN);
	int err = 0;

	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"lockprof\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n"
		"  <testsuite name=\"lockprof check\" tests=\"%zu\" failures=\"%zu\" "
		"errors=\"0\" skipped=\"%zu\" time=\"0\">\n",
		check->nr_results, failed, check->nr_results, failed, skipped);
	for (size_t i = 0; i < check->nr_results && !err; i++)
		err = put_case(&check->results[i], out);
	fputs("  </testsuite>\n</testsuites>\n", out);
	return err;
}
