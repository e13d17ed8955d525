/* SPDX-License-Identifier: MIT */
/*
 * pprof.c: the profile of https://github.com/google/pprof (proto/profile.proto), gzipped
 *
 * Sample types are Go's mutex profile's: contentions/count and delay/nanoseconds. A location is a
 * line of a function; the innermost stands first. The lock is a label and the outermost frame, the
 * thread that waited (or held) is a label, and so is, by waiter, the phase of the program. By
 * holder a contention counts for each holder that delayed it.
 */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "protobuf.h"

/* Fields of the messages, by the names of profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_TIME = 9,
	PROFILE_DURATION = 10,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT = 14
};
enum { TYPE_TYPE = 1, TYPE_UNIT = 2 };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STRING = 2 };
enum {
	MAPPING_ID = 1,
	MAPPING_FILE = 5,
	MAPPING_HAS_FUNCTIONS = 7,
	MAPPING_HAS_FILES = 8,
	MAPPING_HAS_LINES = 9
};
enum { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1, LINE_LINE = 2 };
enum { FUNCTION_ID = 1, FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILE = 4 };

struct pprof {
	const struct export *e;
	struct places *places;
	struct message profile, inner, innermost;
	struct message strings; /* the string table so far */
	uint64_t nr_strings;
	uint64_t key_lock, key_thread, key_phase; /* of these, those that samples name */
	uint64_t *class_string, *thread_string, *phase_string; /* by index */
	/* Locations from 1: frames, then classes, then notes. */
	uint64_t first_class, first_note;
};

/* The number of a string, which is not looked for among the others. pprof prints it as it is. */
static uint64_t string(struct pprof *p, const char *text)
{
	char *escaped = export_escape(text);

	if (escaped)
		message_string(&p->strings, PROFILE_STRING, escaped);
	else
		p->strings.err = -ENOMEM;
	free(escaped);
	return p->nr_strings++;
}

static void put_type(struct pprof *p, unsigned int field, const char *type, const char *unit)
{
	message_uint(&p->inner, TYPE_TYPE, string(p, type));
	message_uint(&p->inner, TYPE_UNIT, string(p, unit));
	message_put(&p->profile, field, &p->inner);
}

/* A function and the location in it, of the same number. */
static void put_location(struct pprof *p, uint64_t id, uint64_t name, const char *file, int line)
{
	message_uint(&p->inner, FUNCTION_ID, id);
	message_uint(&p->inner, FUNCTION_NAME, name);
	message_uint(&p->inner, FUNCTION_SYSTEM_NAME, name);
	message_uint(&p->inner, FUNCTION_FILE, file ? string(p, file) : 0);
	message_put(&p->profile, PROFILE_FUNCTION, &p->inner);

	message_uint(&p->innermost, LINE_FUNCTION, id);
	message_int(&p->innermost, LINE_LINE, line);
	message_uint(&p->inner, LOCATION_ID, id);
	message_uint(&p->inner, LOCATION_MAPPING, 1);
	message_put(&p->inner, LOCATION_LINE, &p->innermost);
	message_put(&p->profile, PROFILE_LOCATION, &p->inner);
}

static void put_label(struct pprof *p, uint64_t key, uint64_t text)
{
	message_uint(&p->innermost, LABEL_KEY, key);
	message_uint(&p->innermost, LABEL_STRING, text);
	message_put(&p->inner, SAMPLE_LABEL, &p->innermost);
}

static void put_sample(struct pprof *p, const struct export_sample *sample)
{
	uint32_t class = p->e->report->model->locks[sample->lock].class;
	size_t nr;
	const uint32_t *frames = places_frames_of(p->places, sample->stack, &nr);

	for (size_t i = 0; i < nr; i++)
		message_uint(&p->inner, SAMPLE_LOCATION, frames[i] + 1);
	if (sample->note)
		message_uint(&p->inner, SAMPLE_LOCATION, p->first_note + sample->note);
	message_uint(&p->inner, SAMPLE_LOCATION, p->first_class + class);
	message_uint(&p->inner, SAMPLE_VALUE, sample->waits);
	message_uint(&p->inner, SAMPLE_VALUE, sample->wait_ns);
	put_label(p, p->key_lock, p->class_string[class]);
	if (sample->thread < p->e->report->model->nr_threads)
		put_label(p, p->key_thread, p->thread_string[sample->thread]);
	if (sample->phase < p->e->report->model->nr_phases)
		put_label(p, p->key_phase, p->phase_string[sample->phase]);
	message_put(&p->profile, PROFILE_SAMPLE, &p->inner);
}

/* ---- the parts of a profile ---- */

