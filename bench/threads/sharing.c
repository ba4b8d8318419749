/* Whether two threads that measure slow each other down: what an engine's loop writes for each packet, by one thread alone and
 * by two at once, each with an engine of a team. Two controls: two counters in one cache line, which has to show; and the same
 * engines in two processes, which share no memory: what is left then is the machine's (caches, memory, hyperthreads).
 *     sharing
 * Prints JSON: ns a step, alone and together, medians. SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tests_c/latency/latency.h"
#include "ipb_team_private.h"

#define ROUNDS 21
#define STEPS 200000u

static pthread_barrier_t gate;

struct side {
	_Alignas(IPB_APART) struct ipb_engine *engine;
	volatile uint64_t *counter; /* NULL: the engine */
	int cpu;
	double ns;
};

/* A packet is sent and its reply is good: what the loop writes beside its system calls. */
static void engine_steps(struct ipb_engine *e)
{
	uint8_t *packet = e->slots[0].packet;

	for (uint32_t i = 0; i < STEPS; i++) {
		const uint64_t now = ipb_clock_now(&e->clock), number = e->track.next;
		ipb_header_write(&e->header, packet, e->slots[0].size, number, 0);
		ipb_track_sent(&e->track, now, e->slots[0].size, now, 1);
		ipb_hist_record(&e->lateness, 20);
		ipb_engine_reply(e, 0, packet, e->slots[0].size, now + 20000 + (i & 1023), 0);
	}
}

static void *run(void *arg)
{
	struct side *s = arg;

	ipb_threads_pin(s->cpu);
	pthread_barrier_wait(&gate);
	const uint64_t start = ipb_now_ns();
	if (s->counter == NULL)
		engine_steps(s->engine);
	else
		for (uint32_t i = 0; i < STEPS; i++)
			*s->counter += 1;
	s->ns = (double)(ipb_now_ns() - start) / STEPS;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof *values, compare);
	return values[ROUNDS / 2];
}

static void once(struct side *sides, unsigned n)
{
	pthread_t threads[2];

	pthread_barrier_init(&gate, NULL, n);
	for (unsigned i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, run, &sides[i]);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&gate);
}

static void show(const char *what, struct side *sides)
{
	double alone[ROUNDS], together[ROUNDS], ratio[ROUNDS];

	for (int r = 0; r < ROUNDS; r++) {
		once(sides, 1);
		alone[r] = sides[0].ns;
		once(sides, 2);
		together[r] = (sides[0].ns + sides[1].ns) / 2;
		ratio[r] = together[r] / alone[r];
	}
	printf("\"%s\":{\"alone_ns\":%.2f,\"together_ns\":%.2f,\"ratio\":%.3f},", what, median(alone), median(together), median(ratio));
}

/* What a process of its own and this one tell each other. */
struct apart_processes {
	pthread_barrier_t gate;
	double ns;
};

static double timed_steps(struct side *s)
{
	const uint64_t start = ipb_now_ns();

	engine_steps(s->engine);
	return (double)(ipb_now_ns() - start) / STEPS;
}

/* As show, with the second engine in a process of its own: its memory is a copy. */
static void show_processes(struct side *sides)
{
	struct apart_processes *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double alone[ROUNDS], together[ROUNDS], ratio[ROUNDS];
	pthread_barrierattr_t attr;

	if (p == MAP_FAILED)
		exit(1);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&p->gate, &attr, 2);
	const pid_t pid = fork();
	if (pid < 0)
		exit(1);
	struct side *mine = &sides[pid == 0];
	ipb_threads_pin(mine->cpu);
	timed_steps(mine); /* pages become this process's own */
	for (int r = 0; r < ROUNDS; r++) {
		if (pid != 0)
			alone[r] = timed_steps(mine);
		pthread_barrier_wait(&p->gate);
		const double ns = timed_steps(mine);
		if (pid == 0)
			p->ns = ns;
		pthread_barrier_wait(&p->gate);
		if (pid != 0) {
			together[r] = (ns + p->ns) / 2;
			ratio[r] = together[r] / alone[r];
		}
		pthread_barrier_wait(&p->gate);
	}
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	printf("\"processes\":{\"alone_ns\":%.2f,\"together_ns\":%.2f,\"ratio\":%.3f}", median(alone), median(together),
	       median(ratio));
}

int main(void)
{
	static _Alignas(IPB_APART) volatile uint64_t one_line[2], apart[2 * IPB_APART / 8];
	struct ipb_engine_config config;
	struct ipb_threads plan;
	struct ipb_args args;
	struct ipb_error err = { 0 };
	const int fd = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, NULL, &err);

	if (ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, "socktype=udp,threads=2,noise=0,bps=100M,duration=20", 0, &err) < 0 ||
	    latency_configure(&config, &args, "127.0.0.1", ipb_sock_port(fd), 0, &err) < 0 || ipb_threads_plan(&plan, &args, 1, &err) < 0)
		goto fail;
	struct ipb_team *t = ipb_team_open(&config, &plan, &err);
	if (t == NULL)
		goto fail;
	struct side sides[2];
	for (int i = 0; i < 2; i++) {
		struct ipb_engine *e = ipb_team_engine(t, (uint32_t)i);
		e->measure_ns = ipb_now_ns();
		e->end_ns = UINT64_MAX;
		e->phase = IPBENCH_PHASE_MEASURE;
		sides[i] = (struct side){ .engine = e, .cpu = plan.cpu[i] };
	}
	printf("{");
	for (int i = 0; i < 2; i++)
		sides[i].counter = &one_line[i];
	show("one_line", sides);
	for (int i = 0; i < 2; i++)
		sides[i].counter = &apart[(size_t)i * IPB_APART / 8];
	show("apart", sides);
	for (int i = 0; i < 2; i++)
		sides[i].counter = NULL;
	show("engines", sides);
	show_processes(sides);
	printf("}\n");
	return 0;
fail:
	fprintf(stderr, "%s\n", ipb_error_text(&err));
	return 1;
}
