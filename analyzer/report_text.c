/* SPDX-License-Identifier: MIT */
/*
 * The report for people.
 *
 * It answers in the order in which somebody with a slow server asks: do threads wait at all, for
 * what, and because of whom (the story, in sentences); is there more of it (the ranked table);
 * where exactly (who waited and who held); what else makes threads wait; and how far can this be
 * trusted (coverage). --short stops after the first rows of the table.
 *
 * Everything that comes out of a trace is escaped on its way out: here by report_paragraph(), in
 * tables by table_cell().
 */
#include "report.h"
#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TITLES_MAX 8

int report_line_begin(struct report_line *line)
{
	*line = (struct report_line){ 0 };
	line->out = open_memstream(&line->text, &line->size);
	return line->out ? 0 : -ENOMEM;
}

/* The next word, escaped, its glue turned into blanks. NULL: no memory. */
static char *cut_word(const char *from, size_t length)
{
	char *raw = strndup(from, length), *word;
	size_t size;

	if (!raw)
		return NULL;
	for (char *p = raw; *p; p++)
		if (*p == REPORT_GLUE[0])
			*p = ' ';
	size = output_escape(NULL, 0, raw) + 1;
	word = malloc(size);
	if (word)
		output_escape(word, size, raw);
	free(raw);
	return word;
}

static int print_words(FILE *out, size_t width, size_t indent, const char *text)
{
	size_t column = indent;

	for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
		size_t length = strcspn(at, " ");
		char *word = cut_word(at, length);
		size_t columns;

		if (!word)
			return -ENOMEM;
		columns = utf8_columns(word);
		if (column > indent && column + 1 + columns > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fputs(word, out);
		column += columns;
		free(word);
		at += length;
	}
	return 0;
}

int report_paragraph(const struct report *report, FILE *out, const char *first,
		     enum output_face face, struct report_line *line)
{
	int err = fclose(line->out) == 0 && line->text ? 0 : -ENOMEM;

	if (!err && report->tell) {
		report->tell(report->teller, line, face);
	} else if (!err) {
		fprintf(out, "%s%s%s", output_face_begin(face), first, output_face_end(face));
		err = print_words(out, report->width, utf8_columns(first), line->text);
		fputc('\n', out);
	}
	free(line->text);
	return err;
}

void report_heading(FILE *out, const char *format, ...)
{
	va_list args;

	fprintf(out, "\n%s", output_face_begin(OUTPUT_BOLD));
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fprintf(out, "%s\n", output_face_end(OUTPUT_BOLD));
}

const char *report_time(char buf[OUTPUT_NUMBER], uint64_t ns)
{
	output_time(buf, ns);
	for (char *p = buf; *p; p++)
		if (*p == ' ')
			*p = REPORT_GLUE[0];
	return buf;
}

/* Never "100 %" of what is not all, nor "0 %" of what is something. */
const char *report_percent(char buf[OUTPUT_NUMBER], double ratio)
{
	double percent = ratio * 100;

	if (percent > 0 && percent < 0.1)
		snprintf(buf, OUTPUT_NUMBER, "less than 0.1" REPORT_GLUE "%%");
	else if (percent < 9.95)
		snprintf(buf, OUTPUT_NUMBER, "%.1f" REPORT_GLUE "%%", percent);
	else if (percent >= 99.5 && percent < 100)
		snprintf(buf, OUTPUT_NUMBER, "over 99" REPORT_GLUE "%%");
	else
		snprintf(buf, OUTPUT_NUMBER, "%.0f" REPORT_GLUE "%%", percent);
	return buf;
}

const char *report_plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static bool has_namesake(const struct model *model, const struct thread *thread)
{
	for (size_t i = 0; i < model->nr_threads; i++) {
		const struct thread *other = &model->threads[i];

		if (other != thread && other->process == thread->process &&
		    strcmp(other->name, thread->name) == 0)
			return true;
	}
	return false;
}

const char *report_nobody(const struct report_row *row)
{
	if (row->is_shared)
		return "another process, hand-off or scheduling";
	/* Of a profile only those holds are known at whose end somebody waited. */
	return row->is_folded ? "hand-off, scheduling or short holds" : "hand-off and scheduling";
}

void report_put_thread(const struct report *report, FILE *out, const struct thread *thread)
{
	fputs(thread->name, out);
	if (has_namesake(report->model, thread))
		fprintf(out, REPORT_GLUE "(%u)", thread->record->tid);
}

void report_put_threads(const struct report *report, FILE *out, uint32_t thread, uint32_t nr)
{
	if (thread < report->model->nr_threads)
		report_put_thread(report, out, &report->model->threads[thread]);
	else
		fputs("an unknown thread", out);
	if (nr > 1)
		fprintf(out, " and %u" REPORT_GLUE "other%s", nr - 1, report_plural(nr - 1));
}

