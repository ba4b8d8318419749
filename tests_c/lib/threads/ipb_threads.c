/* Several threads of one test; see ipb_threads.h.  SPDX-License-Identifier: MIT */
#include "ipb_threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* One number of a list. -1: there is none. */
static long number(const char **at)
{
	char *end;

	if (**at < '0' || **at > '9')
		return -1;
	const unsigned long n = strtoul(*at, &end, 10);
	*at = end;
	return n < IPB_THREADS_CPUS_MAX ? (long)n : -1;
}

int ipb_threads_list(const char *text, int *to, struct ipb_error *err)
{
	const char *at = text;
	int n = 0;

	for (;;) {
		const long from = number(&at), until = *at == '-' ? (at++, number(&at)) : from;
		if (from < 0 || until < from || (*at != ',' && *at != ';' && *at != '\0'))
			return ipb_error(err, "argument cpus: \"%.100s\" is no list of processors such as 0,2-3 (numbers below %u)", text,
			                 IPB_THREADS_CPUS_MAX);
		for (long cpu = from; cpu <= until; cpu++) {
			if (n == (int)IPB_THREADS_CPUS_MAX)
				return ipb_error(err, "argument cpus: more than %u processors", IPB_THREADS_CPUS_MAX);
			to[n++] = (int)cpu;
		}
		if (*at++ == '\0')
			return n;
	}
}

int ipb_threads_cpus(const char *text, int *to, uint32_t max, int here, struct ipb_error *err)
{
	int list[IPB_THREADS_CPUS_MAX];
	cpu_set_t mine;

	if (*text == '\0')
		return 0;
	const int n = ipb_threads_list(text, list, err);
	if (n > (int)max)
		return ipb_error(err, "argument cpus: %d processors are more than %u threads", n, max);
	CPU_ZERO(&mine);
	if (n > 0 && here && sched_getaffinity(0, sizeof mine, &mine) < 0)
		return ipb_error_errno(err, errno, "argument cpus: cannot see which processors there are");
	for (int i = 0; i < n; i++) {
		if (here && !CPU_ISSET(list[i], &mine))
			return ipb_error(err, "argument cpus: processor %d is not one that this daemon may use", list[i]);
		to[i] = list[i];
	}
	return n;
}

int ipb_threads_plan(struct ipb_threads *t, const struct ipb_args *a, int here, struct ipb_error *err)
{
	const char *text = ipb_args_string(a, "cpus");
	int list[IPB_THREADS_CPUS_MAX], n = 0;
	cpu_set_t mine;

	t->count = (uint32_t)ipb_args_uint(a, "threads");
	t->given = *text != '\0';
	for (uint32_t i = 0; i < t->count; i++)
		t->cpu[i] = -1;
	if (t->given && (n = ipb_threads_list(text, list, err)) < 0)
		return -1;
	if (!here || (!t->given && t->count == 1))
		return 0;
	CPU_ZERO(&mine);
	if (sched_getaffinity(0, sizeof mine, &mine) < 0)
		return t->given ? ipb_error_errno(err, errno, "argument cpus: cannot see which processors there are") : 0;
	for (int i = 0; i < n; i++)
		if (!CPU_ISSET(list[i], &mine))
			return ipb_error(err, "argument cpus: processor %d is not one that this daemon may use", list[i]);
	for (int cpu = 0; !t->given && cpu < CPU_SETSIZE && n < (int)IPB_THREADS_CPUS_MAX; cpu++)
		if (CPU_ISSET(cpu, &mine))
			list[n++] = cpu;
	for (uint32_t i = 0; n > 0 && i < t->count; i++)
		t->cpu[i] = list[i % (uint32_t)n];
	return 0;
}

int ipb_threads_pin(int cpu)
{
	cpu_set_t one;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof one, &one);
}

void ipb_threads_name(const struct ipb_threads *t, uint32_t thread, char *to, size_t size)
{
	if (t->cpu[thread] >= 0)
		snprintf(to, size, "thread %u on processor %d", thread, t->cpu[thread]);
	else
		snprintf(to, size, "thread %u", thread);
}

/* What the starting thread and the others share; nothing of it is written while they work. */
struct shared {
	const struct ipb_threads_job *job;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	uint32_t running;
};

struct one {
	struct shared *shared;
	uint32_t index;
	pthread_t thread;
};

static void *begin(void *arg)
{
	struct one *o = arg;
	struct shared *s = o->shared;

	s->job->work(s->job->context, o->index);
	pthread_mutex_lock(&s->lock);
	s->running--;
	pthread_cond_signal(&s->ended);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Waits until all have ended, and watches them meanwhile. */
static void wait_for_all(struct shared *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->running > 0) {
		struct timespec until;
		pthread_mutex_unlock(&s->lock);
		const uint64_t wait_ns = s->job->watch != NULL ? s->job->watch(s->job->context) : 1000000000ull;
		clock_gettime(CLOCK_MONOTONIC, &until);
		const uint64_t ns = (uint64_t)until.tv_nsec + wait_ns;
		until.tv_sec += (time_t)(ns / 1000000000ull);
		until.tv_nsec = (long)(ns % 1000000000ull);
		pthread_mutex_lock(&s->lock);
		if (s->running > 0)
			pthread_cond_timedwait(&s->ended, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
}

int ipb_threads_run(const struct ipb_threads_job *job, uint32_t count, struct ipb_error *err)
{
	struct shared s = { .job = job, .running = count };
	struct one all[IPB_THREADS_MAX];
	pthread_condattr_t attr;
	uint32_t started = 0;
	int error = 0;

	pthread_mutex_init(&s.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s.ended, &attr);
	pthread_condattr_destroy(&attr);
	for (; error == 0 && started < count; started += error == 0) {
		all[started] = (struct one){ .shared = &s, .index = started };
		error = pthread_create(&all[started].thread, NULL, begin, &all[started]);
	}
	if (error != 0) {
		if (job->cancel != NULL)
			job->cancel(job->context);
		pthread_mutex_lock(&s.lock);
		s.running -= count - started;
		pthread_mutex_unlock(&s.lock);
	}
	wait_for_all(&s);
	for (uint32_t i = 0; i < started; i++)
		pthread_join(all[i].thread, NULL);
	pthread_cond_destroy(&s.ended);
	pthread_mutex_destroy(&s.lock);
	return error == 0 ? 0 : ipb_error_errno(err, error, "cannot start thread %u of %u", started, count);
}
