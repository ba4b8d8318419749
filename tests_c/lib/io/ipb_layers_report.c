/* What time stamps cost, and what they show.  SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_engine_private.h"
#include "ipb_json.h"
#include "ipb_summary.h"

#define TRIES 200 /* packets for each median */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Median time of a send and of a receive on fd, which sends to itself; stamped: with stamps. */
static int measure(int fd, int stamped, uint64_t *send_ns, uint64_t *receive_ns)
{
	uint64_t out[TRIES], in[TRIES];
	char data[64] = { 0 }, control[512];
	unsigned flags = stamped ? SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
	                           SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY : 0;

	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) < 0)
		return -1;
	for (int i = 0; i < TRIES; i++) {
		struct iovec iov = { data, sizeof data };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
		uint64_t a = ipb_now_ns();
		if (send(fd, data, sizeof data, MSG_DONTWAIT) < 0)
			return -1;
		uint64_t b = ipb_now_ns();
		if (recvmsg(fd, &m, MSG_DONTWAIT) < 0)
			return -1;
		uint64_t c = ipb_now_ns();
		out[i] = b - a;
		in[i] = c - b;
		m.msg_control = control;
		m.msg_controllen = sizeof control;
		if (stamped) {
			uint64_t d = ipb_now_ns();
			recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
			out[i] += ipb_now_ns() - d;
		}
	}
	qsort(out, TRIES, sizeof *out, compare);
	qsort(in, TRIES, sizeof *in, compare);
	*send_ns = out[TRIES / 2];
	*receive_ns = in[TRIES / 2];
	return 0;
}

void ipb_layers_cost(struct ipb_layers *l)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	uint64_t plain_out, plain_in, out, in;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 && getsockname(fd, (struct sockaddr *)&at, &size) == 0 &&
	    connect(fd, (struct sockaddr *)&at, size) == 0 && measure(fd, 0, &plain_out, &plain_in) == 0 &&
	    measure(fd, 1, &out, &in) == 0) {
		l->cost_send_ns = out > plain_out ? out - plain_out : 0;
		l->cost_receive_ns = in > plain_in ? in - plain_in : 0;
	}
	if (fd >= 0)
		close(fd);
}

void ipb_layers_report(const struct ipb_engine *e, struct ipb_json *j)
{
	static const char *const names[] = { "user", "kernel", "hardware" };
	const struct ipb_layers *l = &e->layers;

	ipb_json_object(j, "layers");
	ipb_json_string(j, "wanted", names[l->wanted]);
	ipb_json_string(j, "used", names[l->used]);
	if (l->wanted != IPB_STAMPS_USER)
		ipb_json_string(j, "why", l->why);
	if (l->used != IPB_STAMPS_USER) {
		ipb_json_uint(j, "one_in", l->every);
		ipb_json_uint(j, "asked", l->asked);
		ipb_json_uint(j, "complete", l->complete);
		ipb_json_uint(j, "cost_send_ns", l->cost_send_ns);
		ipb_json_uint(j, "cost_receive_ns", l->cost_receive_ns);
		ipb_summary_json(j, "user", &l->user);
		if (l->used == IPB_STAMPS_KERNEL)
			ipb_summary_json(j, "send_path", &l->send_path);
		ipb_summary_json(j, "wire", &l->wire);
		ipb_summary_json(j, l->used == IPB_STAMPS_KERNEL ? "receive_path" : "both_paths", &l->receive_path);
	}
	ipb_json_end_object(j);
}
