/* SPDX-License-Identifier: MIT */
/*
 * For the locks with most waiting: where the waiters stood, and who held the lock meanwhile.
 *
 * Both lists are shares of the same waiting time and each sums up to 100.0 %, rounding included:
 * what is not listed stands in a line of its own, and what no hold explains is called by its name.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>

#define LISTED	   4
#define SMALL	   0.005 /* of a lock's waiting: not listed, if it is not all there is */
#define SMALL_LOCK 0.01	 /* of all waiting: told only on demand */
#define SHARE	   32	 /* bytes of "   97.0%  " and the most that its format could make */

/* The first groups, then the rest as one, then what no group explains, then what is not known. */
struct shares {
	uint64_t values[LISTED + 3];
	unsigned int permille[LISTED + 3];
	size_t nr_listed;
};
#define REST	    LISTED
#define UNEXPLAINED (LISTED + 1)
#define FOLDED	    (LISTED + 2)

static void count_shares(struct shares *shares, const struct report_groups *groups,
			 uint64_t total_ns, uint64_t unexplained_ns, uint64_t folded_ns)
{
	*shares = (struct shares){ .values[UNEXPLAINED] = unexplained_ns,
				   .values[FOLDED] = folded_ns };
	for (size_t i = 0; i < groups->nr; i++) {
		const struct report_group *group = &groups->groups[i];
		bool is_small = i > 0 && report_ratio(group->wait_ns, total_ns) < SMALL;

		if (group->text && shares->nr_listed < LISTED && !is_small)
			shares->values[shares->nr_listed++] = group->wait_ns;
		else
			shares->values[REST] += groups->groups[i].wait_ns;
	}
	report_permille(shares->values, LISTED + 3, total_ns, shares->permille);
}

static int begin_share(struct report_line *line, char first[SHARE], unsigned int permille)
{
	if (permille)
		snprintf(first, SHARE, "   %3u.%u%%  ", permille / 10, permille % 10);
	else
		snprintf(first, SHARE, "   <0.1%%  ");
	return report_line_begin(line);
}

static int print_share(const struct report *report, FILE *out, unsigned int permille,
		       const char *text)
{
	struct report_line line;
	char first[SHARE];

	if (begin_share(&line, first, permille) < 0)
		return -ENOMEM;
	fputs(text, line.out);
	return report_paragraph(report, out, first, OUTPUT_PLAIN, &line);
}

static int print_holder(const struct report *report, FILE *out, unsigned int permille,
			const struct report_group *group)
{
	struct report_line line;
	char first[SHARE];

	if (begin_share(&line, first, permille) < 0)
		return -ENOMEM;
	report_put_threads(report, line.out, group->thread, group->nr_threads);
	fprintf(line.out, " in %s", group->text);
	return report_paragraph(report, out, first, OUTPUT_PLAIN, &line);
}

static int print_rest(const struct report *report, FILE *out, const struct shares *shares,
		      const char *rest, const char *unexplained)
{
	int err = 0;

	if (shares->values[REST])
		err = print_share(report, out, shares->permille[REST], rest);
	if (!err && shares->values[UNEXPLAINED])
		err = print_share(report, out, shares->permille[UNEXPLAINED], unexplained);
	return err;
}

static uint64_t sum_ns(const struct report_groups *groups)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < groups->nr; i++)
		sum += groups->groups[i].wait_ns;
	return sum;
}

static int print_waiters(const struct report *report, FILE *out, const struct report_row *row,
			 const struct report_groups *groups)
{
	uint64_t known_ns = sum_ns(groups), total_ns = row->all->wait_ns;
	struct shares shares;
	int err = 0;

	if (groups->nr == 0)
		return 0;
	count_shares(&shares, groups, total_ns, total_ns > known_ns ? total_ns - known_ns : 0, 0);
	fputs("  Waiting\n", out);
	for (size_t i = 0; !err && i < shares.nr_listed; i++) {
		char *text;

		if (asprintf(&text, "in %s", groups->groups[i].text) < 0)
			return -ENOMEM;
		err = print_share(report, out, shares.permille[i], text);
		free(text);
	}
	return err ? err
		   : print_rest(report, out, &shares, "in other places", "in places not recorded");
}

