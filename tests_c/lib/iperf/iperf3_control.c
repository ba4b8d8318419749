/* iperf3's control connection: bytes, states and texts with deadlines; see iperf3.h.  SPDX-License-Identifier: MIT */
#include "iperf3.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "ipb_clock.h"

#define LOOK_MS 50 /* how often a wait checks whether it was stopped */

int iperf3_wait(int fd, short events, uint64_t deadline_ns, const struct ipb_stop *stop)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = ipb_now_ns();
		if (stop != NULL && ipb_stop_asked(stop))
			return -1;
		uint64_t left = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;
		if (poll(&p, 1, (int)(left < LOOK_MS ? left : LOOK_MS)) > 0)
			return 1;
		if (left == 0)
			return 0;
	}
}

/* Waits; 0, or -1 with errno. */
static int ready(int fd, short events, uint64_t deadline_ns, const struct ipb_stop *stop)
{
	int n = iperf3_wait(fd, events, deadline_ns, stop);

	if (n > 0)
		return 0;
	errno = n < 0 ? ECANCELED : ETIMEDOUT;
	return -1;
}

int iperf3_read(int fd, void *to, size_t size, uint64_t deadline_ns, const struct ipb_stop *stop)
{
	for (size_t have = 0; have < size;) {
		ssize_t n = recv(fd, (char *)to + have, size - have, MSG_DONTWAIT);
		if (n > 0) {
			have += (size_t)n;
			continue;
		}
		if (n == 0)
			return 1;
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (ready(fd, POLLIN, deadline_ns, stop) < 0)
			return -1;
	}
	return 0;
}

int iperf3_write(int fd, const void *from, size_t size, uint64_t deadline_ns, const struct ipb_stop *stop)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = send(fd, (const char *)from + done, size - done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (ready(fd, POLLOUT, deadline_ns, stop) < 0)
			return -1;
	}
	return 0;
}

int iperf3_write_state(int fd, int state, uint64_t deadline_ns)
{
	int8_t byte = (int8_t)state;

	return iperf3_write(fd, &byte, 1, deadline_ns, NULL);
}

int iperf3_write_text(int fd, const char *text, uint64_t deadline_ns, const struct ipb_stop *stop)
{
	size_t size = strlen(text);
	uint8_t head[4];

	ipb_put_be(head, size, 4);
	return iperf3_write(fd, head, sizeof head, deadline_ns, stop) < 0 ? -1 : iperf3_write(fd, text, size, deadline_ns, stop);
}

int iperf3_read_text(int fd, size_t max, char **text, size_t *size, uint64_t deadline_ns, const struct ipb_stop *stop)
{
	uint8_t head[4];
	int status = iperf3_read(fd, head, sizeof head, deadline_ns, stop);

	*text = NULL;
	if (status != 0)
		return status;
	*size = ipb_get_be(head, 4);
	if (*size == 0 || *size > max) {
		errno = EMSGSIZE;
		return -1;
	}
	*text = malloc(*size + 1);
	if (*text == NULL)
		return -1;
	status = iperf3_read(fd, *text, *size, deadline_ns, stop);
	(*text)[*size] = '\0';
	if (status != 0) {
		int why = errno;
		free(*text);
		*text = NULL;
		errno = why;
	}
	return status;
}

int iperf3_cookie(char cookie[IPERF3_COOKIE])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t bytes[IPERF3_COOKIE - 1];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return -1;
	for (size_t i = 0; i < sizeof bytes; i++)
		cookie[i] = letters[bytes[i] % 32];
	cookie[IPERF3_COOKIE - 1] = '\0';
	return 0;
}
