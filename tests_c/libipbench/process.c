/* A child's own process: limits, standard streams, start at an instant; see libipbench.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "libipbench.h"

static int limit(int what, uint64_t value)
{
	struct rlimit now;

	if (value == 0)
		return 0;
	if (getrlimit(what, &now) < 0)
		return -errno;
	if (now.rlim_max == RLIM_INFINITY || value < now.rlim_max)
		now.rlim_max = value;
	now.rlim_cur = now.rlim_max;
	return setrlimit(what, &now) < 0 ? -errno : 0;
}

static int for_guests; /* set once, before there is a plugin */

/* What a thread gives up for good: to gain privileges by exec and, for guests, priority over others and locked memory.
 * Each thread has its own, and those that it starts have the same. */
static int give_up(void)
{
	const uint32_t priority = 1u << CAP_SYS_NICE | 1u << CAP_IPC_LOCK;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (!for_guests)
		return 0;
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	data[0].effective &= ~priority;
	data[0].permitted &= ~priority;
	data[0].inheritable &= ~priority;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int ipbench_host_harden(int parent_pid, uint64_t memory_limit, uint64_t nofile, int guest)
{
	const struct rlimit none = { 0, 0 };
	int status;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* The parent may have died before the line above; then nobody will send the signal. */
	if (parent_pid > 0 && getppid() != parent_pid)
		return -ESRCH;
	if (getpgrp() != getpid() && setpgid(0, 0) < 0)
		return -errno;
	for_guests = guest;
	if (guest && (setrlimit(RLIMIT_RTPRIO, &none) < 0 || setrlimit(RLIMIT_MEMLOCK, &none) < 0))
		return -errno;
	status = give_up();
	if (status < 0)
		return status;
	status = limit(RLIMIT_DATA, memory_limit);
	return status < 0 ? status : limit(RLIMIT_NOFILE, nofile);
}

int ipbench_host_stdio(void)
{
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, IPBENCH_HOST_FD_MIN);

	if (fd < 0)
		return -errno;
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

uint64_t ipbench_host_now_ns(int clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * IPB_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Sleeps until an instant of CLOCK_MONOTONIC, unless it is past. */
static void sleep_until(int64_t at_ns)
{
	struct timespec at = { .tv_sec = at_ns / 1000000000, .tv_nsec = at_ns % 1000000000 };

	if (at_ns > (int64_t)ipb_now_ns())
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
			;
}

/* Sleeps until shortly before at_ns, then spins: a sleep alone wakes tens of microseconds late. The first wake-up after
 * a long sleep is slower still, with caches, page tables and the processor itself gone cold, and where processes share
 * a processor each one's delay adds to the next one's. So it wakes a few times beforehand. */
static void wait_until(int64_t at_ns)
{
	int64_t spin_ns = at_ns - IPBENCH_HOST_SPIN_NS;

	prctl(PR_SET_TIMERSLACK, 1);
	for (int left = IPBENCH_HOST_REHEARSALS; left >= 0; left--)
		sleep_until(spin_ns - left * IPBENCH_HOST_REHEARSAL_NS);
	while ((int64_t)ipb_now_ns() < at_ns)
		ipb_clock_relax();
}

/* A futex: to wake a thread that waits is then one system call, and costs nothing when none does. */
static void wait_for_go(const struct ipbench_host_start *s)
{
	while (__atomic_load_n(&s->armed, __ATOMIC_ACQUIRE) == IPBENCH_HOST_ARMED)
		syscall(SYS_futex, &s->armed, FUTEX_WAIT_PRIVATE, IPBENCH_HOST_ARMED, NULL, NULL, 0);
}

void ipbench_host_go(struct ipbench_host_start *s, int64_t at_ns)
{
	if (s == NULL || __atomic_load_n(&s->armed, __ATOMIC_RELAXED) != IPBENCH_HOST_ARMED)
		return;
	s->at_ns = at_ns;
	__atomic_store_n(&s->armed, 0, __ATOMIC_RELEASE);
	syscall(SYS_futex, &s->armed, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Does what a message asks that calls start, when it is one and all there. */
static void go_as_told(const uint8_t *message, uint64_t size, struct ipbench_host_start *armed)
{
	if (size < IPBENCH_HOST_PREFIX_BYTES || ipb_get_be(message, 4) != IPBENCH_HOST_START_MAGIC)
		return;
	const uint64_t body = IPBENCH_HOST_PREFIX_BYTES + ipb_get_be(message + 4, 4);

	if (ipb_get_be(message + 8, 4) == sizeof armed->at_ns && body + sizeof armed->at_ns <= size)
		ipbench_host_go(armed, (int64_t)ipb_get_be(message + body, 8));
}

int64_t ipbench_host_read(int fd, void *buffer, uint64_t size, struct ipbench_host_start *armed)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	for (;;) {
		const ssize_t count = read(fd, buffer, size);

		if (count < 0 && errno == EAGAIN)
			poll(&readable, 1, -1);
		else if (count < 0 && errno != EINTR)
			return -errno;
		else if (count >= 0) {
			go_as_told(buffer, (uint64_t)count, armed);
			return count;
		}
	}
}

int ipbench_host_start(void *plugin_start_fn, struct ipbench_host_start *s)
{
	int (*start)(struct timeval *) = (int (*)(struct timeval *))plugin_start_fn;
	struct timeval stamp = { 0 };

	if (start == NULL || s == NULL)
		return -EINVAL;
	/* A thread's own property: the runtime may have had this one before ipbench_host_harden was called on another. */
	int status = give_up();
	if (status < 0)
		return status;
	wait_for_go(s);
	if (s->at_ns > IPBENCH_HOST_SPIN_NS)
		wait_until(s->at_ns);
	__atomic_store_n(&s->actual_ns, (int64_t)ipb_now_ns(), __ATOMIC_RELEASE);
	s->status = start(&stamp);
	s->start_sec = stamp.tv_sec;
	s->start_usec = stamp.tv_usec;
	__atomic_store_n(&s->ended_ns, (int64_t)ipb_now_ns(), __ATOMIC_RELEASE);
	return 0;
}

int ipbench_host_stop(void *plugin_stop_fn, int64_t at_ns, struct timeval *stamp, int32_t *status)
{
	int (*stop)(struct timeval *) = (int (*)(struct timeval *))plugin_stop_fn;

	if (stop == NULL || stamp == NULL || status == NULL)
		return -EINVAL;
	if (at_ns > (int64_t)ipb_now_ns() + IPBENCH_HOST_STOP_WAIT_NS)
		return -ERANGE;
	if (at_ns > IPBENCH_HOST_SPIN_NS)
		wait_until(at_ns);
	*status = stop(stamp);
	return 0;
}
