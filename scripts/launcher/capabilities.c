/* Capabilities across the execution of the runtime.  SPDX-License-Identifier: MIT */
#include "launcher.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#endif

/* `setcap cap_net_raw+ep ipbenchd` gives capabilities to this process; the runtime, a file of its own, would lose them.
 * Permitted ones are made inheritable and then ambient. Root needs none of this; failures leave things as they are. */
void keep_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	if (geteuid() == 0 || syscall(SYS_capget, &header, data) < 0)
		return;
	if ((data[0].permitted | data[1].permitted) == 0)
		return;
	for (int i = 0; i < 2; i++)
		data[i].inheritable |= data[i].permitted;
	if (syscall(SYS_capset, &header, data) < 0)
		return;
	for (unsigned long cap = 0; cap < 64; cap++)
		if (data[cap / 32].permitted & (1u << cap % 32))
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}
