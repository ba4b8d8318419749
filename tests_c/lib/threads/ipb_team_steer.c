/* Source ports by which a thread's replies come to its own processor. A network card with several receive queues (RSS), and a
 * kernel that spreads packets itself (RPS), choose the processor by addresses and ports: of some ports for each flow the first is
 * taken whose replies the thread's processor handled (SO_INCOMING_CPU).  SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_team_private.h"

#define TRIES 16u             /* ports for each flow */
#define PROBE_NS 10000000ull  /* how long the answer to a probe is waited for */
#define SHARE 4u              /* of ramp-up and warm-up: so much is used at most */

/* How many queues of that kind ("rx-", "tx-") the interface has; 0: not known. *rps: one of them spreads packets. */
static uint32_t queues_of(const char *link, const char *kind, int *rps)
{
	char path[96], line[256];
	uint32_t n = 0;

	snprintf(path, sizeof path, "/sys/class/net/%.16s/queues", link);
	DIR *dir = *link != '\0' ? opendir(path) : NULL;
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (strncmp(entry->d_name, kind, strlen(kind)) != 0)
			continue;
		n++;
		char file[400];
		snprintf(file, sizeof file, "%s/%s/rps_cpus", path, entry->d_name);
		FILE *f = rps != NULL ? fopen(file, "re") : NULL;
		if (f != NULL && fgets(line, sizeof line, f) != NULL && strspn(line, "0,\n") != strlen(line))
			*rps = 1;
		if (f != NULL)
			fclose(f);
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

/* The processor that handled what came last by a flow; -1: nothing did, or it is not known. */
static int incoming_cpu(const struct ipb_engine *e, uint32_t flow)
{
	int cpu = -1;
	socklen_t size = sizeof cpu;

	return getsockopt(e->fds[flow], SOL_SOCKET, SO_INCOMING_CPU, &cpu, &size) == 0 ? cpu : -1;
}

/* Another port for a flow. 0, or -1: it keeps the one it has. */
static int another_port(struct ipb_engine *e, uint32_t flow)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = flow };
	struct ipb_error none = { 0 };
	const int fd = ipb_sock_connect_to(&e->addresses[e->address], 1, e->config.host, e->config.port, SOCK_DGRAM, &e->config.sock,
	                                   NULL, &none);

	if (fd < 0)
		return -1;
	if (ipb_trouble_listen(fd) < 0 || (e->epoll >= 0 && epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &event) < 0)) {
		close(fd);
		return -1;
	}
	close(e->fds[flow]); /* which takes it off epoll */
	e->fds[flow] = fd;
	return 0;
}

static void steer_one(void *context, uint32_t i)
{
	struct ipb_team *t = context;
	struct ipb_engine *e = t->members[i].engine;

	ipb_threads_pin(e->config.cpu);
	for (uint32_t flow = 0; flow < e->config.flows; flow++)
		for (uint32_t tries = 0; tries < TRIES && ipb_now_ns() < t->steer_until_ns; tries++) {
			if (!ipb_engine_probe(e, flow, PROBE_NS))
				break; /* nothing answers yet: any port is as good */
			t->members[i].probes++;
			if (incoming_cpu(e, flow) == e->config.cpu || another_port(e, flow) < 0)
				break;
		}
	ipb_engine_forget_probes(e);
}

void ipb_team_steer(struct ipb_team *t)
{
	const struct ipb_threads_job job = { .work = steer_one, .context = t };
	const struct ipb_engine *e = t->members[0].engine;
	const uint64_t begin_ns = ipb_now_ns(), room_ns = (e->config.rampup_ns + e->config.warmup_ns) / SHARE;
	struct ipb_error none = { 0 };

	t->rx_queues = queues_of(e->link, "rx-", &t->rps);
	t->tx_queues = queues_of(e->link, "tx-", NULL);
	if (t->whole.proto != IPB_UDP || strcmp(e->x->name, "gso") == 0 || strcmp(e->x->name, "xdp") == 0)
		t->steer_why = "only for UDP over sockets that send single packets";
	else if (e->config.cpu < 0)
		t->steer_why = "the threads have no processors of their own";
	else if (t->whole.sock.bind_port != 0)
		t->steer_why = "the ports were given (bind_port)";
	else if (e->layers.used != IPB_STAMPS_USER)
		t->steer_why = "the sockets have time stamps";
	else if (t->rx_queues < 2 && !t->rps)
		t->steer_why = "the interface has one receive queue, and no RPS: ports change nothing";
	else if (room_ns < PROBE_NS)
		t->steer_why = "there is no warm-up in which to try ports";
	if (t->steer_why != NULL)
		return;
	t->steer_until_ns = begin_ns + room_ns;
	ipb_threads_run(&job, t->threads.count, &none); /* without it, the ports are any */
	t->steer_why = "ports were tried until replies came to the thread's processor, some for each flow";
	ipb_team_shorten_warmup(t, ipb_now_ns() - begin_ns);
}

uint32_t ipb_team_replies_here(const struct ipb_engine *e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->config.flows && e->config.proto != IPB_RAW; i++)
		n += incoming_cpu(e, i) == e->after.cpu;
	return n;
}

void ipb_team_steering(const struct ipb_team *t, struct ipb_json *j)
{
	uint64_t probes = 0;

	for (uint32_t i = 0; i < t->threads.count; i++)
		probes += t->members[i].probes;
	ipb_json_object(j, "steering");
	ipb_json_uint(j, "receive_queues", t->rx_queues);
	ipb_json_uint(j, "transmit_queues", t->tx_queues);
	ipb_json_bool(j, "rps", t->rps);
	ipb_json_uint(j, "ports_tried", probes);
	ipb_json_string(j, "why", t->steer_why);
	ipb_json_end_object(j);
}
