/*
 * What the system reports of itself around a run: counters whose growth shows a disturbed tester.
 * SPDX-License-Identifier: MIT
 */
#ifndef IPB_SYSMON_H
#define IPB_SYSMON_H

#include <stdint.h>

struct ipb_sysmon {
	uint64_t at_ns;                    /* CLOCK_MONOTONIC of the reading */
	uint64_t udp_in_errors, udp_rcvbuf_errors, udp_sndbuf_errors; /* /proc/net/snmp and snmp6, together */
	uint64_t link_drops;               /* of the interface that packets leave by, see ipb_link.h */
	uint32_t link_downs;               /* how often it has lost its carrier */
	uint64_t steal_ticks, all_ticks;   /* /proc/stat, of all processors */
	uint64_t frequency_khz;            /* of the processor this thread is on; 0: the system does not report it */
	int64_t realtime_offset_ns;        /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t run_delay_ns;             /* this thread was ready and did not run, /proc/thread-self/schedstat */
	uint64_t involuntary_switches, major_faults; /* of this thread */
	int cpu;                           /* the thread's processor at that moment */
};

/* Of the packets that a UDP socket dropped meanwhile, those that its queue had no room for. The others had a wrong checksum: the
 * socket counts both together, the machine counts them apart. */
uint64_t ipb_sysmon_queue_drops(uint64_t drops, const struct ipb_sysmon *before, const struct ipb_sysmon *after);

/* Reads all; what cannot be read stays 0. link: name of an interface or "". A few hundred µs. */
void ipb_sysmon_read(struct ipb_sysmon *m, const char *link);

#endif
