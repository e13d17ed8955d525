/* SPDX-License-Identifier: MIT */
/*
 * What a preloaded library cannot see, told from the program's file before it runs.
 */
#ifndef ANALYZER_PREFLIGHT_H
#define ANALYZER_PREFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define PREFLIGHT_MESSAGE 512

struct preflight {
	char message[PREFLIGHT_MESSAGE]; /* why not, or empty */
	char path[4096];		 /* the ELF file that will run in the end */
	bool needs_asan;		 /* linked with a shared AddressSanitizer runtime */
	bool is_go;			 /* Go code locks without the C library */
};

/*
 * Finds the program as execvp() would and follows scripts to their interpreters.
 * 0: it can be recorded. -ENOENT, -EACCES: it cannot be run. -ENOEXEC: it can, but a preloaded
 * library would see nothing; message says why.
 */
int preflight_program(const char *name, struct preflight *facts);

/* The same for the bytes of one ELF file. */
int preflight_elf(const void *image, size_t size, struct preflight *facts);

/* Whether the kernel would run this file with more rights than the caller has. */
bool preflight_is_privileged(const struct stat *st, bool has_capabilities, uid_t uid, gid_t gid);

#endif
