/* SPDX-License-Identifier: MIT */
/* ctl_status.c: what a live trace's header and slots say just now, for people or as JSON */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../trace/phase.h"
#include "ctl.h"
#include "json.h"
#include "output.h"
#include "report.h"
#include "words.h"

struct status {
	const struct trace_header *header;
	char phase[TRACE_PHASE_NAME];
	uint64_t word;
	uint32_t nr_running; /* threads */
	uint64_t bytes;
};

static void gather(const struct ctl *ctl, struct status *status)
{
	*status = (struct status){ .header = ctl->header,
				   .word = phase_now(ctl->header),
				   .bytes = (uint64_t)ctl->file.st_size };
	if ((uint32_t)status->word)
		memcpy(status->phase, ctl->header->phase_name, sizeof(status->phase) - 1);
	for (uint32_t i = 1; i < ctl->nr; i++)
		if (ctl->types[i] == CTL_SLOT)
			status->nr_running +=
				((const struct trace_slot *)ctl_block(ctl, i))->thread != 0;
}

/* ---- for people ---- */

static void print_status(const struct ctl *ctl, const struct status *status)
{
	const struct trace_header *h = status->header;
	char buf[OUTPUT_NUMBER];

	output_fact("trace", "%s, %s", ctl->path, output_size(buf, status->bytes));
	output_fact("process", "pid %u, %.*s", h->pid, (int)sizeof(h->exe), h->exe);
	output_fact("mode", "%s", words_mode(h->mode));
	output_fact("recording", "%s", status->word & PHASE_OFF ? "off" : "on");
	output_fact("phase", "%s", (uint32_t)status->word ? status->phase : "none");
	output_fact("changes", "%u", PHASE_NUMBER(status->word));
	output_fact("threads", "%u now, %u so far", status->nr_running, h->nr_threads);
	if (h->events & TRACE_EVENT_SIZE_CAP)
		output_fact("note", "the size limit was reached: statistics only from there on");
	if (h->events & TRACE_EVENT_NO_SPACE)
		output_fact("note", "the disk was full");
	if (h->events & TRACE_EVENT_NO_FILE)
		output_fact("note",
			    "the file was lost: closed, removed, or behind a seccomp filter");
	report_print_losses(h);
}

/* ---- for programs ---- */

static int write_json(const struct ctl *ctl, const struct status *status)
{
	const struct trace_header *h = status->header;
	struct json json;

	json_init(&json, stdout, false);
	json_object_begin(&json, NULL);
	json_string(&json, "schema", "lockprof-ctl/1");
	json_string(&json, "trace", ctl->path);
	json_uint(&json, "bytes", status->bytes);
	json_uint(&json, "pid", h->pid);
	json_string(&json, "mode", words_mode(h->mode));
	json_bool(&json, "recording", !(status->word & PHASE_OFF));
	json_string(&json, "phase", (uint32_t)status->word ? status->phase : NULL);
	json_uint(&json, "changes", PHASE_NUMBER(status->word));
	json_uint(&json, "threads", status->nr_running);
	json_uint(&json, "threads_so_far", h->nr_threads);
	json_object_begin(&json, "losses");
	for (size_t i = 0; i < TRACE_LOSS_MAX; i++)
		if (report_loss_key(i))
			json_uint(&json, report_loss_key(i), h->losses[i]);
	json_object_end(&json);
	json_object_end(&json);
	return json_finish(&json);
}

int ctl_status(struct ctl *ctl, bool as_json)
{
	struct status status;

	gather(ctl, &status);
	if (as_json)
		return write_json(ctl, &status);
	print_status(ctl, &status);
	return 0;
}
