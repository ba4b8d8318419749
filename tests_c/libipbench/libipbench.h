/*
 * libipbench.so.1.  SPDX-License-Identifier: MIT
 *
 * Two halves. The first is what the original ipbench offered its plugins; plugins compiled for it carry NEEDED
 * libipbench.so.1 or leave these names undefined. The second, ipbench_host_*, is for ipbench's own processes: the
 * few system calls that are better made in C than through a foreign function interface one by one.
 */
#ifndef LIBIPBENCH_H
#define LIBIPBENCH_H

#include <stdint.h>

#include "plugin.h"

/* ---- for plugins --------------------------------------------------------------------------------------------- */

/* Non-zero: dbprintf writes. Set by the host. */
extern IPBENCH_EXPORT int do_debug;

/* Writes a line's worth of text to stderr, with the time of day before it, when do_debug is set. Any thread. */
IPBENCH_EXPORT void dbprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Copies the next token of *ptr to buffer, without its double quotes, inside which separators are ordinary, and moves
 * *ptr behind it. separators NULL: white space. ptr NULL: goes on where this thread's last call ended. buffer: the
 * caller's, at least strlen(*ptr) + 1 bytes. 1 when there was a token, 0 at the end. */
IPBENCH_EXPORT int next_token(char **ptr, char *buffer, const char *separators);

/* Applies "SO_X=1;SO_Y" to a socket; a word that is no known option is passed over with a debug line. 0, or -1 when
 * the system refused one. */
IPBENCH_EXPORT int set_socket_options(int fd, char *options);

/* Ticks of the processor's time stamp counter in a microsecond; 1 where there is no such counter, and the original's
 * header takes microseconds. 0 until calibrated. */
extern IPBENCH_EXPORT double tick_rate;
/* Sets tick_rate. Takes about 40 ms the first time, nothing after that. */
IPBENCH_EXPORT void microuptime_calibrate(void);

/* The addresses that ipbench has looked up and found to be allowed for this test's target, a line each; "" when it has
 * left that to the plugin. The plugin's target is one of them then, and a plugin that has the choice may try all. */
IPBENCH_EXPORT const char *ipbench_pinned_target(void);

/* ---- for ipbench's processes ---------------------------------------------------------------------------------- */

#define IPBENCH_HOST_SPIN_NS 60000       /* how long before the agreed instant sleeping ends and spinning begins */
#define IPBENCH_HOST_REHEARSALS 8        /* wake-ups before that, to be warm when it counts */
#define IPBENCH_HOST_REHEARSAL_NS 250000 /* from one to the next */
#define IPBENCH_HOST_STOP_WAIT_NS 100000000 /* the longest wait for the agreed stop in C */
#define IPBENCH_HOST_FD_MIN 3             /* private descriptors are above the standard ones */
#define IPBENCH_HOST_TARGET_MAX 1024      /* bytes of a target's addresses */
#define IPBENCH_HOST_LINKS_MAX 800        /* bytes of what links did, at least 20 changes; it goes into a line of the protocol */
#define IPBENCH_HOST_CAPTURE_MAX (64ll << 20) /* bytes of output that are kept */

#define IPBENCH_HOST_ARMED 1

/* The first bytes of a message that calls start (ffi/frame.ts): this, the lengths of its header and of its body, and behind the
 * header the body: at_ns. All of them big-endian. */
#define IPBENCH_HOST_START_MAGIC 0x49504253u /* "IPBS" */
#define IPBENCH_HOST_PREFIX_BYTES 12

/* What ipbench_host_start is given and gives back. 48 bytes. */
struct ipbench_host_start {
	int64_t at_ns;      /* in: CLOCK_MONOTONIC to start at; 0 or past: at once */
	int64_t actual_ns;  /* out: when start was called, written before the call */
	int64_t ended_ns;   /* out: when it returned */
	int64_t start_sec;  /* out: the plugin's own stamp */
	int64_t start_usec;
	int32_t status;     /* out: what start returned */
	int32_t armed;      /* IPBENCH_HOST_ARMED: wait for ipbench_host_go first; it becomes 0 */
};

/* Prepares a child for somebody else's code: dies with its parent (SIGKILL), leads its own process group, gains no
 * privileges by exec, at most memory_limit bytes of private writable memory and nofile descriptors (0: as it is).
 * guest, not 0: whoever has it run has shown no secret, so it gets no real-time priority and locks no memory, whatever
 * the plugin asks for. 0, or -errno; -ESRCH when the parent is gone already. */
IPBENCH_EXPORT int ipbench_host_harden(int parent_pid, uint64_t memory_limit, uint64_t nofile, int guest);

/* Writes the addresses of a name or literal, each followed by a line end, to text[size]. Their number, at most those that
 * a plugin would try; or -1 and a sentence. */
IPBENCH_EXPORT int ipbench_host_resolve(const char *name, char *text, uint32_t size);

/* Sets what ipbench_pinned_target returns. 0, or -1 when it is longer than IPBENCH_HOST_TARGET_MAX. */
IPBENCH_EXPORT int ipbench_host_pin_target(const char *addresses);

