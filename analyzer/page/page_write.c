/* SPDX-License-Identifier: MIT */
/*
 * The page: viz/page.html, which stands in this program's own read-only data, with the run's data in
 * the place that it keeps for them.
 *
 * JSON is written with the three characters that mean something to HTML as escapes. They occur
 * inside strings only, so every reader of JSON sees the same, and no name can end the element.
 */
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MARK "<!--lockprof:data-->"

/* The template; its bytes end with a NUL of ours. */
__asm__(".pushsection .rodata\n"
	".global page_template\n"
	"page_template:\n"
	".incbin \"viz/page.html\"\n"
	".byte 0\n"
	".popsection\n");
extern const char page_template[];

static void write_escaped(const char *text, size_t size, FILE *out)
{
	while (size > 0) {
		size_t plain = 0;

		while (plain < size && !strchr("<>&", text[plain]))
			plain++;
		fwrite(text, 1, plain, out);
		text += plain;
		size -= plain;
		if (!size)
			break;
		fprintf(out, "\\u%04x", (unsigned int)*text);
		text++;
		size--;
	}
}

static int put_json(const struct report *const *reports, struct page_run *runs, size_t nr_runs,
		    const struct page_options *options, FILE *out)
{
	struct json json;
	int err = 0;

	json_init(&json, out, false);
	json_object_begin(&json, NULL);
	json_string(&json, "schema", "lockprof-page/1");
	json_string(&json, "version", LOCKPROF_VERSION);
	json_string(&json, "title",
		    options->title ? options->title
				   : report_base_name(reports[nr_runs - 1]->model->processes[0].exe));
	json_array_begin(&json, "runs");
	for (size_t i = 0; i < nr_runs && !err; i++) {
		runs[i] = (struct page_run){ .report = reports[i], .model = reports[i]->model,
					     .json = &json };
		if (i + 1 == nr_runs)
			runs[i].max_intervals = options->max_intervals;
		else
			runs[i].no_timeline = "it is the base of a comparison";
		err = page_run_put(&runs[i], NULL);
	}
	json_array_end(&json);
	json_object_end(&json);
	return err ? err : json_finish(&json);
}

static void write_element(const char *id, const char *text, size_t size, FILE *out)
{
	fprintf(out, "<script type=\"application/json\" id=\"%s\">", id);
	write_escaped(text, size, out);
	fputs("</script>\n", out);
}

static int write_json(const struct report *const *reports, struct page_run *runs, size_t nr_runs,
		      const struct page_options *options, FILE *out)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);
	int err;

	if (!memory)
		return -ENOMEM;
	err = put_json(reports, runs, nr_runs, options, memory);
	if (fclose(memory) != 0 && !err)
		err = -ENOMEM;
	if (!err)
		write_element("lockprof-page", text, size, out);
	if (!err && options->order)
		write_element("lockprof-order", options->order, strlen(options->order), out);
	free(text);
	return err;
}

static int write_data(const struct report *const *reports, size_t nr_runs,
		      const struct page_options *options, FILE *out)
{
	struct page_run *runs = calloc(nr_runs, sizeof(*runs));
	int err = runs ? write_json(reports, runs, nr_runs, options, out) : -ENOMEM;

	for (size_t i = 0; i < nr_runs && !err; i++)
		err = page_write_stacks(runs[i].places, i + 1 == nr_runs ? "" : "base_", out);
	if (!err)
		err = page_write_spans(&runs[nr_runs - 1], out);
	if (!err)
		err = timeline_write(&runs[nr_runs - 1], out);
	for (size_t i = 0; runs && i < nr_runs; i++)
		page_run_fini(&runs[i]);
	free(runs);
	return err;
}

int page_write(const struct report *const *reports, size_t nr_reports,
	       const struct page_options *options, FILE *out)
{
	const char *mark = strstr(page_template, MARK);
	int err;

	if (!mark)
		return -ENOEXEC;
	fwrite(page_template, 1, (size_t)(mark - page_template), out);
	err = write_data(reports, nr_reports, options, out);
	fputs(mark + strlen(MARK), out);
	if (!err && (fflush(out) != 0 || ferror(out)))
		err = -EIO;
	return err;
}
