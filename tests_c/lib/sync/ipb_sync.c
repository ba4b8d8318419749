/* See ipb_sync.h.  SPDX-License-Identifier: MIT */
#include "ipb_sync_private.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipb_clock.h"

const char *ipb_sync_name(enum ipb_sync_source by)
{
	static const char *const names[] = { "kernel", "chrony", "ptp4l" };

	return names[by];
}

int ipb_sync_connect(const struct sockaddr *to, socklen_t size, const char *own)
{
	struct sockaddr_un here = { .sun_family = AF_UNIX };
	const int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int status = 0;

	if (fd < 0)
		return -1;
	if (own != NULL) {
		snprintf(here.sun_path, sizeof here.sun_path, "%s", own);
		status = bind(fd, (const struct sockaddr *)&here, sizeof here);
		if (status == 0)
			chmod(own, 0666); /* chronyd is another user by now, and has to be able to answer */
	} else if (to->sa_family == AF_UNIX) {
		status = bind(fd, (const struct sockaddr *)&here, sizeof here.sun_family);
	}
	if (status == 0)
		status = connect(fd, to, size);
	if (status < 0) {
		close(fd);
		if (own != NULL)
			unlink(own);
		return -1;
	}
	return fd;
}

int ipb_sync_receive(int fd, uint8_t *message, uint64_t deadline_ns)
{
	for (;;) {
		const uint64_t now = ipb_now_ns();
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		const ssize_t n = recv(fd, message, IPB_SYNC_MESSAGE_MAX, 0);

		if (n >= 0)
			return (int)n;
		if (errno != EAGAIN && errno != EINTR)
			return 0;
		if (now >= deadline_ns)
			return -1;
		poll(&wait, 1, (int)((deadline_ns - now + 999999) / 1000000));
	}
}

static void ask_kernel(struct ipb_sync *s)
{
	struct timex t = { .modes = 0 };
	const int state = adjtimex(&t);

	*s = (struct ipb_sync){ .by = IPB_SYNC_KERNEL, .error_ns = 16000000000ull }; /* what the kernel reports when it knows nothing */
	if (state < 0)
		return;
	s->synchronized = state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
	s->error_ns = t.maxerror > 0 ? (uint64_t)t.maxerror * 1000 : 1;
	s->tai_s = t.tai;
}

void ipb_sync_read(struct ipb_sync *s)
{
	static int (*const ask[])(struct ipb_sync *, uint64_t) = { ipb_sync_ask_chrony, ipb_sync_ask_ptp4l };
	static _Atomic uint64_t silent_until_ns[sizeof ask / sizeof *ask];
	const uint64_t now = ipb_now_ns();

	ask_kernel(s);
	for (unsigned i = 0; i < sizeof ask / sizeof *ask; i++) {
		if (now < silent_until_ns[i])
			continue;
		struct ipb_sync one = *s;
		const int found = ask[i](&one, now + IPB_SYNC_DEADLINE_NS);
		/* Both are bounds: one may only watch the clock that the other keeps. */
		if (found > 0 && (s->by == IPB_SYNC_KERNEL || one.error_ns < s->error_ns))
			*s = one;
		if (found < 0)
			silent_until_ns[i] = ipb_now_ns() + IPB_SYNC_PATIENCE_NS;
	}
}
