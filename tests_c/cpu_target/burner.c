/* Idle-cycle counters; see burner.h.  SPDX-License-Identifier: MIT */
#include "burner.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t ticks(const struct ipb_clock *c)
{
#if defined(IPB_CLOCK_HAS_COUNTER)
	if (c->tsc)
		return ipb_clock_counter();
#endif
	(void)c;
	return ipb_now_ns();
}

static double ns_per_tick(const struct ipb_clock *c) { return c->tsc ? (double)c->mult / 4294967296.0 : 1.0; }

double burners_seconds(const struct burners *b, uint64_t t) { return (double)t * ns_per_tick(&b->clock) / 1e9; }

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* How long a step of the loop takes when nothing interrupts it (the median), times BURNER_STEPS_LONG. */
static uint64_t calibrate(const struct ipb_clock *c)
{
	enum { STEPS = 4096 };
	static uint64_t steps[STEPS];
	double ns = ns_per_tick(c);
	uint64_t end = ipb_now_ns() + BURNER_CALIBRATION_NS, best = UINT64_MAX;

	do {
		uint64_t last = ticks(c);
		for (int i = 0; i < STEPS; i++) {
			uint64_t now = ticks(c);
			steps[i] = now - last;
			last = now;
		}
		qsort(steps, STEPS, sizeof steps[0], by_size);
		best = steps[STEPS / 2] < best ? steps[STEPS / 2] : best;
	} while (ipb_now_ns() < end);
	double threshold_ns = (double)best * ns * BURNER_STEPS_LONG;
	if (threshold_ns < BURNER_THRESHOLD_MIN_NS)
		threshold_ns = BURNER_THRESHOLD_MIN_NS;
	if (threshold_ns > BURNER_THRESHOLD_MAX_NS)
		threshold_ns = BURNER_THRESHOLD_MAX_NS;
	return (uint64_t)(threshold_ns / ns);
}

static int add_range(const char **text, const cpu_set_t *allowed, int *cpus, int count, struct ipb_error *err)
{
	char *end;
	const char *whole = *text;
	long first = strtol(*text, &end, 10), last = first;

	if (end == *text || first < 0)
		return ipb_error(err, "argument cpus: \"%.60s\" is no list of CPUs such as 4, 0-3 or \"0,2-3\"", whole);
	if (*end == '-') {
		const char *second = end + 1;
		last = strtol(second, &end, 10);
		if (end == second)
			last = -1;
	}
	if (last < first || last >= CPU_SETSIZE || (*end != '\0' && *end != ','))
		return ipb_error(err, "argument cpus: \"%.60s\" is no list of CPUs such as 4, 0-3 or \"0,2-3\"", whole);
	for (long c = first; c <= last; c++) {
		if (!CPU_ISSET(c, allowed))
			return ipb_error(err, "argument cpus: this process may not use CPU %ld (it is absent or not in the "
			                 "daemon's affinity mask)", c);
		for (int i = 0; i < count; i++)
			if (cpus[i] == (int)c)
				return ipb_error(err, "argument cpus: CPU %ld is named twice", c);
		if (count == BURNER_CPUS_MAX)
			return ipb_error(err, "argument cpus: more than %d CPUs", BURNER_CPUS_MAX);
		cpus[count++] = (int)c;
	}
	*text = *end == ',' ? end + 1 : end;
	return count;
}

