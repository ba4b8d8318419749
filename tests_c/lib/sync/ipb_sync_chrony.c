/* chronyd's command protocol, version 6: one request, "tracking".  SPDX-License-Identifier: MIT */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_sync_private.h"

#define COMMAND_PORT 323
#define FOLDER "/run/chrony"

#define VERSION 6
#define REQUEST 1
#define REPLY 2
#define TRACKING 33       /* the command */
#define TRACKING_REPLY 5  /* the form of its answer */
#define LEAP_UNSYNCHRONIZED 3
#define OWN_CLOCK 0x7f7f0101u /* the reference of "local stratum": nobody else's clock */

/* Places in the answer. */
enum { TYPE = 1, COMMAND = 4, FORM = 6, STATUS = 8, SEQUENCE = 16, REFERENCE = 28, LEAP = 54, CORRECTION = 68, ROOT_DELAY = 92,
       ROOT_DISPERSION = 96 };

/* chronyd's own form of a real number, 7 bits of exponent and 25 of coefficient, both signed, in seconds; as ns, rounded
 * up and without its sign. */
static uint64_t magnitude_ns(const uint8_t *at)
{
	const uint32_t v = (uint32_t)ipb_get_be(at, 4);
	const int exponent = (int)(v >> 25) - (v >> 31 ? 128 : 0) - 25;
	const int64_t coefficient = (int64_t)(v & 0x1ffffff) - ((v >> 24 & 1) ? 0x2000000 : 0);
	double s = (double)(coefficient < 0 ? -coefficient : coefficient);

	for (int i = 0; i < exponent; i++)
		s *= 2;
	for (int i = 0; i > exponent; i--)
		s /= 2;
	return s >= 1e9 ? UINT64_MAX / 4 : (uint64_t)(s * 1e9) + 1;
}

void ipb_sync_chrony_request(uint8_t request[IPB_SYNC_CHRONY_SIZE], uint32_t sequence)
{
	/* As long as the answer: chronyd answers nothing that is shorter. */
	memset(request, 0, IPB_SYNC_CHRONY_SIZE);
	request[0] = VERSION;
	request[TYPE] = REQUEST;
	ipb_put_be(request + COMMAND, TRACKING, 2);
	ipb_put_be(request + 8, sequence, 4);
}

int ipb_sync_chrony_parse(const uint8_t *reply, size_t size, uint32_t sequence, struct ipb_sync *s)
{
	if (size < IPB_SYNC_CHRONY_SIZE || reply[0] != VERSION || reply[TYPE] != REPLY || ipb_get_be(reply + COMMAND, 2) != TRACKING ||
	    ipb_get_be(reply + FORM, 2) != TRACKING_REPLY || ipb_get_be(reply + STATUS, 2) != 0 ||
	    ipb_get_be(reply + SEQUENCE, 4) != sequence)
		return 0;
	if (ipb_get_be(reply + LEAP, 2) >= LEAP_UNSYNCHRONIZED || ipb_get_be(reply + REFERENCE, 4) == OWN_CLOCK)
		return 0;
	/* The root synchronization distance of RFC 5905 (appendix A.5.5.2): half of the root's delay, since either way may
	 * have been the slower one, and the root's dispersion, which chronyd gives as of now; and what chronyd knows the
	 * clock to be off by and has not corrected yet. */
	s->by = IPB_SYNC_CHRONY;
	s->synchronized = 1;
	s->error_ns = magnitude_ns(reply + ROOT_DELAY) / 2 + magnitude_ns(reply + ROOT_DISPERSION) + magnitude_ns(reply + CORRECTION);
	return 1;
}

static int ask(const struct sockaddr *to, socklen_t size, const char *own, uint64_t deadline_ns, struct ipb_sync *s)
{
	uint8_t request[IPB_SYNC_CHRONY_SIZE], reply[IPB_SYNC_MESSAGE_MAX];
	uint32_t sequence = 0;
	int found = 0, n;

	const int fd = ipb_sync_connect(to, size, own);
	if (fd < 0)
		return 0;
	if (getrandom(&sequence, sizeof sequence, GRND_NONBLOCK) < 0)
		sequence = (uint32_t)ipb_now_ns();
	ipb_sync_chrony_request(request, sequence);
	n = send(fd, request, sizeof request, 0) == (ssize_t)sizeof request ? ipb_sync_receive(fd, reply, deadline_ns) : 0;
	if (n > 0)
		found = ipb_sync_chrony_parse(reply, (size_t)n, sequence, s);
	close(fd);
	if (own != NULL)
		unlink(own);
	return n < 0 ? -1 : found;
}

int ipb_sync_ask_chrony(struct ipb_sync *s, uint64_t deadline_ns)
{
	/* Anybody on this machine may ask over UDP; the socket in chronyd's folder is root's, and there when UDP is off. */
	const struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(COMMAND_PORT),
	                                  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(COMMAND_PORT),
	                                  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = FOLDER "/chronyd.sock" };
	char own[sizeof path.sun_path];
	int found = ask((const struct sockaddr *)&four, sizeof four, NULL, deadline_ns, s);

	if (found == 0)
		found = ask((const struct sockaddr *)&six, sizeof six, NULL, deadline_ns, s);
	if (found != 0)
		return found;
	snprintf(own, sizeof own, FOLDER "/ipbench.%ld.%lx.sock", (long)getpid(), (unsigned long)ipb_now_ns());
	return ask((const struct sockaddr *)&path, sizeof path, own, deadline_ns, s);
}
