/* SPDX-License-Identifier: MIT */
/* check_json.c: the verdict as JSON, schema lockprof-check/1 */
#include "check.h"

#include "../json.h"

#include <math.h>

static void put_place(struct json *json, const struct result *result)
{
	if (!result->file && !result->function) {
		json_null(json, "place");
		return;
	}
	json_object_begin(json, "place");
	json_string(json, "function", result->function);
	json_string(json, "file", result->file);
	json_int(json, "line", result->line);
	json_object_end(json);
}

static void put_result(struct json *json, const struct result *result)
{
	const struct change *change =
		result->lock && result->metric >= 0 ? &result->lock->metric[result->metric] : NULL;

	json_object_begin(json, NULL);
	json_string(json, "verdict", verdict_words[result->verdict]);
	json_string(json, "tier", tier_words[result->tier]);
	json_string(json, "subject", result->subject);
	json_string(json, "key", result->lock ? result->lock->key : NULL);
	json_string(json, "phase", result->lock ? result->lock->in->phase : NULL);
	json_string(json, "rule", result->rule);
	json_double(json, "base", change ? change->base : NAN);
	json_double(json, "new", change ? change->more : NAN);
	json_double(json, "ratio", change ? change->more / change->base : NAN);
	json_double(json, "limit", result->limit);
	json_double(json, "p", result->p);
	json_double(json, "p_adjusted", result->p_adjusted);
	json_string(json, "text", result->text);
	put_place(json, result);
	json_object_end(json);
}

static void put_phase(struct json *json, const struct comparison *c, bool has_base)
{
	json_object_begin(json, NULL);
	json_string(json, "name", c->phase);
	json_uint(json, "base_runs", c->base_phases);
	json_uint(json, "new_runs", c->more_phases);
	json_string(json, "contention_not_comparable", has_base && c->differ[0] ? c->differ : NULL);
	diff_json_side(json, "base", c->base);
	diff_json_side(json, "new", c->more);
	diff_json_locks(json, c);
	json_object_end(json);
}

int check_json(const struct check *check, FILE *out)
{
	const struct comparison *c = &check->comparisons[0];
	struct json json;

	json_init(&json, out, true);
	json_object_begin(&json, NULL);
	json_string(&json, "schema", "lockprof-check/1");
	json_string(&json, "verdict", verdict_words[check->verdict]);
	json_double(&json, "alpha", check->budget->alpha);
	json_double(&json, "wait_alpha", check->budget->wait_alpha);
	json_uint(&json, "looks", check->budget->nr_looks);
	json_uint(&json, "questions", check->nr_questions);
	json_uint(&json, "locks_eligible", check->nr_eligible);
	json_uint(&json, "locks_judged", check->nr_judged);
	json_string(&json, "contention_not_comparable",
		    check->has_base && c->differ[0] ? c->differ : NULL);
	diff_json_side(&json, "base", c->base);
	diff_json_side(&json, "new", c->more);
	json_array_begin(&json, "results");
	for (size_t i = 0; i < check->nr_results; i++)
		put_result(&json, &check->results[i]);
	json_array_end(&json);
	diff_json_locks(&json, c);
	json_array_begin(&json, "phases");
	for (size_t i = 1; i < check->nr_comparisons; i++)
		put_phase(&json, &check->comparisons[i], check->has_base);
	json_array_end(&json);
	json_object_end(&json);
	return json_finish(&json);
}
