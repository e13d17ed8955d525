/* SPDX-License-Identifier: MIT */
/*
 * outfile.c: see outfile.h
 *
 * A file is written beside its name and renamed when it is whole, so that nobody ever opens half
 * of one, and an older one survives a full disk. It keeps the older one's permissions. What is
 * there and no file (a pipe, /dev/null) is written to and not replaced; so is stdout.
 */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mode_t default_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

/* Beside file->path. The descriptor, or -errno. */
static int open_part(struct outfile *file, mode_t mode)
{
	int fd;

	if (asprintf(&file->part, "%s.XXXXXX", file->path) < 0) {
		file->part = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(file->part, O_CLOEXEC);
	if (fd >= 0) {
		fchmod(fd, mode);
		return fd;
	}
	fd = -errno;
	free(file->part);
	file->part = NULL;
	return fd;
}

/* The descriptor to write to, or -errno. */
static int open_path(struct outfile *file, const char *path)
{
	struct stat there;
	bool is_there;
	int fd;

	if (strcmp(path, "-") == 0) {
		fd = dup(STDOUT_FILENO);
		return fd < 0 ? -errno : fd;
	}
	is_there = stat(path, &there) == 0;
	if (is_there && !S_ISREG(there.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	file->path = is_there ? realpath(path, NULL) : strdup(path);
	if (!file->path)
		return -errno;
	return open_part(file, is_there ? there.st_mode & 07777 : default_mode());
}

static void forget(struct outfile *file)
{
	free(file->path);
	free(file->part);
	*file = (struct outfile){ .out = NULL };
}

int outfile_begin(struct outfile *file, const char *path)
{
	int fd, err;

	*file = (struct outfile){ .out = NULL };
	fd = open_path(file, path);
	if (fd >= 0)
		file->out = fdopen(fd, "w");
	if (file->out)
		return 0;
	err = fd < 0 ? fd : -errno;
	if (fd >= 0)
		close(fd);
	if (file->part)
		unlink(file->part);
	forget(file);
	return err;
}

/* Which call failed, and why, is long forgotten: one more fails for the same reason. */
static int find_reason(FILE *out)
{
	errno = 0;
	fputc('\n', out);
	fflush(out);
	return errno ? -errno : -EIO;
}

int outfile_end(struct outfile *file, int err)
{
	if (ferror(file->out) && (!err || err == -EIO))
		err = find_reason(file->out);
	if (fclose(file->out) != 0 && !err)
		err = -errno;
	if (!err && file->part && rename(file->part, file->path) != 0)
		err = -errno;
	if (err && file->part)
		unlink(file->part);
	forget(file);
	return err;
}
