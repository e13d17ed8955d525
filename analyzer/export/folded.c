/* SPDX-License-Identifier: MIT */
/*
 * folded.c: one line a stack, "lock;main;serve;lookup 12345", the weight in ns
 *
 * The lock is the outermost frame, so a flame graph of it has a tower for each lock. A semicolon in
 * a name would end it here, so it becomes a colon. Lines that are equal (a function waits at two of
 * its lines) are one, and they are sorted, so that two runs can be compared line by line.
 */
#include "export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct line {
	char *text;
	uint64_t wait_ns;
};

static int put_name(FILE *out, const char *name)
{
	char *escaped = export_escape(name);

	if (!escaped)
		return -ENOMEM;
	for (const char *p = escaped; *p; p++)
		fputc(*p == ';' ? ':' : *p, out);
	if (!*escaped)
		fputc('?', out);
	free(escaped);
	return 0;
}

static int put_sample(const struct export *e, const struct places *places,
		      const struct export_sample *sample, FILE *out)
{
	char buf[EXPORT_NAME];
	size_t nr;
	const uint32_t *frames = places_frames_of(places, sample->stack, &nr);
	int err = put_name(out, export_lock_name(e, sample->lock));

	if (sample->note && !err) {
		fputc(';', out);
		err = put_name(out, export_note_words[sample->note]);
	}
	while (nr-- > 0 && !err) {
		fputc(';', out);
		err = put_name(out, export_frame_name(places_frame(places, frames[nr]), buf));
	}
	return err;
}

static int make_line(const struct export *e, const struct places *places,
		     const struct export_sample *sample, struct line *line)
{
	size_t size;
	FILE *out = open_memstream(&line->text, &size);
	int err;

	if (!out)
		return -ENOMEM;
	err = put_sample(e, places, sample, out);
	if ((fclose(out) != 0 || !line->text) && !err)
		err = -ENOMEM;
	line->wait_ns = sample->wait_ns;
	return err;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->text, ((const struct line *)b)->text);
}

static void print_lines(FILE *out, struct line *lines, size_t nr)
{
	if (nr)
		qsort(lines, nr, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < nr; i++) {
		uint64_t wait_ns = lines[i].wait_ns;

		for (; i + 1 < nr && compare_lines(&lines[i], &lines[i + 1]) == 0; i++)
			wait_ns += lines[i + 1].wait_ns;
		fprintf(out, "%s %" PRIu64 "\n", lines[i].text, wait_ns);
	}
}

int export_folded(const struct export *e)
{
	struct places *places = places_new(e->report);
	struct export_sample *samples = NULL;
	struct line *lines = NULL;
	size_t nr = 0, nr_lines = 0;
	int err = places ? export_samples(e, places, EXPORT_BY_CLASS, &samples, &nr) : -ENOMEM;

	if (!err) {
		lines = calloc(nr + 1, sizeof(*lines));
		err = lines ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !err && i < nr; i++)
		if (samples[i].wait_ns)
			err = make_line(e, places, &samples[i], &lines[nr_lines++]);
	if (!err)
		print_lines(e->out, lines, nr_lines);
	for (size_t i = 0; i < nr_lines; i++)
		free(lines[i].text);
	free(lines);
	free(samples);
	if (!err)
		err = places_error(places);
	places_free(places);
	return err;
}
