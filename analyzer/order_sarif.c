/* SPDX-License-Identifier: MIT */
/*
 * order_sarif.c: findings as SARIF 2.1.0, for code review tools
 *
 * A result stands where its first thread asks for what it cannot have; the other places are related
 * locations, and the steps of the schedule a code flow with one thread flow for each thread.
 * Suppressed ones are there with their reason: the tools know how to hide them.
 */
#include "json.h"
#include "order_view.h"
#include "sarif.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a review tool does with it; its words are error, warning and note. */
static const char *severity(enum order_level level)
{
	return level <= ORDER_PREDICTED	     ? "error"
	       : level < ORDER_BOUNDED_STALL ? "warning"
					     : "note";
}

/* ---- places ---- */

/* The members of a location object. */
static void put_location_body(struct json *json, const struct frame *frame, const char *text)
{
	if (frame->file)
		sarif_physical_location(json, frame->file, frame->line);
	if (frame->function) {
		json_array_begin(json, "logicalLocations");
		json_object_begin(json, NULL);
		json_string(json, "name", frame->function);
		json_string(json, "kind", "function");
		json_object_end(json);
		json_array_end(json);
	}
	if (text)
		sarif_message(json, "message", text);
}

static struct frame first_frame(const struct order_view *view, uint32_t process,
				struct order_spot spot)
{
	struct frame frame = { 0 };

	if (spot.node || spot.stack)
		order_frames(view, process, spot.node, spot.stack, &frame, 1);
	return frame;
}

/* "one has a_mu", to be freed. */
static char *spot_text(const struct order_view *view, const struct order_member *member,
		       bool wanted)
{
	struct report_line line;

	if (report_line_begin(&line) < 0)
		return NULL;
	order_put_thread(view, line.out, member->thread);
	fputs(wanted ? " wants " : " holds ", line.out);
	order_put_thing(view, line.out, wanted ? member->wanted : member->held);
	if (fclose(line.out) != 0) {
		free(line.text);
		return NULL;
	}
	for (char *p = line.text; *p; p++)
		if (*p == REPORT_GLUE[0])
			*p = ' ';
	return line.text;
}

static void put_spot(struct json *json, const char *key, const struct order_view *view,
		     const struct order_finding *finding, const struct order_member *member,
		     bool wanted)
{
	struct order_spot spot = wanted ? order_wanted_spot(member) : order_held_spot(member);
	struct frame frame = first_frame(view, finding->process, spot);
	char *text = spot_text(view, member, wanted);

	json_object_begin(json, key);
	put_location_body(json, &frame, text);
	json_object_end(json);
	free(text);
}

/* ---- results ---- */

static void put_related(struct json *json, const struct order_view *view,
			const struct order_finding *finding)
{
	json_array_begin(json, "relatedLocations");
	for (size_t i = 0; i < finding->nr_members; i++) {
		if (finding->members[i].held.what)
			put_spot(json, NULL, view, finding, &finding->members[i], false);
		if (i > 0 && finding->members[i].wanted.what)
			put_spot(json, NULL, view, finding, &finding->members[i], true);
	}
	json_array_end(json);
}

static void put_flow_step(struct json *json, const struct order_view *view,
			  const struct order_finding *finding, const struct order_member *member,
			  bool wanted, size_t order)
{
	if (!(wanted ? member->wanted : member->held).what)
		return;
	json_object_begin(json, NULL);
	put_spot(json, "location", view, finding, member, wanted);
	json_uint(json, "executionOrder", order);
	json_object_end(json);
}

static void put_flows(struct json *json, const struct order_view *view,
		      const struct order_finding *finding)
{
	json_array_begin(json, "codeFlows");
	json_object_begin(json, NULL);
	json_array_begin(json, "threadFlows");
	for (size_t i = 0; i < finding->nr_members; i++) {
		json_object_begin(json, NULL);
		json_array_begin(json, "locations");
		put_flow_step(json, view, finding, &finding->members[i], false, i + 1);
		put_flow_step(json, view, finding, &finding->members[i], true,
			      finding->nr_members + i + 1);
		json_array_end(json);
		json_object_end(json);
	}
	json_array_end(json);
	json_object_end(json);
	json_array_end(json);
}

/* The sentence, what it assumes and what to do, as one text; to be freed. */
static char *result_text(const struct order_view *view, const struct order_finding *finding)
{
	struct report_line line;
	int err = report_line_begin(&line);

	if (err)
		return NULL;
	err = order_put_sentence(view, finding, line.out);
	fputc('.', line.out);
	for (size_t i = 0; !err && i < finding->nr_assumptions; i++) {
		fputs(" Assumes: ", line.out);
		err = order_put_assumption(view, finding, &finding->assumptions[i], line.out);
		fputc('.', line.out);
	}
	fputs(" Fix: ", line.out);
	if (!err)
		err = order_put_hint(view, finding, line.out);
	fputc('.', line.out);
	if (fclose(line.out) != 0 || err) {
		free(line.text);
		return NULL;
	}
	for (char *p = line.text; *p; p++)
		if (*p == REPORT_GLUE[0])
			*p = ' ';
	return line.text;
}

static void put_suppression(struct json *json, const struct order_finding *finding)
{
	if (!finding->suppressed)
		return;
	json_array_begin(json, "suppressions");
	json_object_begin(json, NULL);
	json_string(json, "kind", "external");
	if (finding->suppressed[0])
		json_string(json, "justification", finding->suppressed);
	json_object_end(json);
	json_array_end(json);
}

static int put_result(struct json *json, const struct order_view *view,
		      const struct order_finding *finding)
{
	char *text = result_text(view, finding);

	if (!text)
		return -ENOMEM;
	json_object_begin(json, NULL);
	json_string(json, "ruleId", order_level_words[finding->level]);
	json_uint(json, "ruleIndex", finding->level);
	json_string(json, "level", severity(finding->level));
	sarif_message(json, "message", text);
	json_array_begin(json, "locations");
	put_spot(json, NULL, view, finding, &finding->members[0], finding->members[0].wanted.what);
	json_array_end(json);
	put_related(json, view, finding);
	put_flows(json, view, finding);
	json_object_begin(json, "partialFingerprints");
	json_string(json, "lockprof/1", finding->id);
	json_object_end(json);
	put_suppression(json, finding);
	json_object_end(json);
	free(text);
	return 0;
}

/* ---- all of it ---- */

static void put_rules(struct json *json)
{
	for (unsigned int i = 0; i < ORDER_LEVELS; i++) {
		json_object_begin(json, NULL);
		json_string(json, "id", order_level_words[i]);
		sarif_message(json, "shortDescription", order_level_claim((enum order_level)i));
		json_object_begin(json, "defaultConfiguration");
		json_string(json, "level", severity((enum order_level)i));
		json_object_end(json);
		json_object_end(json);
	}
}

int order_sarif(const struct order_view *view, FILE *out)
{
	const struct order *order = view->order;
	struct json json;
	int err = 0;

	sarif_begin(&json, out);
	put_rules(&json);
	sarif_results(&json);
	for (size_t i = 0; !err && i < order->nr_findings; i++)
		err = put_result(&json, view, &order->findings[i]);
	sarif_end(&json);
	return err ? err : json_finish(&json);
}