int burner_parse_cpus(const char *text, int *cpus, struct ipb_error *err)
{
	cpu_set_t allowed;
	int count = 0;
	long wanted = BURNER_CPUS_MAX;

	if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
		return ipb_error_errno(err, errno, "cannot read which CPUs this process may use");
	if (text != NULL && *text != '\0' && strspn(text, "0123456789") == strlen(text)) {
		wanted = strlen(text) < 8 ? strtol(text, NULL, 10) : BURNER_CPUS_MAX + 1;
		if (wanted < 1 || wanted > CPU_COUNT(&allowed))
			return ipb_error(err, "argument cpus: %.20s is out of range; this process may use %d CPUs (for CPU "
			                 "number %.20s alone, write %.20s-%.20s)", text, CPU_COUNT(&allowed), text, text, text);
	} else if (text != NULL && *text != '\0') {
		while (*text != '\0' && count >= 0)
			count = add_range(&text, &allowed, cpus, count, err);
		return count;
	}
	for (int c = 0; c < CPU_SETSIZE && count < wanted && count < BURNER_CPUS_MAX; c++)
		if (CPU_ISSET(c, &allowed))
			cpus[count++] = c;
	return count;
}

/* ---- the burner's own process: only what is safe after fork in a program with threads --------------------------- */

/* Of an autogroup. */
static void write_nice(const char *file, const char *nice)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, nice, strlen(nice)) < 0) {
		/* no autogroups here: then there is nothing to set */
	}
	close(fd);
}

static void burn(const struct ipb_clock *clock, uint64_t threshold, struct burner_slot *slot)
{
	uint64_t idle = 0, last = ticks(clock);

	for (;;) {
		uint64_t now = ticks(clock), step = now - last;
		idle += step < threshold ? step : 0;
		last = now;
		atomic_store_explicit(&slot->idle, idle, memory_order_relaxed);
	}
}

static void burner_main(const struct burners *b, unsigned index, pid_t parent)
{
	struct sched_param none = { 0 };
	sigset_t all;
	cpu_set_t one;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* A copy of a pipe left open here would hide the parent's death from who reads its other end. */
	syscall(SYS_close_range, 0u, ~0u, 0u);
	prctl(PR_SET_NAME, "ipbench-burner");
	CPU_ZERO(&one);
	CPU_SET(b->cpu[index], &one);
	setsid();
	write_nice("/proc/self/autogroup", "19");
	setpriority(PRIO_PROCESS, 0, 19);
	if (sched_setaffinity(0, sizeof one, &one) < 0 || sched_setscheduler(0, SCHED_IDLE, &none) < 0)
		_exit(1);
	burn(&b->clock, b->threshold, &b->slots[index]);
}

/* ---- what may spoil the figure --------------------------------------------------------------------------------- */

/* Path of this process in the unified hierarchy, "" at its visible root or without one. */
static void own_cgroup(char *path, size_t size)
{
	char line[512];
	FILE *f = fopen("/proc/self/cgroup", "re");

	path[0] = '\0';
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "0::", 3) == 0) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(path, size, "%s", strcmp(line + 3, "/") == 0 ? "" : line + 3);
		}
	if (f != NULL)
		fclose(f);
}

/* Between two control groups with the cpu controller, shares are divided by group, and SCHED_IDLE inside one of them
 * does not help: the burners would take half a CPU. So they move to the root group, where that is allowed. */
static void leave_cgroup(struct burners *b)
{
	char path[512], file[640], pid[16];
	int fd, failed = 0;

	own_cgroup(path, sizeof path);
	if (path[0] == '\0')
		return;
	snprintf(file, sizeof file, "/sys/fs/cgroup%s/cpu.weight", path);
	if (access(file, F_OK) < 0)
		return;
	fd = open("/sys/fs/cgroup/cgroup.procs", O_WRONLY | O_CLOEXEC);
	for (unsigned i = 0; i < b->count && fd >= 0; i++) {
		int n = snprintf(pid, sizeof pid, "%d", b->pid[i]);
		failed |= write(fd, pid, (size_t)n) < 0;
	}
	if (fd < 0 || failed)
		snprintf(b->doubt, sizeof b->doubt, "the daemon runs in control group %.120s with a CPU weight of its own, and "
		         "the burners cannot leave it: they compete with other groups as equals", path);
	if (fd >= 0)
		close(fd);
}

