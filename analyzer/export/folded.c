/* SPDX-License-Identifier: MIT */
/*
 * folded.c: one line a stack, "lock;main;serve;lookup 12345", the weight in ns
 *
 * The lock is the outermost frame, so a flame graph of it has a tower for each lock. Semicolons
 * and blanks at the ends of names would mean something else here, so they are changed.
 */
#include "export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_name(FILE *out, const char *name)
{
	char escaped[EXPORT_NAME * 4];

	output_escape(escaped, sizeof(escaped), name);
	for (const char *p = escaped; *p; p++)
		fputc(*p == ';' ? ':' : *p, out);
}

static void put_sample(const struct export *e, const struct places *places,
		       const struct export_sample *sample)
{
	char buf[EXPORT_NAME];
	size_t nr;
	const uint32_t *frames = places_frames_of(places, sample->stack, &nr);

	put_name(e->out, export_lock_name(e, sample->lock));
	if (sample->note) {
		fputc(';', e->out);
		put_name(e->out, export_note_words[sample->note]);
	}
	while (nr-- > 0) {
		fputc(';', e->out);
		put_name(e->out, export_frame_name(places_frame(places, frames[nr]), buf));
	}
	fprintf(e->out, " %" PRIu64 "\n", sample->wait_ns);
}

int export_folded(const struct export *e)
{
	struct places *places = places_new(e->report);
	struct export_sample *samples = NULL;
	size_t nr = 0;
	int err = places ? export_samples(e, places, &samples, &nr) : -ENOMEM;

	for (size_t i = 0; !err && i < nr; i++)
		if (samples[i].wait_ns)
			put_sample(e, places, &samples[i]);
	free(samples);
	places_free(places);
	return err;
}