static int put_names(struct pprof *p)
{
	const struct model *model = p->e->report->model;

	p->class_string = calloc(model->nr_classes + 1, sizeof(*p->class_string));
	p->thread_string = calloc(model->nr_threads + 1, sizeof(*p->thread_string));
	p->phase_string = calloc(model->nr_phases + 1, sizeof(*p->phase_string));
	if (!p->class_string || !p->thread_string || !p->phase_string)
		return -ENOMEM;
	p->key_lock = string(p, "lock");
	p->key_thread = string(p, "thread");
	if (model->nr_phases)
		p->key_phase = string(p, "phase");
	for (size_t i = 0; i < model->nr_phases; i++)
		p->phase_string[i] = string(p, report_phase_name(&model->phases[i]));
	for (size_t i = 0; i < model->nr_classes; i++)
		p->class_string[i] = string(p, model->classes[i].label);
	for (size_t i = 0; i < model->nr_threads; i++)
		p->thread_string[i] = string(p, model->threads[i].name);
	return 0;
}

static void put_locations(struct pprof *p)
{
	size_t nr_frames = places_nr_frames(p->places),
	       nr_classes = p->e->report->model->nr_classes;
	char buf[EXPORT_NAME];

	p->first_class = nr_frames + 1;
	p->first_note = p->first_class + nr_classes;
	for (size_t i = 0; i < nr_frames; i++) {
		const struct frame *frame = places_frame(p->places, i);

		put_location(p, i + 1, string(p, export_frame_name(frame, buf)), frame->file,
			     frame->line);
	}
	for (size_t i = 0; i < nr_classes; i++)
		put_location(p, p->first_class + i, p->class_string[i], NULL, 0);
	for (size_t i = 0; i < EXPORT_NOTES; i++)
		put_location(p, p->first_note + i, string(p, export_note_words[i]), NULL, 0);
}

/* pprof wants to know whether it must look for symbols: no, they are all there. */
static void put_mapping(struct pprof *p)
{
	const struct model *model = p->e->report->model;

	message_uint(&p->inner, MAPPING_ID, 1);
	message_uint(&p->inner, MAPPING_FILE,
		     string(p, model->nr_processes ? model->processes[0].exe : ""));
	message_uint(&p->inner, MAPPING_HAS_FUNCTIONS, 1);
	message_uint(&p->inner, MAPPING_HAS_FILES, 1);
	message_uint(&p->inner, MAPPING_HAS_LINES, 1);
	message_put(&p->profile, PROFILE_MAPPING, &p->inner);
}

static void put_run(struct pprof *p)
{
	const struct model *model = p->e->report->model;

	if (model->nr_processes)
		message_uint(&p->profile, PROFILE_TIME,
			     report_header(&model->processes[0])->start_realtime_ns);
	message_uint(&p->profile, PROFILE_DURATION, model->duration_ns);
	put_type(p, PROFILE_PERIOD_TYPE, "contentions", "count");
	message_uint(&p->profile, PROFILE_PERIOD, 1);
	message_uint(&p->profile, PROFILE_DEFAULT, string(p, "delay"));
	message_uint(&p->profile, PROFILE_COMMENT,
		     string(p, p->e->attribute == EXPORT_WAITER
				       ? "stacks of those that waited"
				       : "stacks of those that held the lock"));
}

static int make(struct pprof *p)
{
	struct export_sample *samples = NULL;
	size_t nr = 0;
	int err = export_samples(p->e, p->places, EXPORT_BY_THREAD, &samples, &nr);

	string(p, "");
	if (!err)
		err = put_names(p);
	if (!err) {
		put_type(p, PROFILE_SAMPLE_TYPE, "contentions", "count");
		put_type(p, PROFILE_SAMPLE_TYPE, "delay", "nanoseconds");
		put_mapping(p);
		put_locations(p);
		put_run(p);
		for (size_t i = 0; i < nr; i++)
			put_sample(p, &samples[i]);
		err = p->profile.err ? p->profile.err : p->strings.err;
	}
	free(samples);
	return err;
}

static int put_gzip(const struct pprof *p)
{
	const struct message *parts[] = { &p->profile, &p->strings };
	int fd = dup(fileno(p->e->out));
	gzFile gz = fd < 0 ? NULL : gzdopen(fd, "wb");
	bool is_written = true;

	if (!gz) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	errno = 0;
	for (size_t i = 0; i < 2; i++)
		if (parts[i]->nr && !gzfwrite(parts[i]->bytes, parts[i]->nr, 1, gz))
			is_written = false;
	if (gzclose(gz) == Z_OK && is_written)
		return 0;
	return errno ? -errno : -EIO;
}

int export_pprof(const struct export *e)
{
	struct pprof p = { .e = e, .places = places_new(e->report) };
	int err = p.places ? make(&p) : -ENOMEM;

	if (!err)
		err = put_gzip(&p);
	message_fini(&p.profile);
	message_fini(&p.inner);
	message_fini(&p.innermost);
	message_fini(&p.strings);
	free(p.class_string);
	free(p.thread_string);
	free(p.phase_string);
	if (!err)
		err = places_error(p.places);
	places_free(p.places);
	return err;
}
