/* SPDX-License-Identifier: MIT */
/*
 * lockprof info: the facts of a trace file, for people or with --json for programs.
 *
 * All events are decoded once, to count them and to see that they can be decoded. Damage is told
 * with its offset and does not change the exit status: what is shown is what was readable.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "cursor.h"
#include "json.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "words.h"

#define BAD_MAX 100 /* places in event blocks that are told one by one */

struct info {
	const struct reader *reader;
	uint64_t events[TRACE_EV_MAX];
	uint64_t nr_events, event_bytes;
	uint64_t acquisitions; /* of these; folded ones apart */
	uint64_t folded;
	uint64_t work_units;   /* in either form */
	uint64_t bad[BAD_MAX]; /* offsets of what could not be decoded */
	size_t nr_bad;
};

/* ---- gathering ---- */

static void count_bad(struct info *info, struct cursor *c)
{
	if (!c->bad_offset)
		return;
	if (info->nr_bad < BAD_MAX)
		info->bad[info->nr_bad++] = c->bad_offset;
	c->bad_offset = 0;
}

static void count_events(struct info *info)
{
	struct cursor c;

	for (size_t i = 0; i < reader_nr_streams(info->reader); i++) {
		const struct reader_stream *stream = reader_stream(info->reader, i);

		for (size_t j = 0; j < stream->nr_chunks; j++)
			info->event_bytes +=
				(uint64_t)(stream->chunks[j].end - stream->chunks[j].begin);
		cursor_init(&c, stream);
		while (cursor_next(&c)) {
			info->events[c.event.type]++;
			info->nr_events++;
			if (c.event.type == TRACE_EV_WORK)
				info->work_units += c.event.value[0];
			count_bad(info, &c);
		}
		count_bad(info, &c);
	}
	info->acquisitions = info->events[TRACE_EV_PLAIN] + info->events[TRACE_EV_ACQUISITION];
}

static bool node_acquires(const struct reader *reader, uint32_t id)
{
	const struct trace_node *node = reader_node(reader, id);

	return !node || (node->mode & TRACE_HOW_MASK) <= TRACE_HOW_REACQUIRE;
}

static bool node_works(const struct reader *reader, uint32_t id)
{
	const struct trace_node *node = reader_node(reader, id);

	return node && (node->mode & TRACE_HOW_MASK) == TRACE_HOW_WORK;
}

static void count_folded(struct info *info)
{
	for (size_t i = 0; i < reader_nr_stats(info->reader); i++) {
		const struct trace_stat *stat = reader_stat(info->reader, i);

		if (node_acquires(info->reader, stat->node))
			info->folded += stat->acquired;
		else if (node_works(info->reader, stat->node))
			info->work_units += stat->acquired;
	}
}

/* Records of one type; ids may have holes. */
#define COUNT(reader, type) count_type(reader, reader_max_##type(reader), has_##type)
#define HAS(type)                                                        \
	static bool has_##type(const struct reader *reader, uint32_t id) \
	{                                                                \
		return reader_##type(reader, id) != NULL;                \
	}
HAS(thread)
HAS(lock)
HAS(node)
HAS(stack)
HAS(module)

static uint64_t count_type(const struct reader *reader, uint32_t max,
			   bool (*has)(const struct reader *reader, uint32_t id))
{
	uint64_t count = 0;

	for (uint32_t id = 1; id <= max; id++)
		count += has(reader, id);
	return count;
}

static uint64_t duration_ns(const struct reader *reader)
{
	return reader_time_ns(reader, reader_end_ticks(reader));
}

/* "exit 0", "signal 9", "running", "unknown". */
static const char *end_words(const struct reader *reader, char buf[OUTPUT_NUMBER])
{
	return words_end(reader_header(reader), reader_is_live(reader), buf);
}

static double bytes_per_acquisition(const struct info *info)
{
	return info->acquisitions ? (double)info->event_bytes / (double)info->acquisitions : 0;
}

/* ---- for people ---- */

