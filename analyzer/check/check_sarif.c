/* SPDX-License-Identifier: MIT */
/*
 * check_sarif.c: what did not pass, as SARIF 2.1.0 for code review tools
 *
 * A result stands where most of the growth comes from. Its fingerprint has neither line nor value,
 * so that the same regression is the same result in the next build.
 */
#include "check.h"

#include "../sarif.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One rule a tier: what a user would switch off together. */
static const char *const tier_claims[] = {
	"Something that has no noise changed: a deadlock, a lock order, an exact count",
	"A lock is held longer, or asked for more of the time, than in the baseline",
	"Threads wait more for a lock than in the baseline",
	"A lock is over its absolute budget",
};
#define NR_TIERS (sizeof(tier_claims) / sizeof(tier_claims[0]))

static const char *level_of(enum verdict verdict)
{
	return verdict == JUDGED_FAIL		? "error"
	       : verdict == JUDGED_INCONCLUSIVE ? "warning"
						: "note";
}

static int put_location(struct json *json, const struct result *result)
{
	int err = 0;

	json_array_begin(json, "locations");
	json_object_begin(json, NULL);
	if (result->file)
		err = sarif_physical_location(json, result->file, result->line);
	json_array_begin(json, "logicalLocations");
	json_object_begin(json, NULL);
	json_string(json, "name", result->function ? result->function : result->subject);
	json_string(json, "kind", result->function ? "function" : "variable");
	json_object_end(json);
	json_array_end(json);
	json_object_end(json);
	json_array_end(json);
	return err;
}

static int put_result(struct json *json, const struct result *result)
{
	const char *phase = result->lock ? result->lock->in->phase : NULL;
	char *print;
	int err;

	if (asprintf(&print, "%s|%s%s%s|%s", tier_words[result->tier],
		     result->lock ? result->lock->key : result->subject, phase ? " in phase " : "",
		     phase ? phase : "", result->rule) < 0)
		return -ENOMEM;
	json_object_begin(json, NULL);
	json_string(json, "ruleId", tier_words[result->tier]);
	json_uint(json, "ruleIndex", result->tier);
	json_string(json, "level", level_of(result->verdict));
	sarif_message(json, "message", result->text);
	err = put_location(json, result);
	json_object_begin(json, "partialFingerprints");
	json_string(json, "lockprofCheck/1", print);
	json_object_end(json);
	json_object_end(json);
	free(print);
	return err;
}

static void put_rules(struct json *json)
{
	for (size_t i = 0; i < NR_TIERS; i++) {
		json_object_begin(json, NULL);
		json_string(json, "id", tier_words[i]);
		sarif_message(json, "shortDescription", tier_claims[i]);
		json_object_end(json);
	}
}

int check_sarif(const struct check *check, FILE *out)
{
	struct json json;
	int err = 0;

	sarif_begin(&json, out);
	put_rules(&json);
	sarif_results(&json);
	for (size_t i = 0; i < check->nr_results && !err; i++)
		if (check->results[i].verdict > JUDGED_PASS)
			err = put_result(&json, &check->results[i]);
	sarif_end(&json);
	return err ? err : json_finish(&json);
}
