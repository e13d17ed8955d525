/* SPDX-License-Identifier: MIT */
/* judge.h: cycles become findings, or hidden with a reason */
#ifndef LOCKPROF_ORDER_JUDGE_H
#define LOCKPROF_ORDER_JUDGE_H

#include "subject.h"

/* A zeroed finding at the end of order->findings; NULL: out of memory. */
struct order_finding *judge_new_finding(struct order *order, uint32_t process,
					enum order_level level, size_t nr_members);

/* Everything about one process. 0 or -errno */
int judge_process(struct order *order, const struct order_options *options,
		  struct contexts *contexts);

/* findings.c: what the text of a finding is made of. 0 or -ENOMEM */
int findings_fill(struct order *order, const struct subject *subject, const struct inquiry *inquiry,
		  const struct cycle *cycle, const struct verdict *verdict);
/* One that nothing but the contexts is known of. */
int findings_fill_plain(struct order *order, const struct subject *subject,
			const struct requests *requests, const struct cycle *cycle,
			const char *why);
/* A hidden cycle for --explain-hidden. */
int findings_hide(struct order *order, const struct subject *subject,
		  const struct requests *requests, const struct cycle *cycle,
		  enum order_hidden reason);

/* distance.c: gap_ns and overlap of a finding's holds. 0 or -ENOMEM */
int distance_find(const struct subject *subject, const struct inquiry *inquiry,
		  const struct cycle *cycle, struct order_finding *finding);

/* unkept.c: whether sections that the history lacks are left out, or moved, by a witness. */
int unkept_skipped(const struct subject *subject, const struct history *history,
		   const struct verdict *verdict, struct order_finding *finding);

/* names: ids of all findings, one for the same places, ranked. 0 or -ENOMEM */
int rank_findings(struct order *order);
/* A hash of the function that a context lies in, and of its lock's class. */
uint64_t rank_place(const struct model *model, uint32_t process, uint32_t node,
		    struct order_thing thing);

/* hazards.c: what needs no cycle. 0 or -ENOMEM */
int hazards_find(struct order *order, const struct contexts *contexts);
/* Pairs of classes in both orders; after all processes. */
int hazards_classes(struct order *order);

#endif
