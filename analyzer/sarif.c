/* SPDX-License-Identifier: MIT */
/* sarif.c: see sarif.h */
#include "sarif.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void sarif_begin(struct json *json, FILE *out)
{
	json_init(json, out, true);
	json_object_begin(json, NULL);
	json_string(json, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	json_string(json, "version", "2.1.0");
	json_array_begin(json, "runs");
	json_object_begin(json, NULL);
	json_object_begin(json, "tool");
	json_object_begin(json, "driver");
	json_string(json, "name", "lockprof");
	json_string(json, "version", LOCKPROF_VERSION);
	json_array_begin(json, "rules");
}

void sarif_results(struct json *json)
{
	json_array_end(json);
	json_object_end(json);
	json_object_end(json);
	json_string(json, "columnKind", "utf16CodeUnits");
	json_array_begin(json, "results");
}

void sarif_end(struct json *json)
{
	json_array_end(json);
	json_object_end(json);
	json_array_end(json);
	json_object_end(json);
}

void sarif_message(struct json *json, const char *key, const char *text)
{
	json_object_begin(json, key);
	json_string(json, "text", text);
	json_object_end(json);
}

/* Characters that a URI must not have as they are; nothing else in a path needs a change. */
static char *file_uri(const char *file)
{
	char *uri = malloc(3 * strlen(file) + sizeof("file://")), *to = uri;

	if (!uri)
		return NULL;
	to = stpcpy(to, file[0] == '/' ? "file://" : "");
	for (const unsigned char *c = (const unsigned char *)file; *c; c++) {
		if (*c <= ' ' || *c >= 0x7f || strchr("%#?<>\"{}|\\^`", *c))
			to += sprintf(to, "%%%02X", *c);
		else
			*to++ = (char)*c;
	}
	*to = '\0';
	return uri;
}

int sarif_physical_location(struct json *json, const char *file, int line)
{
	char *uri = file_uri(file);

	if (!uri)
		return -ENOMEM;
	json_object_begin(json, "physicalLocation");
	json_object_begin(json, "artifactLocation");
	json_string(json, "uri", uri);
	json_object_end(json);
	if (line > 0) {
		json_object_begin(json, "region");
		json_int(json, "startLine", line);
		json_object_end(json);
	}
	json_object_end(json);
	free(uri);
	return 0;
}
