/* SPDX-License-Identifier: MIT */
/* diff_json.c: the comparison as JSON, schema lockprof-diff/1 */
#include "diff.h"

#include "../json.h"

void diff_json_side(struct json *json, const char *key, const struct runs *runs)
{
	json_object_begin(json, key);
	json_array_begin(json, "runs");
	for (size_t i = 0; i < runs->nr; i++) {
		const struct run *run = &runs->runs[i];

		json_object_begin(json, NULL);
		json_string(json, "name", run->name);
		json_string(json, "program", run->program);
		json_string(json, "host", run->host);
		json_uint(json, "traces", run->nr_paths);
		json_uint(json, "cpus", run->nr_cpus);
		json_uint(json, "duration_ns", (uint64_t)run->duration_ns);
		json_uint(json, "thread_ns", (uint64_t)run->thread_ns);
		json_uint(json, "work_units", (uint64_t)run->work_units);
		json_bool(json, "losses", run->has_losses);
		json_bool(json, "damaged", run->is_partial);
		json_uint(json, "cycles", run->nr_cycles);
		json_object_end(json);
	}
	json_array_end(json);
	json_object_end(json);
}

/* Without a value on a side its median, and what follows from it, is null. */
static void put_change(struct json *json, enum metric metric, const struct change *change)
{
	json_object_begin(json, metrics[metric].key);
	json_double(json, "base", change->base);
	json_double(json, "new", change->more);
	json_double(json, "ratio", change->more / change->base);
	json_double(json, "base_mad", change->base_mad);
	json_uint(json, "base_values", change->nr_base);
	json_uint(json, "new_values", change->nr_more);
	json_double(json, "p_greater", change->p_up);
	json_double(json, "p_less", change->p_down);
	json_object_end(json);
}

static void put_places(struct json *json, const struct lock_change *lock)
{
	json_array_begin(json, "places");
	for (size_t i = 0; i < lock->nr_places; i++) {
		const struct place_change *change = &lock->places[i];

		json_object_begin(json, NULL);
		json_string(json, "functions", change->place->text);
		json_string(json, "file", change->place->file);
		json_int(json, "line", change->place->line);
		json_double(json, "base_hold_ns", change->base_hold_ns);
		json_double(json, "new_hold_ns", change->hold_ns);
		json_double(json, "demand_change_ns", change->demand_ns);
		json_double(json, "blame_change_ns", change->blamed_ns);
		json_double(json, "acquisitions_change", change->acquired);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_lock(struct json *json, const char *key, const struct lock_change *lock)
{
	json_object_begin(json, key);
	json_string(json, "key", lock->key);
	json_string(json, "name", lock->label);
	json_string(json, "kind", lock->kind);
	json_string(json, "state",
		    !lock->runs_base   ? "appeared"
		    : !lock->runs_more ? "vanished"
				       : "both");
	json_uint(json, "base_runs", lock->runs_base);
	json_uint(json, "new_runs", lock->runs_more);
	json_object_begin(json, "metrics");
	for (int m = 0; m < NR_METRICS; m++)
		put_change(json, (enum metric)m, &lock->metric[m]);
	json_object_end(json);
	put_places(json, lock);
	json_object_end(json);
}

void diff_json_locks(struct json *json, const struct comparison *comparison)
{
	json_array_begin(json, "locks");
	for (size_t i = 0; i < comparison->nr_locks; i++)
		put_lock(json, NULL, &comparison->locks[i]);
	json_array_end(json);
	put_lock(json, "total", &comparison->total);
}

int diff_json(const struct comparison *comparison, FILE *out)
{
	struct json json;

	json_init(&json, out, true);
	json_object_begin(&json, NULL);
	json_string(&json, "schema", "lockprof-diff/1");
	json_string(&json, "phase", comparison->phase);
	diff_json_side(&json, "base", comparison->base);
	diff_json_side(&json, "new", comparison->more);
	json_string(&json, "contention_not_comparable",
		    comparison->differ[0] ? comparison->differ : NULL);
	diff_json_locks(&json, comparison);
	json_object_end(&json);
	return json_finish(&json);
}
