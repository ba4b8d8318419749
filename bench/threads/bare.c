/* A bare loop of sendmmsg on connected UDP sockets, one thread a processor: what the machine and the kernel can do.
 *     bare ADDRESS PORT SIZE SECONDS THREADS
 * Prints packets a second, all threads. SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define THREADS_MAX 64

struct one {
	_Alignas(128) pthread_t thread;
	int cpu;
	unsigned long long sent, took_ns;
};

static struct sockaddr_in to;
static size_t size;
static double seconds;
static pthread_barrier_t begin;

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec;
}

static void *send_all(void *arg)
{
	struct one *o = arg;
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec parts[BATCH];
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(o->cpu, &set);
	sched_setaffinity(0, sizeof set, &set);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char *bytes = calloc(BATCH, size);
	if (fd < 0 || bytes == NULL || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		exit(1);
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ bytes + (size_t)i * size, size };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	pthread_barrier_wait(&begin);
	const unsigned long long start = now_ns(), length = (unsigned long long)(seconds * 1e9);
	while (now_ns() - start < length) {
		const int n = sendmmsg(fd, m, BATCH, 0);
		o->sent += n > 0 ? (unsigned)n : 0;
	}
	o->took_ns = now_ns() - start;
	close(fd);
	free(bytes);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct one all[THREADS_MAX];
	const int n = argc == 6 ? atoi(argv[5]) : 0;
	double rate = 0;

	if (n < 1 || n > THREADS_MAX || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 1;
	to.sin_family = AF_INET;
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	size = (size_t)atoi(argv[3]);
	seconds = atof(argv[4]);
	pthread_barrier_init(&begin, NULL, (unsigned)n);
	const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	for (int i = 0; i < n; i++) {
		all[i].cpu = i % cpus;
		pthread_create(&all[i].thread, NULL, send_all, &all[i]);
	}
	for (int i = 0; i < n; i++) {
		pthread_join(all[i].thread, NULL);
		rate += (double)all[i].sent * 1e9 / (double)all[i].took_ns;
	}
	printf("%.0f\n", rate);
	return 0;
}
