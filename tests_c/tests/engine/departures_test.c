/* link: latency.a */
/* alone: it measures times. */
/* When packets really left: the engine's packets, stamped by the kernel as they come in over the loopback device, which
 * happens in the sender's own call. A crowded machine delays some: what is asserted allows for as many as were seen to
 * be late, and a run with too many is made again.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../latency/latency.h"
#include "ipb_engine_private.h"

#define PPS 1000
#define PACKETS_MAX 2500
#define INTERVAL_NS (1000000000.0 / PPS)
#define ARGS "socktype=udp,size=64,bps=512k,duration=1.4,warmup=0.2,cooldown=0,noise=0"
#define ATTEMPTS 5
#define BARE_PACKETS 1400u
#define BARE_SHARE 0.005  /* of a bare loop's packets that are late: on a machine left alone it is next to none */
#define LATE_NS 20000.0   /* a packet that leaves later than that was delayed */
#define LATE_SHARE 0.1    /* more of those are too many */
#define BUSY_SHARE 0.01   /* of the time that the sender was ready and others ran: they did it */
#define RATE_ERROR 1e-4
#define KS_999 1.9495     /* the Kolmogorov-Smirnov distance times sqrt(n), exceeded once in 1,000 */

/* Echoes, and notes when each packet came. */
struct sink {
	int fd, over; /* over: atomic */
	pthread_t thread;
	uint32_t count;
	double at_ns[PACKETS_MAX];
};

static double stamp_of(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec t;
			memcpy(&t, CMSG_DATA(c), sizeof t);
			return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
		}
	return -1;
}

static void *serve(void *context)
{
	struct sink *s = context;
	char packet[256], control[256];

	while (!__atomic_load_n(&s->over, __ATOMIC_RELAXED)) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		struct sockaddr_storage from;
		struct iovec iov = { packet, sizeof packet };
		poll(&p, 1, 20);
		for (;;) {
			struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1,
			                    .msg_control = control, .msg_controllen = sizeof control };
			ssize_t n = recvmsg(s->fd, &m, MSG_DONTWAIT);
			if (n < 0)
				break;
			if (s->count < PACKETS_MAX)
				s->at_ns[s->count++] = stamp_of(&m);
			sendto(s->fd, packet, (size_t)n, 0, (struct sockaddr *)&from, m.msg_namelen);
		}
	}
	return NULL;
}

/* What left, and when it should have: the schedule again, by its seed. Both in ns since the first that left. */
struct departures {
	uint32_t count;
	double at_ns[PACKETS_MAX], due_ns[PACKETS_MAX];
	double rate_error;
	double late_share; /* at that rate, of those that left LATE_NS after the most punctual one, or later */
	int busy;          /* others had the sender's processor */
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* How much slower or faster than due they left: from the most punctual of the first fifth to that of the last. */
static double rate_error_of(const struct departures *d)
{
	double first = HUGE_VAL, last = HUGE_VAL;

	for (uint32_t i = 0; i < d->count / 5; i++) {
		uint32_t k = d->count - 1 - i;
		first = fmin(first, d->at_ns[i] - d->due_ns[i]);
		last = fmin(last, d->at_ns[k] - d->due_ns[k]);
	}
	return (last - first) / (d->due_ns[d->count - 1] * 0.8);
}

/* first: the sender's thread goes before all ordinary ones, where that is allowed. */
static void record(struct departures *d, const char *args_text, int first)
{
	struct sink s = { 0 };
	struct ipb_args args;
	struct ipb_engine_config config;
	struct ipb_error err = { 0 };
	struct ipb_sched sched;
	int yes = 1;

	s.fd = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, NULL, &err);
	assert_true(s.fd >= 0 && setsockopt(s.fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) == 0);
	assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
	assert_int_equal(ipb_args_parse(&args, latency_options, LATENCY_OPTION_COUNT, args_text, 0, &err), 0);
	assert_int_equal(latency_configure(&config, &args, "127.0.0.1", ipb_sock_port(s.fd), 0, &err), 0);
	config.run_id = 77;
	struct ipb_engine *e = ipb_engine_open(&config, &err);
	if (e == NULL)
		fail_msg("%s", ipb_error_text(&err));
	if (first)
		sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	assert_int_equal(ipb_engine_run(e, NULL), 0);
	sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	/* The counters that the verdict compares were read by the running loop, and not within the measured phase. */
	assert_true(e->before.at_ns > e->start_ns && e->before.at_ns + 51000000 > e->measure_ns);
	d->busy = (double)(e->after.run_delay_ns - e->before.run_delay_ns) > BUSY_SHARE * (double)(e->after.at_ns - e->before.at_ns);
	ipb_engine_close(e);
	ipb_args_free(&args);
	__atomic_store_n(&s.over, 1, __ATOMIC_RELAXED);
	pthread_join(s.thread, NULL);
	close(s.fd);

