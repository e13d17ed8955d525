/* SPDX-License-Identifier: MIT */
/* options.c: see options.h */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "options.h"
#include "sys.h"

struct options options = {
	.output = "lockprof.%e.%p.trace",
	.max_size = 1ull << 30,
	.depth = 32,
	.mode = TRACE_MODE_TRACE,
	.stacks = true,
	.futex = true,
	.start = true,
};

void options_say(const char *what, const char *detail)
{
	struct iovec parts[] = {
		{ (void *)"lockprof: ", 10 },
		{ (void *)what, strlen(what) },
		{ (void *)detail, strlen(detail) },
		{ (void *)"\n", 1 },
	};

	sys_call(SYS_writev, 2, (long)parts, 4, 0, 0, 0);
}

static bool parse_bool(const char *value, bool *to)
{
	if (!strcmp(value, "yes") || !strcmp(value, "1"))
		*to = true;
	else if (!strcmp(value, "no") || !strcmp(value, "0"))
		*to = false;
	else
		return false;
	return true;
}

/* Digits and one of k, m, g, t (powers of 1024). */
static bool parse_size(const char *value, uint64_t *to)
{
	static const char units[] = "kmgt";
	uint64_t n = 0;
	const char *unit;

	if (*value < '0' || *value > '9')
		return false;
	for (; *value >= '0' && *value <= '9'; value++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*value - '0'), &n))
			return false;
	if (*value) {
		unit = strchr(units, *value | 0x20);
		if (!unit || value[1] || n >> (64 - 10 * (unit - units + 1)))
			return false;
		n <<= 10 * (unit - units + 1);
	}
	*to = n;
	return true;
}

static bool set_output(const char *value)
{
	if (!*value || strlen(value) >= sizeof(options.output))
		return false;
	strcpy(options.output, value);
	return true;
}

static bool set_mode(const char *value)
{
	if (!strcmp(value, "trace"))
		options.mode = TRACE_MODE_TRACE;
	else if (!strcmp(value, "profile"))
		options.mode = TRACE_MODE_PROFILE;
	else
		return false;
	return true;
}

static bool set_max_size(const char *value)
{
	return parse_size(value, &options.max_size);
}

static bool set_depth(const char *value)
{
	uint64_t n;

	if (!parse_size(value, &n) || n < 1 || n > STACK_DEPTH_MAX)
		return false;
	options.depth = (uint32_t)n;
	return true;
}

static bool set_stacks(const char *value)
{
	return parse_bool(value, &options.stacks);
}

static bool set_futex(const char *value)
{
	return parse_bool(value, &options.futex);
}

static bool set_start(const char *value)
{
	return parse_bool(value, &options.start);
}

static bool set_verbose(const char *value)
{
	return parse_bool(value, &options.verbose);
}

static const struct {
	const char *key;
	bool (*set)(const char *value);
} keys[] = {
	{ "output", set_output }, { "mode", set_mode },	  { "max_size", set_max_size },
	{ "stacks", set_stacks }, { "depth", set_depth }, { "futex", set_futex },
	{ "start", set_start },	  { "verbose", set_verbose },
};

static void options_set(char *pair)
{
	char *value = strchr(pair, '=');
	size_t length = value ? (size_t)(value - pair) : strlen(pair);

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		if (strncmp(keys[i].key, pair, length) || keys[i].key[length])
			continue;
		if (!keys[i].set(value ? value + 1 : "yes"))
			options_say("bad value in LOCKPROF_OPTIONS: ", pair);
		return;
	}
	options_say("unknown key in LOCKPROF_OPTIONS: ", pair);
}

static void remember_directory(void)
{
	long n = sys_call(SYS_getcwd, (long)options.directory, sizeof(options.directory), 0, 0, 0,
			  0);

	if (n < 1 || options.directory[0] != '/')
		options.directory[0] = '\0';
}

void options_read(const char *text)
{
	char pair[4200];

	remember_directory();
	while (text && *text) {
		size_t length = strcspn(text, ":");

		if (length >= sizeof(pair)) {
			options_say("too long: LOCKPROF_OPTIONS", "");
		} else if (length) {
			memcpy(pair, text, length);
			pair[length] = '\0';
			options_set(pair);
		}
		text += length + (text[length] == ':');
	}
}

struct text {
	char *at, *end;
};

static void text_add(struct text *text, const char *from)
{
	while (*from && text->at < text->end - 1)
		*text->at++ = *from++;
	*text->at = '\0';
}

static void text_add_number(struct text *text, unsigned long n)
{
	char digits[24], *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	text_add(text, p);
}

static void text_expand(struct text *text, char what, const char *exe)
{
	struct utsname names;
	const char one[] = { '%', what, '\0' };

	if (what == 'p')
		text_add_number(text, (unsigned long)sys_getpid());
	else if (what == 'e')
		text_add(text, exe);
	else if (what == 'h')
		text_add(text, sys_call(SYS_uname, (long)&names, 0, 0, 0, 0, 0) ? "host" :
										  names.nodename);
	else
		text_add(text, one);
}

bool options_path(char *path, uint32_t size, const char *exe)
{
	struct text text = { path, path + size };
	bool has_pid = false;

	*path = '\0';
	if (options.output[0] != '/') {
		text_add(&text, options.directory);
		text_add(&text, "/");
	}
	for (const char *p = options.output; *p; p++) {
		char one[2] = { *p, '\0' };

		if (*p != '%' || !p[1]) {
			text_add(&text, one);
			continue;
		}
		has_pid |= *++p == 'p';
		text_expand(&text, *p, exe);
	}
	return has_pid;
}
