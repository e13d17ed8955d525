/* SPDX-License-Identifier: MIT */
/*
 * speedscope.c: the file format of speedscope (schema "file-format-schema.json", type "sampled")
 *
 * One profile for all locks, then one for each class with waiting: the viewer switches between
 * them. Stacks stand outermost first there.
 */
#include "export.h"

#include <errno.h>
#include <stdlib.h>

#include "../json.h"

struct speedscope {
	const struct export *e;
	struct places *places;
	const struct export_sample *samples;
	size_t nr;
	struct json json;
	size_t nr_frames; /* of stacks; behind them stand the classes, then the notes */
};

static bool is_in(const struct speedscope *s, size_t i, uint32_t class)
{
	return s->samples[i].wait_ns &&
	       (class == UINT32_MAX ||
		s->e->report->model->locks[s->samples[i].lock].class == class);
}

static void put_frames(struct speedscope *s)
{
	const struct model *model = s->e->report->model;
	char buf[EXPORT_NAME];

	json_object_begin(&s->json, "shared");
	json_array_begin(&s->json, "frames");
	for (size_t i = 0; i < s->nr_frames; i++) {
		const struct frame *frame = places_frame(s->places, i);

		json_object_begin(&s->json, NULL);
		json_string(&s->json, "name", export_frame_name(frame, buf));
		if (frame->file)
			json_string(&s->json, "file", frame->file);
		if (frame->file && frame->line > 0)
			json_int(&s->json, "line", frame->line);
		json_object_end(&s->json);
	}
	for (size_t i = 0; i < model->nr_classes; i++) {
		json_object_begin(&s->json, NULL);
		json_string(&s->json, "name", model->classes[i].label);
		json_object_end(&s->json);
	}
	for (size_t i = 0; i < EXPORT_NOTES; i++) {
		json_object_begin(&s->json, NULL);
		json_string(&s->json, "name", export_note_words[i]);
		json_object_end(&s->json);
	}
	json_array_end(&s->json);
	json_object_end(&s->json);
}

static void put_stacks(struct speedscope *s, uint32_t class)
{
	const struct model *model = s->e->report->model;
	size_t nr;

	json_array_begin(&s->json, "samples");
	for (size_t i = 0; i < s->nr; i++) {
		const struct export_sample *sample = &s->samples[i];
		const uint32_t *frames = places_frames_of(s->places, sample->stack, &nr);

		if (!is_in(s, i, class))
			continue;
		json_array_begin(&s->json, NULL);
		json_uint(&s->json, NULL, s->nr_frames + model->locks[sample->lock].class);
		if (sample->note)
			json_uint(&s->json, NULL, s->nr_frames + model->nr_classes + sample->note);
		while (nr-- > 0)
			json_uint(&s->json, NULL, frames[nr]);
		json_array_end(&s->json);
	}
	json_array_end(&s->json);
}

static void put_profile(struct speedscope *s, const char *name, uint32_t class)
{
	uint64_t total = 0;

	for (size_t i = 0; i < s->nr; i++)
		total += is_in(s, i, class) ? s->samples[i].wait_ns : 0;
	if (!total && class != UINT32_MAX)
		return;
	json_object_begin(&s->json, NULL);
	json_string(&s->json, "type", "sampled");
	json_string(&s->json, "name", name);
	json_string(&s->json, "unit", "nanoseconds");
	json_uint(&s->json, "startValue", 0);
	json_uint(&s->json, "endValue", total);
	put_stacks(s, class);
	json_array_begin(&s->json, "weights");
	for (size_t i = 0; i < s->nr; i++)
		if (is_in(s, i, class))
			json_uint(&s->json, NULL, s->samples[i].wait_ns);
	json_array_end(&s->json);
	json_object_end(&s->json);
}

static int put(struct speedscope *s)
{
	const struct model *model = s->e->report->model;

	json_init(&s->json, s->e->out, false);
	json_object_begin(&s->json, NULL);
	json_string(&s->json, "$schema", "https://www.speedscope.app/file-format-schema.json");
	json_string(&s->json, "exporter", "lockprof " LOCKPROF_VERSION);
	json_string(&s->json, "name",
		    model->nr_processes ? report_base_name(model->processes[0].exe) : "lockprof");
	json_uint(&s->json, "activeProfileIndex", 0);
	put_frames(s);
	json_array_begin(&s->json, "profiles");
	put_profile(s,
		    s->e->attribute == EXPORT_WAITER ? "waiting, all locks"
						     : "held while others waited, all locks",
		    UINT32_MAX);
	for (uint32_t i = 0; i < model->nr_classes; i++)
		put_profile(s, model->classes[i].label, i);
	json_array_end(&s->json);
	json_object_end(&s->json);
	return json_finish(&s->json);
}

int export_speedscope(const struct export *e)
{
	struct speedscope s = { .e = e, .places = places_new(e->report) };
	struct export_sample *samples = NULL;
	int err =
		s.places ? export_samples(e, s.places, EXPORT_BY_CLASS, &samples, &s.nr) : -ENOMEM;

	s.samples = samples;
	if (!err) {
		s.nr_frames = places_nr_frames(s.places);
		err = put(&s);
	}
	free(samples);
	if (!err)
		err = places_error(s.places);
	places_free(s.places);
	return err;
}
