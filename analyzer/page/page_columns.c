/* SPDX-License-Identifier: MIT */
/*
 * Many numbers as one text: LEB128, deflate, base64. A million intervals are some megabytes that
 * way, and a browser unpacks them without any library of ours.
 */
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "../../trace/varint.h"

#define NUMBER_BYTES 10

void column_put(struct column *column, uint64_t value)
{
	if (column->err)
		return;
	if (column->capacity - column->nr_bytes < NUMBER_BYTES) {
		size_t capacity = column->capacity ? column->capacity * 2 : 4096;
		unsigned char *bytes = realloc(column->bytes, capacity);

		if (!bytes) {
			column->err = -ENOMEM;
			return;
		}
		column->bytes = bytes;
		column->capacity = capacity;
	}
	column->nr_bytes = (size_t)(varint_put(column->bytes + column->nr_bytes, value) -
				    column->bytes);
}

static void write_base64(const unsigned char *bytes, size_t nr, FILE *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < nr; i += 3) {
		size_t rest = nr - i;
		unsigned int x = (unsigned int)bytes[i] << 16;
		char four[4];

		if (rest > 1)
			x |= (unsigned int)bytes[i + 1] << 8;
		if (rest > 2)
			x |= bytes[i + 2];
		four[0] = digits[x >> 18];
		four[1] = digits[x >> 12 & 63];
		four[2] = rest > 1 ? digits[x >> 6 & 63] : '=';
		four[3] = rest > 2 ? digits[x & 63] : '=';
		fwrite(four, sizeof(four), 1, out);
	}
}

static int deflate_column(const struct column *column, unsigned char **bytes, size_t *nr)
{
	uLongf size = compressBound(column->nr_bytes);

	*bytes = malloc(size);
	if (!*bytes)
		return -ENOMEM;
	if (compress2(*bytes, &size, column->nr_bytes ? column->bytes : (const Bytef *)"",
		      column->nr_bytes, 6) != Z_OK) {
		free(*bytes);
		return -ENOMEM;
	}
	*nr = size;
	return 0;
}

int column_write(struct column *column, const char *id, FILE *out)
{
	unsigned char *bytes = NULL;
	size_t nr = 0;
	int err = column->err ? column->err : deflate_column(column, &bytes, &nr);

	if (!err) {
		fprintf(out, "<script type=\"application/octet-stream\" id=\"%s\">", id);
		write_base64(bytes, nr, out);
		fputs("</script>\n", out);
		if (ferror(out))
			err = -EIO;
	}
	free(bytes);
	column_fini(column);
	return err;
}

void column_fini(struct column *column)
{
	free(column->bytes);
	*column = (struct column){ .bytes = NULL };
}
