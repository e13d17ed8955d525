/* SPDX-License-Identifier: MIT */
/*
 * outfile.h: a file of output that is there as a whole, or not at all
 *
 *	struct outfile file;
 *	int err = outfile_begin(&file, path);
 *
 *	if (!err)
 *		err = outfile_end(&file, write_it(file.out));
 */
#ifndef ANALYZER_OUTFILE_H
#define ANALYZER_OUTFILE_H

#include <stdio.h>

struct outfile {
	FILE *out;
	char *path; /* what is replaced at the end, links followed */
	char *part; /* its name until then; NULL: no file is replaced */
};

/* "-" is stdout. 0 or -errno; after an error there is nothing to end. */
int outfile_begin(struct outfile *file, const char *path);
/*
 * Closes it. With `err`, or when it cannot be written, the file of that name stays as it was.
 * 0 or the first error, -errno.
 */
int outfile_end(struct outfile *file, int err);

#endif
