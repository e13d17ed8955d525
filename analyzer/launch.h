/* SPDX-License-Identifier: MIT */
/*
 * launch.h: what it takes to start a program with a library of ours preloaded
 */
#ifndef ANALYZER_LAUNCH_H
#define ANALYZER_LAUNCH_H

#include <stddef.h>

#define LAUNCH_SHIM    "liblockprof.so"
#define LAUNCH_CONFIRM "liblockprof-confirm.so"

/*
 * The path of a library of ours: beside the program (a build folder), in its ../lib (an
 * installation), or where make put it. 0, or -errno with a message on stderr.
 */
int launch_find_library(const char *name, char *path, size_t size);

/* For the child: sets variable to both, with a colon between. NULL and "" are left out. */
int launch_join_env(const char *variable, const char *first, const char *second);

/* For the child: one more "key=value" for the shim; later ones win. 0 or -errno. */
int launch_add_setting(const char *format, const char *value);

#endif