/* Gives the missing thousandths to the values that lost most by rounding down. */
static void spread_remainder(double *lost, size_t nr, unsigned int missing, unsigned int *permille)
{
	for (; missing > 0; missing--) {
		size_t best = 0;

		for (size_t i = 1; i < nr; i++)
			if (lost[i] > lost[best])
				best = i;
		if (!nr || lost[best] < 0)
			break;
		lost[best] = -1;
		permille[best]++;
	}
}

void report_permille(const uint64_t *values, size_t nr, uint64_t total, unsigned int *permille)
{
	double lost[REPORT_SHARES_MAX];
	uint64_t sum = 0;
	unsigned int given = 0;

	for (size_t i = 0; i < nr; i++) {
		double exact = report_ratio(values[i], total) * 1000;

		permille[i] = (unsigned int)exact;
		lost[i] = exact - permille[i];
		given += permille[i];
		sum += values[i];
	}
	if (total) {
		unsigned int all = (unsigned int)(report_ratio(sum, total) * 1000 + 0.5);

		spread_remainder(lost, nr, all > given ? all - given : 0, permille);
	}
}

static void put_end(const struct process *process, FILE *out)
{
	const struct trace_header *header = report_header(process);
	char end[OUTPUT_NUMBER];

	if (header->end == TRACE_END_EXIT)
		fprintf(out, "exit" REPORT_GLUE "status %d", header->end_value);
	else if (header->end == TRACE_END_SIGNAL)
		fprintf(out, "killed by signal %d (%s)", header->end_value,
			strsignal(header->end_value));
	else if (strcmp(report_end(process, end), "running") == 0)
		fputs("still running", out);
	else
		fputs("ended without telling (SIGKILL, _exit)", out);
}

static void put_mode(const struct process *process, FILE *out)
{
	const char *mode = report_mode(process);

	if (strcmp(mode, "mixed") != 0)
		fprintf(out, "mode" REPORT_GLUE "%s", mode);
	else if (report_header(process)->events & TRACE_EVENT_SIZE_CAP)
		fputs("mode trace until the size limit, then profile", out);
	else
		fputs("mode trace, then profile", out);
}

static unsigned int count_threads(const struct model *model, const struct process *process)
{
	unsigned int nr = 0;

	for (size_t i = 0; i < model->nr_threads; i++)
		nr += model->threads[i].process == process;
	return nr;
}

/* "4.10 s", "1.20 s of 4.10 s recorded". */
static void put_duration(const struct report *report, const struct process *process, FILE *out)
{
	uint64_t recorded_ns = process->duration_ns;
	char duration[OUTPUT_NUMBER];

	fputs(report_time(duration, recorded_ns), out);
	if (process->off_ns && !report->only_phase)
		fprintf(out, " of %s recorded",
			report_time(duration, recorded_ns + process->off_ns));
}

static int print_title(const struct report *report, const struct process *process, FILE *out)
{
	unsigned int threads = count_threads(report->model, process);
	struct report_line line;

	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out, "%s (pid" REPORT_GLUE "%u): ", report_base_name(process->exe),
		report_header(process)->pid);
	put_duration(report, process, line.out);
	fprintf(line.out, ", %u" REPORT_GLUE "thread%s, ", threads, report_plural(threads));
	put_end(process, line.out);
	fputs("; ", line.out);
	put_mode(process, line.out);
	return report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
}

int report_titles(const struct report *report, FILE *out)
{
	const struct model *model = report->model;
	int err = 0;

	fputs(output_face_begin(OUTPUT_BOLD), out);
	for (size_t i = 0; !err && i < model->nr_processes && i < TITLES_MAX; i++)
		err = print_title(report, &model->processes[i], out);
	fputs(output_face_end(OUTPUT_BOLD), out);
	if (model->nr_processes > TITLES_MAX)
		fprintf(out, "... and %zu more processes: --by=process shows them.\n",
			model->nr_processes - TITLES_MAX);
	return err;
}

static int print_hint(const struct report *report, FILE *out)
{
	const struct process *process = report->model->processes;
	struct report_line line;

	if (report_line_begin(&line) < 0)
		return -ENOMEM;
	fprintf(line.out, "\"lockprof report %s\" shows more.",
		process->reader ? reader_path(process->reader) : "TRACE");
	return report_paragraph(report, out, "", OUTPUT_PLAIN, &line);
}

static int print_short(const struct report *report, FILE *out)
{
	int err = report_tables(report, out);

	if (!err && (report_has_losses(report->model) || report_has_damages(report->model)))
		err = report_coverage(report, out);
	fputc('\n', out);
	return err ? err : print_hint(report, out);
}

int report_text(const struct report *report, FILE *out)
{
	int err = report_titles(report, out);

	fputc('\n', out);
	if (!err)
		err = report_story(report, out);
	if (!err && report->is_short)
		return print_short(report, out);
	if (!err)
		err = report_tables(report, out);
	if (!err)
		err = report_phase_table(report, out);
	if (!err)
		err = report_waits_and_holders(report, out);
	if (!err)
		err = report_apart(report, out);
	return err ? err : report_coverage(report, out);
}