static int print_holders(const struct report *report, FILE *out, const struct report_row *row,
			 const struct report_groups *groups)
{
	struct shares shares;
	char *nobody;
	int err = 0;

	if (asprintf(&nobody, "%s%s", row->is_shared ? "" : "nobody: ", report_nobody(row)) < 0)
		return -ENOMEM;
	count_shares(&shares, groups, row->all->wait_ns, row->unattributed_ns,
		     row->folded_wait_ns);
	fprintf(out, "  While %s held by\n", row->nr_locks > 1 ? "they were" : "it was");
	for (size_t i = 0; !err && i < shares.nr_listed; i++)
		err = print_holder(report, out, shares.permille[i], &groups->groups[i]);
	if (!err)
		err = print_rest(report, out, &shares, "others, or in other places", nobody);
	if (!err && row->folded_wait_ns)
		err = print_share(report, out, shares.permille[FOLDED],
				  "not known: statistics alone were recorded");
	free(nobody);
	return err;
}

static int print_title(const struct report *report, FILE *out, const struct report_rows *rows,
		       const struct report_row *row)
{
	char *label = report_row_label(report, rows->by, row);
	uint64_t waits = report_waits(row->all);
	struct report_line line;
	char time[OUTPUT_NUMBER];

	if (!label || report_line_begin(&line) < 0) {
		free(label);
		return -ENOMEM;
	}
	fprintf(line.out, "%s: %s in %llu" REPORT_GLUE "wait%s", label,
		report_time(time, row->all->wait_ns), (unsigned long long)waits,
		report_plural(waits));
	free(label);
	if (waits > 1)
		fprintf(line.out, ", at worst %s", report_time(time, row->all->wait_max_ns));
	if (row->max_waiters > 1 && row->max_waiters != UINT32_MAX)
		fprintf(line.out, ", up to %u" REPORT_GLUE "at once", row->max_waiters);
	return report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
}

static int print_list(const struct report *report, FILE *out, const struct report_row *row,
		      struct report_part *parts, size_t nr_parts,
		      int (*print)(const struct report *report, FILE *out,
				   const struct report_row *row,
				   const struct report_groups *groups))
{
	struct report_groups groups;
	int err = report_group(report, parts, nr_parts, REPORT_STACK, &groups);

	if (!err)
		err = print(report, out, row, &groups);
	report_groups_fini(&groups);
	return err;
}

static int print_lock(const struct report *report, FILE *out, const struct report_rows *rows,
		      const struct report_row *row)
{
	struct report_part *parts = NULL;
	size_t nr_parts;
	int err = print_title(report, out, rows, row);

	if (!err)
		err = report_wait_parts(report, rows, row, &parts, &nr_parts);
	if (!err)
		err = print_list(report, out, row, parts, nr_parts, print_waiters);
	free(parts);
	parts = NULL;
	if (!err && report->model->has_events)
		err = report_blame_parts(report, rows, row, &parts, &nr_parts);
	if (!err && report->model->has_events)
		err = print_list(report, out, row, parts, nr_parts, print_holders);
	free(parts);
	return err;
}

int report_waits_and_holders(const struct report *report, FILE *out)
{
	uint64_t all_ns = report_totals(report->model).wait_ns;
	struct report by_wait = *report;
	struct report_rows rows;
	int err;

	if (!all_ns)
		return 0;
	by_wait.key = REPORT_WAIT_TOTAL;
	err = report_rows_init(&rows, &by_wait,
			       report->by == REPORT_BY_LOCK ? REPORT_BY_LOCK : REPORT_BY_CLASS);
	if (err)
		return err;
	report_heading(out, "%s",
		       report->model->has_events ? "Who waited where, and who held the lock"
						 : "Who waited where");
	for (size_t i = 0; !err && i < rows.nr && i < report->details; i++) {
		uint64_t wait_ns = rows.rows[i].all->wait_ns;

		if (!wait_ns || (i > 0 && report->details != REPORT_ALL &&
				 report_ratio(wait_ns, all_ns) < SMALL_LOCK))
			break;
		err = print_lock(&by_wait, out, &rows, &rows.rows[i]);
	}
	report_rows_fini(&rows);
	return err;
}
