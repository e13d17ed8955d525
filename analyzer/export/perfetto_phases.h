/* SPDX-License-Identifier: MIT */
/* perfetto_phases.h: the phases of the program, and its units of work, as tracks of the process */
#ifndef EXPORT_PERFETTO_PHASES_H
#define EXPORT_PERFETTO_PHASES_H

#include "../model.h"
#include "packets.h"

struct perfetto_phases {
	const struct model *model;
	struct packets *packets;
	const uint64_t *begin_ns; /* by process: on the axis of all */
	uint64_t *nr_tracks;	  /* numbers in use; process i has track i + 1 */
	uint32_t *nr_sequences;
};

/* Behind the tracks of the processes. 0 or -ENOMEM. */
int perfetto_phases(const struct perfetto_phases *p);

#endif
