/* SPDX-License-Identifier: MIT */
/* What the report, the lock order and the page say in the same words of JSON. */
#include "json.h"
#include "report.h"
#include "words.h"

#include <string.h>

void report_json_stack(struct json *json, const char *key, const struct frame *frames, size_t nr)
{
	json_array_begin(json, key);
	for (size_t i = 0; i < nr; i++) {
		json_object_begin(json, NULL);
		json_string(json, "function", frames[i].function);
		json_string(json, "file", frames[i].file);
		if (frames[i].line > 0)
			json_int(json, "line", frames[i].line);
		else
			json_null(json, "line");
		json_string(json, "module", frames[i].module);
		json_uint(json, "offset", frames[i].offset);
		json_bool(json, "inlined", frames[i].inlined);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_argv(struct json *json, const struct trace_header *header)
{
	const char *end = header->argv + header->argv_bytes;

	json_array_begin(json, "argv");
	for (const char *arg = header->argv; arg < end; arg += strnlen(arg, end - arg) + 1)
		json_string(json, NULL, arg);
	json_array_end(json);
}

void report_json_process_facts(struct json *json, const struct process *process)
{
	const struct trace_header *header = report_header(process);
	char end[OUTPUT_NUMBER];

	json_string(json, "exe", process->exe);
	put_argv(json, header);
	json_uint(json, "pid", header->pid);
	json_uint(json, "ppid", header->ppid);
	json_string(json, "host", header->host);
	json_uint(json, "start_unix_ns", header->start_realtime_ns);
	json_string(json, "exit", report_end(process, end));
	json_uint(json, "duration_ns", process->duration_ns);
	json_uint(json, "thread_ns", process->thread_ns);
	json_string(json, "mode", report_mode(process));
}

void report_json_flags(struct json *json, uint32_t flags)
{
	json_array_begin(json, "flags");
	for (size_t i = 0; words_lock_flags[i].word; i++)
		if (flags & words_lock_flags[i].flag)
			json_string(json, NULL, words_lock_flags[i].word);
	json_array_end(json);
}

void report_json_phase_facts(struct json *json, const struct phase *phase)
{
	json_string(json, "name", phase->name);
	json_uint(json, "time_ns", phase->time_ns);
	json_uint(json, "thread_ns", phase->thread_ns);
	json_uint(json, "begins", phase->begins);
	json_uint(json, "work_units", phase->work_units);
}

void report_json_percentile(struct json *json, const char *key, const struct histogram *h,
			    double part)
{
	bool is_known = h && histogram_count(h);

	json_uint_or_null(json, key, is_known ? histogram_percentile_ns(h, part) : 0, is_known);
}

void report_json_wait(struct json *json, const struct counters *c)
{
	json_uint(json, "wait_ns", c->wait_ns);
	json_uint(json, "wait_max_ns", c->wait_max_ns);
	report_json_percentile(json, "wait_p50_ns", c->wait, 0.5);
	report_json_percentile(json, "wait_p90_ns", c->wait, 0.9);
	report_json_percentile(json, "wait_p99_ns", c->wait, 0.99);
}

void report_json_hold(struct json *json, const struct counters *c)
{
	json_uint(json, "hold_ns", c->hold_ns);
	json_uint(json, "hold_max_ns", c->hold_max_ns);
	report_json_percentile(json, "hold_p50_ns", c->hold, 0.5);
	report_json_percentile(json, "hold_p90_ns", c->hold, 0.9);
	report_json_percentile(json, "hold_p99_ns", c->hold, 0.99);
}

void report_json_cond_facts(struct json *json, const struct lock *lock, const struct cond_row *cond)
{
	bool is_known = !lock->is_folded;

	json_uint(json, "signals", cond->signals + (is_known ? 0 : cond->broadcasts));
	json_uint_or_null(json, "broadcasts", cond->broadcasts, is_known);
	json_uint_or_null(json, "signals_unheard", cond->signals_unheard, is_known);
	json_uint_or_null(json, "tail_ns", cond->tail_ns, is_known);
	json_uint_or_null(json, "tail_max_ns", cond->tail_max_ns, is_known);
}
