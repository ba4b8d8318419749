/* The system's counters; see ipb_sysmon.h.  SPDX-License-Identifier: MIT */
#include "ipb_sysmon.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ipb_clock.h"
#include "ipb_link.h"

#define FILE_MAX 16384 /* bytes of a file that are read */

/* The beginning of a file, NUL-terminated; 0 bytes when it cannot be read. */
static size_t slurp(const char *path, char *to)
{
	size_t size = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		for (ssize_t n; size < FILE_MAX - 1 && (n = read(fd, to + size, FILE_MAX - 1 - size)) > 0;)
			size += (size_t)n;
		close(fd);
	}
	to[size] = '\0';
	return size;
}

/* "Udp: A B C\nUdp: 1 2 3": the value under the column called name. */
static uint64_t snmp_value(const char *text, const char *name)
{
	const char *head = strstr(text, "Udp: ");
	const char *values = head != NULL ? strstr(head + 5, "\nUdp: ") : NULL;
	size_t length = strlen(name);

	if (values == NULL)
		return 0;
	head += 5;
	values += 6;
	for (;;) {
		size_t h = strcspn(head, " \n"), v = strcspn(values, " \n");
		if (h == length && memcmp(head, name, h) == 0)
			return strtoull(values, NULL, 10);
		if (head[h] != ' ' || values[v] != ' ')
			return 0;
		head += h + 1;
		values += v + 1;
	}
}

static uint64_t snmp6_value(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void read_stat(struct ipb_sysmon *m, char *text)
{
	char *at = text + 4;

	if (slurp("/proc/stat", text) < 5)
		return;
	for (int i = 0; i < 8; i++) {
		uint64_t ticks = strtoull(at, &at, 10);
		m->all_ticks += ticks;
		if (i == 7)
			m->steal_ticks = ticks;
	}
}

static void read_snmp(struct ipb_sysmon *m, char *text)
{
	if (slurp("/proc/net/snmp", text) > 0) {
		m->udp_in_errors = snmp_value(text, "InErrors");
		m->udp_rcvbuf_errors = snmp_value(text, "RcvbufErrors");
		m->udp_sndbuf_errors = snmp_value(text, "SndbufErrors");
	}
	if (slurp("/proc/net/snmp6", text) > 0) {
		m->udp_in_errors += snmp6_value(text, "Udp6InErrors");
		m->udp_rcvbuf_errors += snmp6_value(text, "Udp6RcvbufErrors");
		m->udp_sndbuf_errors += snmp6_value(text, "Udp6SndbufErrors");
	}
}

void ipb_sysmon_read(struct ipb_sysmon *m, const char *link)
{
	char text[FILE_MAX], path[80];
	struct rusage usage;

	memset(m, 0, sizeof *m);
	m->at_ns = ipb_now_ns();
	m->cpu = sched_getcpu();
	read_stat(m, text);
	snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq", m->cpu);
	if (slurp(path, text) > 0)
		m->frequency_khz = strtoull(text, NULL, 10);
	if (slurp("/proc/thread-self/schedstat", text) > 0) {
		char *space = strchr(text, ' ');
		m->run_delay_ns = space != NULL ? strtoull(space, NULL, 10) : 0;
	}
	if (getrusage(RUSAGE_THREAD, &usage) == 0) {
		m->involuntary_switches = (uint64_t)usage.ru_nivcsw;
		m->major_faults = (uint64_t)usage.ru_majflt;
	}
	m->link_drops = ipb_link_drops(link);
	m->link_downs = ipb_link_downs(link);
	read_snmp(m, text); /* last: what this reading made others drop is not to be counted after it */
	uint64_t before = ipb_now_ns(), real = ipb_clock_gettime_ns(CLOCK_REALTIME), after = ipb_now_ns();
	m->realtime_offset_ns = (int64_t)real - (int64_t)(before + (after - before) / 2);
}

uint64_t ipb_sysmon_queue_drops(uint64_t drops, const struct ipb_sysmon *before, const struct ipb_sysmon *after)
{
	const uint64_t full = after->udp_rcvbuf_errors > before->udp_rcvbuf_errors ? after->udp_rcvbuf_errors - before->udp_rcvbuf_errors
	                                                                           : 0;

	return drops < full ? drops : full;
}
