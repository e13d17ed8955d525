/* SPDX-License-Identifier: MIT */
/* live.h: the trace that a running process writes, found by its number */
#ifndef ANALYZER_LIVE_H
#define ANALYZER_LIVE_H

/*
 * The path of the trace that process `pid` maps, to be freed; NULL: the text is no number of a
 * process, or that one is not being recorded, or it may not be looked at.
 */
char *live_trace(const char *pid);

#endif
