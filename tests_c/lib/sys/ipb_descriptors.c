/* The limit of file descriptors; see ipb_descriptors.h.  SPDX-License-Identifier: MIT */
#include "ipb_descriptors.h"

#include <sys/resource.h>

int ipb_raise_descriptors(uint32_t wanted)
{
	struct rlimit limit = { 0 };

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	if (limit.rlim_cur < wanted) {
		struct rlimit more = { limit.rlim_max < wanted ? limit.rlim_max : wanted, limit.rlim_max };
		if (limit.rlim_max < wanted && setrlimit(RLIMIT_NOFILE, &(struct rlimit){ wanted, wanted }) == 0)
			return (int)wanted; /* with CAP_SYS_RESOURCE */
		if (more.rlim_cur > limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &more) == 0)
			limit = more;
	}
	return limit.rlim_cur < INT32_MAX ? (int)limit.rlim_cur : INT32_MAX;
}