	assert_true(s.count > PPS * 1.4 && s.count < PACKETS_MAX);
	ipb_sched_init(&sched, config.arrival, config.burst, config.rate_bps, &config.sizes, config.seed, 0, 0);
	d->count = s.count;
	for (uint32_t i = 0; i < s.count; i++, ipb_sched_next(&sched)) {
		assert_true(s.at_ns[i] > 0);
		d->at_ns[i] = s.at_ns[i] - s.at_ns[0];
		d->due_ns[i] = (double)sched.due_ns;
	}
	d->rate_error = rate_error_of(d);
	double least = HUGE_VAL;
	uint32_t late = 0;
	for (uint32_t i = 0; i < s.count; i++)
		least = fmin(least, d->at_ns[i] - d->due_ns[i] * (1 + d->rate_error));
	for (uint32_t i = 0; i < s.count; i++)
		late += d->at_ns[i] - d->due_ns[i] * (1 + d->rate_error) - least > LATE_NS;
	d->late_share = (double)late / s.count;
}

/* The late share of a bare loop that only waits for the clock and sends: what is late there is the machine's doing, be it
 * another program's or the hypervisor's. */
static double bare_late_share(void)
{
	struct sink *s = calloc(1, sizeof *s);
	struct ipb_sock_options options = { .dscp = -1 };
	struct ipb_error err = { 0 };
	const char packet[64] = { 0 };
	double least = HUGE_VAL;
	uint32_t late = 0;
	int yes = 1;

	assert_non_null(s);
	s->fd = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, NULL, &err);
	assert_true(s->fd >= 0 && setsockopt(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) == 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	int fd = ipb_sock_connect("127.0.0.1", ipb_sock_port(s->fd), SOCK_DGRAM, &options, &err);
	assert_true(fd >= 0);
	const uint64_t start_ns = ipb_now_ns() + 10000000;
	for (uint32_t i = 0; i < BARE_PACKETS; i++) {
		while (ipb_now_ns() < start_ns + (uint64_t)(i * INTERVAL_NS))
			;
		assert_int_equal(send(fd, packet, sizeof packet, 0), sizeof packet);
	}
	__atomic_store_n(&s->over, 1, __ATOMIC_RELAXED);
	pthread_join(s->thread, NULL);
	const uint32_t count = s->count;
	assert_true(count > BARE_PACKETS / 2);
	for (uint32_t i = 0; i < count; i++)
		least = fmin(least, s->at_ns[i] - i * INTERVAL_NS);
	for (uint32_t i = 0; i < count; i++)
		late += s->at_ns[i] - i * INTERVAL_NS - least > LATE_NS;
	close(fd);
	close(s->fd);
	free(s);
	return (double)late / count;
}

/* Largest distance between the distribution of the gaps and the exponential one of this mean. */
static double ks_distance(const struct departures *d, double mean_ns)
{
	double gaps[PACKETS_MAX], distance = 0;
	uint32_t n = d->count - 1;

	for (uint32_t i = 0; i < n; i++)
		gaps[i] = d->at_ns[i + 1] - d->at_ns[i];
	qsort(gaps, n, sizeof *gaps, compare);
	for (uint32_t i = 0; i < n; i++) {
		double f = 1 - exp(-gaps[i] / mean_ns);
		distance = fmax(distance, fmax(fabs(f - (double)i / n), fabs((double)(i + 1) / n - f)));
	}
	return distance;
}

/* Departures of a run that others left alone; NULL when there was none. Runs of the engine and of the bare loop take
 * turns: where that one is always punctual and the engine never is, it was the engine itself. */
static struct departures *quiet(const char *args)
{
	struct departures *d = malloc(sizeof *d);
	int disturbed = 0;

	assert_non_null(d);
	for (int i = 0; i < ATTEMPTS; i++) {
		record(d, args, i > 0);
		const double bare = d->late_share <= LATE_SHARE ? 0 : bare_late_share();
		print_message("# %.2f %% left late%s, rate error %.1e; of a bare loop %.2f %%\n", d->late_share * 100,
		              d->busy ? ", machine busy" : "", d->rate_error, bare * 100);
		if (d->late_share <= LATE_SHARE)
			return d;
		disturbed |= d->busy || bare > BARE_SHARE;
	}
	free(d);
	assert_true(disturbed);
	return NULL;
}

static void poisson_departures_are_poisson(void **state)
{
	struct departures *d = quiet(ARGS ",arrival=poisson");

	(void)state;
	if (d == NULL)
		skip();
	double distance = ks_distance(d, INTERVAL_NS), limit = KS_999 / sqrt(d->count - 1);
	print_message("# Kolmogorov-Smirnov distance %.4f, limit %.4f\n", distance, limit);
	/* A packet that was delayed changes the gaps on both its sides. */
	assert_true(distance <= limit + 2 * d->late_share);
	assert_true(fabs(d->rate_error) <= RATE_ERROR);
	free(d);
}

static void constant_departures_keep_the_rate(void **state)
{
	struct departures *d = quiet(ARGS);
	uint32_t outside = 0;

	(void)state;
	if (d == NULL)
		skip();
	for (uint32_t i = 1; i < d->count; i++) {
		assert_true(fabs(d->due_ns[i] - d->due_ns[0] - i * INTERVAL_NS) < 1);
		outside += fabs(d->at_ns[i] - d->at_ns[i - 1] - INTERVAL_NS) > LATE_NS;
	}
	assert_true(outside <= 2 * d->late_share * d->count);
	assert_true(fabs(d->rate_error) <= RATE_ERROR);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poisson_departures_are_poisson),
		cmocka_unit_test(constant_departures_keep_the_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
