/* SPDX-License-Identifier: MIT */
/*
 * traces.h: the traces of a command line into a model, with progress for people.
 *
 * Several traces (a process tree) become one model. One that cannot be read does not keep the
 * others from being told about: its error goes to stderr, and the others are there all the same.
 * Where there is no file of a name that is the number of a recorded process, its trace is meant.
 */
#ifndef ANALYZER_TRACES_H
#define ANALYZER_TRACES_H

#include "model.h"

/* 0 when all could be read, else the first error, each told on stderr. */
int traces_add(struct model *model, const char *const *paths, size_t nr_paths);

/* Whether the traces tell of the phase; if not, stderr says which ones they have. NULL: none is wanted. */
bool traces_have_phase(const struct model *model, const char *phase);

/* "lockprof: WHAT 12 %" on a terminal's stderr, once it has taken long. Not thread safe. */
void traces_progress_begin(const char *what);
void traces_progress(double part);
void traces_progress_end(void);

#endif
