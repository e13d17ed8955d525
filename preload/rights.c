/* SPDX-License-Identifier: MIT */
/*
 * rights.c: setuid, seteuid, setreuid, setresuid and chroot
 *
 * A daemon that is started by root gives up its rights early, often before it takes its first
 * lock (memcached -u, nginx's workers). From then on it may be unable to make its trace where the
 * user asked for it. So whoever calls one of these gets the file just before, while it still can.
 */
#include <unistd.h>

#include "attempt.h"
#include "sys.h"

INTERPOSE(setuid);
INTERPOSE(seteuid);
INTERPOSE(setreuid);
INTERPOSE(setresuid);
INTERPOSE(chroot);

static void rights_end(void)
{
	struct thread *t;

	hooks_ready();
	if (sys_call(SYS_geteuid, 0, 0, 0, 0, 0, 0))
		return;		/* no rights to lose */
	t = thread_enter();
	if (t)
		thread_leave(t);
}

int setuid(uid_t uid)
{
	rights_end();
	return real_setuid(uid);
}

int seteuid(uid_t uid)
{
	rights_end();
	return real_seteuid(uid);
}

int setreuid(uid_t real, uid_t effective)
{
	rights_end();
	return real_setreuid(real, effective);
}

int setresuid(uid_t real, uid_t effective, uid_t saved)
{
	rights_end();
	return real_setresuid(real, effective, saved);
}

int chroot(const char *path)
{
	rights_end();
	return real_chroot(path);
}
