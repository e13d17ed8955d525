/* SPDX-License-Identifier: MIT */
/*
 * Everything that makes output readable for people and safe for their terminal.
 *
 * Colour and width are decided once, by what stdout is when output_init() is called: after the
 * pager has taken stdout over, stdout is a pipe and would give the wrong answer. NO_COLOR wins
 * over everything, as users who set it expect of all their tools.
 *
 * The pager is the user's ($LOCKPROF_PAGER, $PAGER, less), run by a shell since it may hold
 * options, and only on a terminal. When it quits early, the next write ends us by SIGPIPE, which
 * is what both sides want.
 *
 * Numbers for people have three significant digits. Machines get theirs from json.c.
 */
#include "output.h"
#include "utf8.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const output_color_words[] = { "auto", "always", "never", NULL };

#define DEFAULT_WIDTH 80
#define NARROWEST     40

static struct {
	bool terminal;
	bool color;
	size_t width;
	pid_t pager;
} output = { .width = DEFAULT_WIDTH };

static bool wants_color(enum output_color color)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color && *no_color)
		return false;
	if (color != OUTPUT_COLOR_AUTO)
		return color == OUTPUT_COLOR_ALWAYS;
	return output.terminal && term && strcmp(term, "dumb") != 0;
}

static size_t terminal_width(void)
{
	struct winsize size;

	if (!output.terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return DEFAULT_WIDTH;
	return size.ws_col < NARROWEST ? NARROWEST : size.ws_col;
}

void output_init(enum output_color color)
{
	output.terminal = isatty(STDOUT_FILENO);
	output.color = wants_color(color);
	output.width = terminal_width();
}

size_t output_width(void)
{
	return output.width;
}

const char *output_face_begin(enum output_face face)
{
	static const char *const begin[] = {
		[OUTPUT_PLAIN] = "",	      [OUTPUT_BOLD] = "\033[1m",
		[OUTPUT_DIM] = "\033[2m",     [OUTPUT_RED] = "\033[31m",
		[OUTPUT_YELLOW] = "\033[33m", [OUTPUT_GREEN] = "\033[32m",
		[OUTPUT_CYAN] = "\033[36m",
	};

	return output.color ? begin[face] : "";
}

const char *output_face_end(enum output_face face)
{
	return output.color && face != OUTPUT_PLAIN ? "\033[0m" : "";
}

static const char *pager_command(void)
{
	const char *command = getenv("LOCKPROF_PAGER");

	if (!command)
		command = getenv("PAGER");
	if (!command)
		command = "less";
	return *command && strcmp(command, "cat") != 0 ? command : NULL;
}

static void pager_exec(const char *command, const int pipefd[2])
{
	dup2(pipefd[0], STDIN_FILENO);
	close(pipefd[0]);
	close(pipefd[1]);
	setenv("LESS", "FRX", 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

void output_pager_begin(void)
{
	const char *command = pager_command();
	int pipefd[2];

	if (!output.terminal || !command || output.pager > 0 || pipe(pipefd) < 0)
		return;
	fflush(stdout);
	output.pager = fork();
	if (output.pager == 0)
		pager_exec(command, pipefd);
	if (output.pager > 0)
		dup2(pipefd[1], STDOUT_FILENO);
	close(pipefd[0]);
	close(pipefd[1]);
}

void output_pager_end(void)
{
	if (output.pager <= 0)
		return;
	fflush(stdout);
	close(STDOUT_FILENO);
	waitpid(output.pager, NULL, 0);
	output.pager = 0;
}

static void put_byte(char *to, size_t size, size_t *at, char byte)
{
	if (*at + 1 < size)
		to[*at] = byte;
	++*at;
}

static void put_escaped(char *to, size_t size, size_t *at, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	put_byte(to, size, at, '\\');
	put_byte(to, size, at, 'x');
	put_byte(to, size, at, digits[byte >> 4]);
	put_byte(to, size, at, digits[byte & 15]);
}

size_t output_escape(char *to, size_t size, const char *text)
{
	size_t left = strlen(text), at = 0;

	while (left > 0) {
		uint32_t code = 0;
		size_t length = utf8_decode(text, left, &code);
		bool escaped = length == 0 || utf8_is_hostile(code);

		if (length == 0)
			length = 1;
		for (size_t i = 0; i < length; i++) {
			if (escaped)
				put_escaped(to, size, &at, (unsigned char)text[i]);
			else
				put_byte(to, size, &at, text[i]);
		}
		text += length;
		left -= length;
	}
	if (size > 0)
		to[at < size ? at : size - 1] = '\0';
	return at;
}

/* A message may hold names out of a trace, and paths out of a foreign folder. */
void output_error(const char *format, ...)
{
	char message[PATH_MAX + 256], escaped[4 * sizeof(message)];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	output_escape(escaped, sizeof(escaped), message);
	fflush(stdout);
	fprintf(stderr, "lockprof: %s\n", escaped);
}

void output_fact(const char *name, const char *format, ...)
{
	char text[4096], escaped[4 * sizeof(text)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	output_escape(escaped, sizeof(escaped), text);
	printf("%s%-12s%s %s\n", output_face_begin(OUTPUT_DIM), name, output_face_end(OUTPUT_DIM),
	       escaped);
}

struct unit {
	double factor;
	const char *name;
};

/*
 * Three significant digits in the first unit where that gives less than 1000 (999.6 us is
 * 1.00 ms); the smallest unit is whole, and the largest takes what remains.
 */
static const char *format_unit(char *buf, double value, const struct unit *units, size_t nr)
{
	double scaled = value;
	size_t i = 0;

	while (i + 1 < nr && scaled >= (i == 0 ? 1000 : 999.5))
		scaled = value / units[++i].factor;
	snprintf(buf, OUTPUT_NUMBER, "%.*f%s",
		 i == 0 || scaled >= 99.95 ? 0
		 : scaled >= 9.995	   ? 1
					   : 2,
		 scaled, units[i].name);
	return buf;
}

#define FORMAT_UNIT(buf, value, units) \
	format_unit(buf, value, units, sizeof(units) / sizeof((units)[0]))

const char *output_time(char buf[OUTPUT_NUMBER], uint64_t ns)
{
	static const struct unit units[] = {
		{ 1, " ns" },  { 1e3, " us" },	 { 1e6, " ms" },
		{ 1e9, " s" }, { 60e9, " min" }, { 3600e9, " h" },
	};

	return FORMAT_UNIT(buf, (double)ns, units);
}

const char *output_size(char buf[OUTPUT_NUMBER], uint64_t bytes)
{
	static const struct unit units[] = {
		{ 1, " B" },	    { 0x1p10, " KiB" }, { 0x1p20, " MiB" },
		{ 0x1p30, " GiB" }, { 0x1p40, " TiB" }, { 0x1p50, " PiB" },
	};

	return FORMAT_UNIT(buf, (double)bytes, units);
}

const char *output_si(char buf[OUTPUT_NUMBER], double value)
{
	static const struct unit units[] = {
		{ 1, "" }, { 1e3, "k" }, { 1e6, "M" }, { 1e9, "G" }, { 1e12, "T" },
	};

	if (value > 0 && value < 99.95) {
		snprintf(buf, OUTPUT_NUMBER, "%.3g", value);
		return buf;
	}
	return FORMAT_UNIT(buf, value, units);
}

const char *output_count(char buf[OUTPUT_NUMBER], uint64_t count)
{
	char digits[OUTPUT_NUMBER];
	size_t length = (size_t)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
	size_t at = 0;

	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

const char *output_percent(char buf[OUTPUT_NUMBER], double ratio)
{
	if (ratio > 0 && ratio < 0.0005)
		snprintf(buf, OUTPUT_NUMBER, "<0.1 %%");
	else
		snprintf(buf, OUTPUT_NUMBER, "%.1f %%", ratio * 100);
	return buf;
}
