/* SPDX-License-Identifier: MIT */
/* sarif.h: the objects of SARIF 2.1.0 that more than one writer needs */
#ifndef ANALYZER_SARIF_H
#define ANALYZER_SARIF_H

#include "json.h"

/* { "text": TEXT } */
void sarif_message(struct json *json, const char *key, const char *text);
/* The member "physicalLocation"; line 0: unknown. 0, or -ENOMEM and nothing was written. */
int sarif_physical_location(struct json *json, const char *file, int line);

#endif
