/* SPDX-License-Identifier: MIT */
/* sarif.h: what more than one writer of SARIF 2.1.0 needs */
#ifndef ANALYZER_SARIF_H
#define ANALYZER_SARIF_H

#include "json.h"

/* The head of a log of one run, up to its rules' array; then up to its results'; and its end. */
void sarif_begin(struct json *json, FILE *out);
void sarif_results(struct json *json);
void sarif_end(struct json *json);

/* { "text": TEXT } */
void sarif_message(struct json *json, const char *key, const char *text);
/* The member "physicalLocation"; line 0: unknown. 0, or -ENOMEM and nothing was written. */
int sarif_physical_location(struct json *json, const char *file, int line);

#endif