/* Not all loops have to run for a figure (a CPU may be busy), but it is better to have seen them. */
static void wait_ready(const struct burners *b)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	for (int waited = 0; waited < BURNER_READY_MS; waited += 2) {
		unsigned running = 0;
		for (unsigned i = 0; i < b->count; i++)
			running += atomic_load_explicit(&b->slots[i].idle, memory_order_relaxed) > 0;
		if (running == b->count)
			return;
		nanosleep(&pause, NULL);
	}
}

int burners_start(struct burners *b, const char *cpus, struct ipb_error *err)
{
	pid_t parent = getpid();
	int count = burner_parse_cpus(cpus, b->cpu, err);

	b->count = 0;
	b->doubt[0] = '\0';
	if (count < 0)
		return -1;
	b->online = (int)sysconf(_SC_NPROCESSORS_ONLN);
	ipb_clock_init(&b->clock, 1);
	b->threshold = calibrate(&b->clock);
	b->slots = mmap(NULL, (size_t)count * sizeof *b->slots, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->slots == MAP_FAILED) {
		b->slots = NULL;
		return ipb_error_errno(err, errno, "no shared memory for %d CPUs", count);
	}
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid == 0)
			burner_main(b, (unsigned)i, parent);
		if (pid < 0) {
			ipb_error_errno(err, errno, "cannot start the burner of CPU %d", b->cpu[i]);
			burners_end(b);
			return -1;
		}
		b->pid[b->count++] = pid;
	}
	leave_cgroup(b);
	wait_ready(b);
	return 0;
}

/* Ends one sooner where that is allowed: with what it runs by, a killed burner may wait for its processor for as long as others are busy. */
static void hurry(pid_t pid)
{
	static const struct sched_param none = { 0 };
	char file[40];

	sched_setscheduler(pid, SCHED_OTHER, &none);
	setpriority(PRIO_PROCESS, (id_t)pid, 0);
	snprintf(file, sizeof file, "/proc/%d/autogroup", pid);
	write_nice(file, "0");
}

void burners_end(struct burners *b)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	const uint64_t begin = ipb_now_ns();

	for (unsigned i = 0; i < b->count; i++) {
		kill(b->pid[i], SIGKILL);
		hurry(b->pid[i]);
	}
	/* One that is not gone by then has burnt its last, and goes when it gets a processor. */
	for (unsigned i = 0; i < b->count; i++)
		while (waitpid(b->pid[i], NULL, WNOHANG) == 0 && ipb_now_ns() - begin < BURNER_END_MS * 1000000ull)
			nanosleep(&pause, NULL);
	b->count = 0;
}

void burners_read(const struct burners *b, struct burner_reading *to)
{
	to->ticks = ticks(&b->clock);
	for (unsigned i = 0; i < b->count; i++)
		to->idle[i] = atomic_load_explicit(&b->slots[i].idle, memory_order_relaxed);
}

double burners_use(const struct burner_reading *from, const struct burner_reading *to, unsigned index)
{
	double whole = (double)(to->ticks - from->ticks), idle = (double)(to->idle[index] - from->idle[index]);
	double use = whole > 0 ? 1 - idle / whole : 0;

	return use < 0 ? 0 : use > 1 ? 1 : use;
}

int burners_stat(const struct burners *b, struct burner_stat *to)
{
	char line[512];
	FILE *f = fopen("/proc/stat", "re");
	unsigned found = 0;

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof line, f) != NULL) {
		struct burner_stat s = { 0 };
		int cpu;
		if (sscanf(line, "cpu%d %lu %lu %lu %lu %lu %lu %lu %lu", &cpu, &s.user, &s.nice, &s.system, &s.idle, &s.iowait,
		           &s.irq, &s.softirq, &s.steal) != 9)
			continue;
		for (unsigned i = 0; i < b->count; i++)
			if (b->cpu[i] == cpu) {
				to[i] = s;
				found++;
			}
	}
	fclose(f);
	return found == b->count ? 0 : -1;
}