static void print_argv(const struct trace_header *h)
{
	const char *argument = h->argv;
	char line[sizeof(h->argv) + 1];
	size_t at = 0;

	for (uint32_t i = 0; i < h->argc; i++, argument += strlen(argument) + 1)
		at += (size_t)sprintf(line + at, "%s%s", i ? " " : "", argument);
	line[at] = '\0';
	output_fact("command", "%s", line);
}

static void print_start(const struct trace_header *h)
{
	time_t seconds = (time_t)(h->start_realtime_ns / 1000000000);
	char text[64];
	struct tm tm;

	if (localtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm))
		output_fact("start", "%s", text);
}

static void print_process(const struct reader *reader)
{
	const struct trace_header *h = reader_header(reader);
	char buf[OUTPUT_NUMBER];

	output_fact("file", "%s, %s", reader_path(reader),
		    output_size(buf, reader_file_bytes(reader)));
	output_fact("format", "version %u, readable since version %u", h->version, h->min_reader);
	if (h->mode != h->mode_at_start)
		output_fact("mode", "%s, began as %s", words_mode(h->mode),
			    words_mode(h->mode_at_start));
	else
		output_fact("mode", "%s", words_mode(h->mode));
	output_fact("program", "%s", h->exe);
	print_argv(h);
	output_fact("process", "pid %u, parent %u, user %u, on %s with %u CPUs, %s", h->pid,
		    h->ppid, h->uid, h->host, h->nr_cpus, h->libc);
	print_start(h);
	output_fact("duration", "%s", output_time(buf, duration_ns(reader)));
	output_fact("end", "%s", end_words(reader, buf));
	output_fact("clock", "%s, %.6g ns a tick", words_clock(h->clock),
		    reader_ns_per_tick(reader));
}

/* Waits that profile mode kept one by one, with the holds that they waited for. */
static uint64_t count_kept(const struct reader *reader)
{
	uint64_t waits = 0;
	struct cursor c;

	for (size_t i = 0; i < reader_nr_flights(reader); i++) {
		cursor_init(&c, reader_flight(reader, i));
		while (cursor_next(&c))
			waits += c.event.type == TRACE_EV_ACQUISITION &&
				 c.event.value[ACQ_FLAGS] & TRACE_ACQ_WAITED;
	}
	return waits;
}

static void print_content(const struct reader *reader)
{
	output_fact("blocks",
		    "%" PRIu64 " events, %" PRIu64 " slots, %" PRIu64 " records, %" PRIu64 " empty",
		    reader_nr_blocks(reader, TRACE_BLOCK_EVENTS),
		    reader_nr_blocks(reader, TRACE_BLOCK_SLOT),
		    reader_nr_blocks(reader, TRACE_BLOCK_RECORDS), reader_nr_blocks(reader, 0));
	if (reader_nr_blocks(reader, TRACE_BLOCK_FLIGHT))
		output_fact("kept waits", "%" PRIu64 ", in %" PRIu64 " flight blocks of %zu slots",
			    count_kept(reader), reader_nr_blocks(reader, TRACE_BLOCK_FLIGHT),
			    reader_nr_flights(reader));
	output_fact("dictionary",
		    "%" PRIu64 " threads, %" PRIu64 " locks, %" PRIu64 " nodes, %" PRIu64
		    " stacks, %" PRIu64 " modules",
		    COUNT(reader, thread), COUNT(reader, lock), COUNT(reader, node),
		    COUNT(reader, stack), COUNT(reader, module));
	if (reader_nr_phases(reader))
		output_fact("phases", "%zu, with %zu changes", reader_nr_phases(reader),
			    reader_nr_phase_changes(reader));
	output_fact("statistics", "%zu, with %zu histograms", reader_nr_stats(reader),
		    reader_nr_hists(reader));
}

/* PLAIN and ACQUISITION are one for people. */
static uint64_t events_of(const struct info *info, uint32_t type)
{
	return type == TRACE_EV_ACQUISITION ? info->acquisitions : info->events[type];
}

