/* SPDX-License-Identifier: MIT */
/*
 * /tmp/perf-PID.map, in which JIT compilers (V8, Java agents, .NET, LuaJIT, CPython) tell their
 * code: lines of "START SIZE name", both numbers hexadecimal, the name to the end of the line.
 * Anybody can put a file of that name into /tmp: it counts when it is a regular file of the
 * process's user, or of root, and no link. One too large to be true is not read.
 *
 * Written by a live process, so the last line may be torn and others may be rubbish: what does
 * not parse is skipped. Code that is compiled again at the same place appears again further down,
 * so the later line wins.
 */
#include "perfmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BYTES = 1 << 28 };

/* One hexadecimal number and the blanks behind it; strtoull alone would take "-1". */
static bool parse_hex(const char **text, uint64_t *value)
{
	char *end;

	if (!strchr("0123456789abcdefABCDEF", **text))
		return false;
	errno = 0;
	*value = strtoull(*text, &end, 16);
	if (errno || end == *text || (*end != ' ' && *end != '\t'))
		return false;
	*text = end + strspn(end, " \t");
	return true;
}

static int add_line(struct perfmap *map, const char *line, uint32_t number)
{
	struct range range = { .rank = number };
	uint64_t size;
	char *name;
	int err;

	if (!parse_hex(&line, &range.low) || !parse_hex(&line, &size) || !size || !*line)
		return 0;
	if (__builtin_add_overflow(range.low, size, &range.high))
		return 0;
	name = strdup(line);
	if (!name)
		return -ENOMEM;
	range.name = name;
	err = ranges_add(&map->code, &range);
	if (err)
		free(name);
	return err;
}

static bool is_trusted(int fd, uint32_t uid)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_uid == uid || st.st_uid == 0) &&
	       st.st_size <= MAX_BYTES;
}

static FILE *open_trusted(const char *path, uint32_t uid)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	FILE *file;

	if (fd < 0)
		return NULL;
	if (!is_trusted(fd, uid)) {
		close(fd);
		errno = EPERM;
		return NULL;
	}
	file = fdopen(fd, "r");
	if (!file)
		close(fd);
	return file;
}

int perfmap_parse(struct perfmap *map, FILE *file)
{
	char *line = NULL;
	size_t capacity = 0;
	uint32_t number = 0;
	ssize_t length;
	int err = 0;

	while (!err && (length = getline(&line, &capacity, file)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		err = add_line(map, line, number++);
	}
	free(line);
	ranges_sort(&map->code);
	return err;
}

int perfmap_read(struct perfmap *map, const char *path, uint32_t uid)
{
	FILE *file = open_trusted(path, uid);
	int err;

	if (!file)
		return -errno;
	err = perfmap_parse(map, file);
	fclose(file);
	return err;
}

const char *perfmap_find(const struct perfmap *map, uint64_t pc)
{
	const struct range *range = ranges_find(&map->code, pc);

	return range ? range->name : NULL;
}

void perfmap_free(struct perfmap *map)
{
	for (size_t i = 0; i < map->code.nr; i++)
		free((char *)map->code.at[i].name);
	ranges_free(&map->code);
}
