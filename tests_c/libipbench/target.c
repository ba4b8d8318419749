/* The addresses that a test's target stands for; see libipbench.h.  SPDX-License-Identifier: MIT */
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "ipb_sock.h"
#include "libipbench.h"

/* The text of the last ipbench_host_pin_target. Written before a plugin's setup is called, and never after it. */
static char pinned[IPBENCH_HOST_TARGET_MAX];

int ipbench_host_resolve(const char *name, char *text, uint32_t size)
{
	struct ipb_address found[IPB_SOCK_ADDRESSES_MAX];
	struct ipb_error err = { 0 };
	char number[NI_MAXHOST];
	uint32_t used = 0;

	/* Any port: what is looked up is the name. */
	int n = ipb_sock_resolve(name, 1, SOCK_STREAM, 0, found, IPB_SOCK_ADDRESSES_MAX, &err);
	if (n < 0) {
		snprintf(text, size, "%s", err.own);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		const struct sockaddr *a = (const struct sockaddr *)&found[i].storage;
		int code = getnameinfo(a, found[i].size, number, sizeof number, NULL, 0, NI_NUMERICHOST);
		if (code != 0 || used + strlen(number) + 2 > size) {
			snprintf(text, size, "cannot write an address of \"%s\": %s", name, code ? gai_strerror(code) : "too long");
			return -1;
		}
		used += (uint32_t)sprintf(text + used, "%s\n", number);
	}
	return n;
}

int ipbench_host_pin_target(const char *addresses)
{
	if (strlen(addresses) >= sizeof pinned)
		return -1;
	strcpy(pinned, addresses);
	return 0;
}

const char *ipbench_pinned_target(void) { return pinned; }
