/* SPDX-License-Identifier: MIT */
/* launch.c: see launch.h */
#include "launch.h"
#include "output.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MULTIARCH_DIR "/../lib/x86_64-linux-gnu"
#elif defined(__aarch64__)
#define MULTIARCH_DIR "/../lib/aarch64-linux-gnu"
#endif

int launch_find_library(const char *name, char *path, size_t size)
{
	static const char *const places[] = { "", "/../lib", MULTIARCH_DIR };
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	bool found = false;

	self[length > 0 ? length : 0] = '\0';
	if (length > 0)
		*strrchr(self, '/') = '\0';
	for (size_t i = 0; !found && i < sizeof(places) / sizeof(places[0]); i++)
		found = (size_t)snprintf(path, size, "%s%s/%s", self, places[i], name) < size &&
			access(path, R_OK) == 0;
	if (!found) {
		snprintf(path, size, "%s/%s", LOCKPROF_LIBDIR, name);
		found = access(path, R_OK) == 0;
	}
	if (!found) {
		output_error("cannot find %s: it is neither beside lockprof nor in %s", name,
			     LOCKPROF_LIBDIR);
		return -ENOENT;
	}
	if (strpbrk(path, " :")) {
		output_error("%s: LD_PRELOAD cannot name a path with a space or a colon", path);
		return -EINVAL;
	}
	return 0;
}

int launch_join_env(const char *variable, const char *first, const char *second)
{
	bool both = first && *first && second && *second;
	char *value;
	int err;

	if (asprintf(&value, "%s%s%s", first ? first : "", both ? ":" : "",
		     second ? second : "") < 0)
		return -ENOMEM;
	err = setenv(variable, value, 1) < 0 ? -errno : 0;
	free(value);
	return err;
}

int launch_add_setting(const char *format, const char *value)
{
	char setting[PATH_MAX + 16];

	snprintf(setting, sizeof(setting), format, value);
	return launch_join_env("LOCKPROF_OPTIONS", getenv("LOCKPROF_OPTIONS"), setting);
}
