/* SPDX-License-Identifier: MIT */
/* build_id.h: by what a loaded module is known again */
#ifndef LOCKPROF_BUILD_ID_H
#define LOCKPROF_BUILD_ID_H

#include "unwind.h"

/* The build id of a mapped ELF file, from its PT_NOTE; 0 bytes when there is none. */
uint32_t build_id(const struct unwind_module *m, uint8_t *to, uint32_t room);

#endif