/* Moves standard output to a private descriptor, which it returns (close-on-exec), and points descriptor 1 at
 * standard error, so that a plugin's printf cannot get into the messages between the processes. -errno on failure. */
IPBENCH_EXPORT int ipbench_host_stdio(void);

/* The time of a clock (CLOCK_REALTIME 0, CLOCK_MONOTONIC 1), in ns; 0 when there is no such clock. */
IPBENCH_EXPORT uint64_t ipbench_host_now_ns(int clock);

/* A memory file (close-on-exec) that holds a copy of size bytes at data, to be opened as /proc/self/fd/N. Returns the
 * descriptor, owner: the caller; or -errno. */
IPBENCH_EXPORT int ipbench_host_memfd(const char *name, const void *data, uint64_t size);

/* A zeroed page for struct ipbench_progress, mapped shared until the process ends. Returns the descriptor, or -errno. */
IPBENCH_EXPORT int ipbench_host_progress(struct ipbench_progress **map);

/* Waits for ipbench_host_go when s is armed, then for s->at_ns, then calls a plugin's start. To be called on a thread of its
 * own, which gains no privileges by exec from then on. 0, or -errno when start was not called. */
IPBENCH_EXPORT int ipbench_host_start(void *plugin_start_fn, struct ipbench_host_start *s);

/* Lets an ipbench_host_start that is armed go on, with this at_ns; one that is not armed stays as it is. */
IPBENCH_EXPORT void ipbench_host_go(struct ipbench_host_start *s, int64_t at_ns);

/* read(2) of at most size bytes, waiting as long as it takes. When they begin with a whole message that calls start, that is
 * done with `armed` (NULL: nothing to start) before this returns: the caller, to whom the message is news, has a longer way.
 * The number of bytes, 0 at the end, or -errno. */
IPBENCH_EXPORT int64_t ipbench_host_read(int fd, void *buffer, uint64_t size, struct ipbench_host_start *armed);

/* Waits for at_ns of CLOCK_MONOTONIC (0 or past: not at all), then calls a plugin's stop on this thread. 0, what stop
 * returned in *status; or -EINVAL, -ERANGE when at_ns is more than IPBENCH_HOST_STOP_WAIT_NS away: the caller, who can
 * react to something else meanwhile, does the longer part of the waiting. */
IPBENCH_EXPORT int ipbench_host_stop(void *plugin_stop_fn, int64_t at_ns, struct timeval *stamp, int32_t *status);

/* Sends what C and the process write to descriptor 1 to a memory file, whose descriptor it returns, or -errno. One
 * capture at a time (-EBUSY). */
IPBENCH_EXPORT int ipbench_host_capture_begin(void);
/* Ends it and returns the number of bytes, -EFBIG when there are more than IPBENCH_HOST_CAPTURE_MAX. The caller reads
 * /proc/self/fd/N and closes it. */
IPBENCH_EXPORT int64_t ipbench_host_capture_end(int fd);

/* What the driver reports of a network interface, as a JSON object in json[size]: driver, version, firmware, bus, MTU,
 * speed, duplex, offloads, coalescing, rings. What it does not report is left out. 0, or -errno. */
IPBENCH_EXPORT int ipbench_host_ethtool(const char *iface, char *json, uint32_t size);
/* The same form, for those who set a machine up: channels (queues, and how many there could be), and what the kernel
 * reports that the driver can do with XDP, since Linux 6.3. */
IPBENCH_EXPORT int ipbench_host_abilities(const char *iface, char *json, uint32_t size);

/* Begins to note when a network interface of this machine goes down or comes up, of those that there are now: for a tester (`all` not 0)
 * all but the loopback and the ends of containers' links in a bridge; for a target the network cards, what has an address by which others
 * reach the machine, and what these stand on or are ports of, without what belongs to containers and virtual machines alone and virtual
 * Ethernet links that are removed meanwhile. The times are those of the kernel's messages (rtnetlink), which may be a second late where
 * a link changes twice in a second. A thread sleeps until something happens. 0, or -errno. */
IPBENCH_EXPORT int ipbench_host_links_begin(int all);
/* Ends that. Writes what happened: "eth1-123,eth1+456", the name, down (-) or up (+), and when, ns of CLOCK_MONOTONIC; in a
 * name '?' stands for anything but letters, digits, '.', '_' and '-'. What has no room is left out. The text's length, 0 when
 * nothing happened, or nobody was looking. */
IPBENCH_EXPORT int ipbench_host_links_end(char text[IPBENCH_HOST_LINKS_MAX]);

/* dlopen with RTLD_NOW | RTLD_LOCAL. The handle, or NULL and a sentence in error[size]. */
IPBENCH_EXPORT void *ipbench_host_open(const char *path, char *error, uint32_t size);
/* Address of a symbol, or NULL. */
IPBENCH_EXPORT void *ipbench_host_symbol(void *handle, const char *name);

_Static_assert(sizeof(struct ipbench_host_start) == 48, "read and written by the host's other half");

#endif
