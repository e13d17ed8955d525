/* SPDX-License-Identifier: MIT */
/* The frames of a run as JSON, its stacks as columns. */
#include "page.h"

void page_put_frames(const struct places *places, struct json *json)
{
	json_array_begin(json, "frames");
	for (size_t i = 0; i < places_nr_frames(places); i++) {
		const struct frame *frame = places_frame(places, i);
		char offset[OUTPUT_NUMBER];

		json_array_begin(json, NULL);
		if (frame->function) {
			json_string(json, NULL, frame->function);
		} else {
			snprintf(offset, sizeof(offset), "+0x%llx", (unsigned long long)frame->offset);
			json_string(json, NULL, offset);
		}
		json_string(json, NULL, frame->file);
		if (frame->line > 0)
			json_int(json, NULL, frame->line);
		else
			json_null(json, NULL);
		json_string(json, NULL, frame->module ? report_base_name(frame->module) : NULL);
		json_uint(json, NULL, frame->inlined);
		json_array_end(json);
	}
	json_array_end(json);
}

int page_write_stacks(const struct places *places, const char *prefix, FILE *out)
{
	struct column depth = { .bytes = NULL }, frame = { .bytes = NULL };
	char id[32];
	int err;

	for (size_t i = 0; i < places_nr_stacks(places); i++) {
		size_t nr;
		const uint32_t *frames = places_frames_of(places, i, &nr);

		column_put(&depth, nr);
		for (size_t k = 0; k < nr; k++)
			column_put(&frame, frames[k]);
	}
	snprintf(id, sizeof(id), "%sstack_depth", prefix);
	err = column_write(&depth, id, out);
	snprintf(id, sizeof(id), "%sstack_frame", prefix);
	if (!err)
		err = column_write(&frame, id, out);
	column_fini(&frame);
	return err;
}
