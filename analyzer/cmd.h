/* SPDX-License-Identifier: MIT */
/*
 * The commands of lockprof. Each takes its own argv ("report", "--json", ...) and returns the exit
 * status: 0 fine, 1 error, 2 wrong usage, 3 a finding or regression, 4 inconclusive; record passes the status of what it ran.
 */
#ifndef ANALYZER_CMD_H
#define ANALYZER_CMD_H

#include <stddef.h>

int cmd_record(int argc, char **argv);
int cmd_confirm(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_order(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_html(int argc, char **argv);
/*
 * The page of the traces, beside the first when `output` is NULL. *path is its name, to be freed; NULL:
 * there is none. 0, or an exit status: a trace may be damaged and there is a page nevertheless.
 */
int html_make(const char *output, const char *const *paths, size_t nr, char **path);
int cmd_export(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_ctl(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_dump(int argc, char **argv);

#endif