static void print_events(const struct info *info)
{
	char count[OUTPUT_NUMBER], size[OUTPUT_NUMBER];

	output_fact("events", "%s in %s", output_count(count, info->nr_events),
		    output_size(size, info->event_bytes));
	for (uint32_t type = TRACE_EV_ACQUISITION; type < TRACE_EV_MAX; type++)
		if (events_of(info, type))
			output_fact("", "%14s %s", output_count(count, events_of(info, type)),
				    event_words[type].name);
	if (info->acquisitions)
		output_fact("", "%.2f bytes an acquisition", bytes_per_acquisition(info));
	if (info->folded)
		output_fact("folded", "%s acquisitions", output_count(count, info->folded));
	if (info->work_units)
		output_fact("work", "%s units", output_count(count, info->work_units));
}

static void print_damages(const struct info *info)
{
	size_t nr = reader_nr_damages(info->reader);

	for (size_t i = 0; i < nr; i++) {
		const struct reader_damage *damage = reader_damage(info->reader, i);

		output_fact("damage", "byte %" PRIu64 ": %s", damage->offset, damage->text);
	}
	for (size_t i = 0; i < info->nr_bad; i++)
		output_fact("damage", "byte %" PRIu64 ": no event here, rest of the block skipped",
			    info->bad[i]);
	if (!nr && !info->nr_bad)
		output_fact("damage", "none");
}

static void print_info(const struct info *info)
{
	const struct trace_header *h = reader_header(info->reader);

	print_process(info->reader);
	print_content(info->reader);
	print_events(info);
	if (h->events & TRACE_EVENT_SIZE_CAP)
		output_fact("note", "the size limit was reached: statistics only from there on");
	if (h->events & TRACE_EVENT_NO_SPACE)
		output_fact("note", "the disk was full");
	if (h->events & TRACE_EVENT_NO_FILE)
		output_fact("note",
			    "the file was lost: closed, removed, or behind a seccomp filter");
	report_print_losses(reader_header(info->reader));
	print_damages(info);
}

/* ---- for programs ---- */

static void json_process(struct json *json, const struct reader *reader)
{
	const struct trace_header *h = reader_header(reader);
	const char *argument = h->argv;
	char buf[OUTPUT_NUMBER];

	json_object_begin(json, "process");
	json_string(json, "exe", h->exe);
	json_array_begin(json, "argv");
	for (uint32_t i = 0; i < h->argc; i++, argument += strlen(argument) + 1)
		json_string(json, NULL, argument);
	json_array_end(json);
	json_uint(json, "pid", h->pid);
	json_uint(json, "ppid", h->ppid);
	json_string(json, "host", h->host);
	json_string(json, "libc", h->libc);
	json_uint(json, "cpus", h->nr_cpus);
	json_uint(json, "start_unix_ns", h->start_realtime_ns);
	json_string(json, "exit", end_words(reader, buf));
	json_object_end(json);
}

static void json_content(struct json *json, const struct reader *reader)
{
	json_object_begin(json, "blocks");
	json_uint(json, "events", reader_nr_blocks(reader, TRACE_BLOCK_EVENTS));
	json_uint(json, "slots", reader_nr_blocks(reader, TRACE_BLOCK_SLOT));
	json_uint(json, "records", reader_nr_blocks(reader, TRACE_BLOCK_RECORDS));
	json_uint(json, "flights", reader_nr_blocks(reader, TRACE_BLOCK_FLIGHT));
	json_uint(json, "empty", reader_nr_blocks(reader, 0));
	json_object_end(json);
	json_uint(json, "threads", COUNT(reader, thread));
	json_uint(json, "locks", COUNT(reader, lock));
	json_uint(json, "nodes", COUNT(reader, node));
	json_uint(json, "stacks", COUNT(reader, stack));
	json_uint(json, "modules", COUNT(reader, module));
	json_uint(json, "phases", reader_nr_phases(reader));
	json_uint(json, "phase_changes", reader_nr_phase_changes(reader));
	json_uint(json, "kept_waits", count_kept(reader));
	json_uint(json, "statistics", reader_nr_stats(reader));
	json_uint(json, "histograms", reader_nr_hists(reader));
}

static void json_events(struct json *json, const struct info *info)
{
	json_object_begin(json, "events");
	for (uint32_t type = TRACE_EV_ACQUISITION; type < TRACE_EV_MAX; type++)
		json_uint(json, event_words[type].name, events_of(info, type));
	json_object_end(json);
	json_uint(json, "event_bytes", info->event_bytes);
	json_double(json, "bytes_per_acquisition", bytes_per_acquisition(info));
	json_uint(json, "folded_acquisitions", info->folded);
	json_uint(json, "work_units", info->work_units);
}

