/* SPDX-License-Identifier: MIT */
/* open.h: what is static in the shim and wanted by scenarios; see open_*.c */
#ifndef LOCKPROF_MODEL_OPEN_H
#define LOCKPROF_MODEL_OPEN_H

#include <stdbool.h>
#include <stdint.h>

void open_thread_end(void);
bool open_is_local(uintptr_t address);
uint32_t open_stack(const uint64_t *frames, uint32_t nr);
void open_modules_forget(void);
uint64_t open_bucket(const void *lock, uintptr_t site, uint32_t kind_mode);
/* A flag by which scenarios' threads may see each other, as a program's would. */
void open_flag_set(uint32_t value);
uint32_t open_flag_get(void);
uint64_t open_read(const unsigned char *block);

#endif
