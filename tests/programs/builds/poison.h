/* SPDX-License-Identifier: MIT */
/* poison.h: how poisoned.c tells poison.c which pages it may take away: by their last eight bytes */
#ifndef LOCKPROF_TESTS_POISON_H
#define LOCKPROF_TESTS_POISON_H

enum { PAGE = 4096 };
#define POISON_MARK 0x706f69736f6e6564ull

#endif