static void json_damage(struct json *json, uint64_t offset, const char *text)
{
	json_object_begin(json, NULL);
	json_uint(json, "offset", offset);
	json_string(json, "text", text);
	json_object_end(json);
}

static void json_troubles(struct json *json, const struct info *info)
{
	const struct trace_header *h = reader_header(info->reader);

	json_object_begin(json, "losses");
	for (size_t i = 0; i < TRACE_LOSS_MAX; i++)
		if (report_loss_key(i))
			json_uint(json, report_loss_key(i), h->losses[i]);
	json_object_end(json);
	json_bool(json, "size_cap", h->events & TRACE_EVENT_SIZE_CAP);
	json_bool(json, "no_space", h->events & TRACE_EVENT_NO_SPACE);
	json_bool(json, "no_file", h->events & TRACE_EVENT_NO_FILE);
	json_array_begin(json, "damages");
	for (size_t i = 0; i < reader_nr_damages(info->reader); i++)
		json_damage(json, reader_damage(info->reader, i)->offset,
			    reader_damage(info->reader, i)->text);
	for (size_t i = 0; i < info->nr_bad; i++)
		json_damage(json, info->bad[i], "no event here, rest of the block skipped");
	json_array_end(json);
}

static void json_info(const struct info *info)
{
	const struct trace_header *h = reader_header(info->reader);
	struct json json;

	json_init(&json, stdout, true);
	json_object_begin(&json, NULL);
	json_string(&json, "schema", "lockprof-info/1");
	json_string(&json, "file", reader_path(info->reader));
	json_uint(&json, "file_bytes", reader_file_bytes(info->reader));
	json_uint(&json, "version", h->version);
	json_string(&json, "mode", words_mode(h->mode));
	json_string(&json, "mode_at_start", words_mode(h->mode_at_start));
	json_process(&json, info->reader);
	json_uint(&json, "duration_ns", duration_ns(info->reader));
	json_string(&json, "clock", words_clock(h->clock));
	json_double(&json, "ns_per_tick", reader_ns_per_tick(info->reader));
	json_content(&json, info->reader);
	json_events(&json, info);
	json_troubles(&json, info);
	json_object_end(&json);
	json_finish(&json);
}

/* ---- the command ---- */

static int info_file(const char *path, bool json)
{
	struct info info = { 0 };
	struct reader *reader;
	char error[512];

	if (reader_open(&reader, path, error, sizeof(error)) < 0) {
		output_error("%s", error);
		return 1;
	}
	info.reader = reader;
	count_events(&info);
	count_folded(&info);
	if (json)
		json_info(&info);
	else
		print_info(&info);
	reader_close(reader);
	if (fflush(stdout) || ferror(stdout)) {
		output_error("%s: cannot write what was read", path);
		return 1;
	}
	return 0;
}

int cmd_info(int argc, char **argv)
{
	bool json = false;
	int color = OUTPUT_COLOR_AUTO, first, status = 0;
	const struct option_row rows[] = {
		{ "json", 'j', OPTION_FLAG, &json, NULL, "as JSON, schema lockprof-info/1", NULL },
		{ "color", 0, OPTION_CHOICE, &color, "WHEN", "auto, always or never",
		  output_color_words },
	};
	const struct options options = {
		.command = "info",
		.usage = "[options] TRACE...",
		.about =
			"Prints the facts of a trace file: who wrote it, what is in it, what is damaged.\n",
		.rows = rows,
		.nr_rows = sizeof(rows) / sizeof(*rows),
	};

	first = options_parse(&options, argc, argv);
	if (first < 0)
		return options_exit_status(first);
	if (first == argc)
		return options_usage_error(&options, "a trace is needed");
	if (json && argc - first > 1)
		return options_usage_error(&options, "--json takes one trace");
	output_init((enum output_color)color);
	for (int i = first; i < argc; i++) {
		if (i > first)
			putchar('\n');
		status |= info_file(argv[i], json);
	}
	return status;
}
