/* The pump between sockets of this process: bytes, rates of threads, jitter, numbers.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_bytes.h"
#include "ipb_clock.h"
#include "ipb_pump.h"
#include "ipb_sock.h"
#include "ipb_threads.h"

#define PACKETS 200
#define SESSION 0x1234567890abcdefull

static struct ipb_error err;

/* Two ends of a TCP connection or of a pair of UDP sockets. */
static void connected(int type, int ends[2])
{
	/* All datagrams of a test fit, should the receiver's thread not get a processor meanwhile. */
	struct ipb_sock_options o = { .rcvbuf = 1 << 20, .dscp = -1 };
	const int listener = ipb_sock_listen("127.0.0.1", 0, type, type == SOCK_DGRAM ? &o : NULL, &err);

	assert_true(listener >= 0);
	ends[0] = ipb_sock_connect("127.0.0.1", ipb_sock_port(listener), type, NULL, &err);
	assert_true(ends[0] >= 0);
	if (type == SOCK_DGRAM) {
		ends[1] = listener;
		return;
	}
	while ((ends[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
		usleep(1000);
	close(listener);
}

/* A pump with both ends of one connection: the first stream sends, the second receives. */
static void pump_of_two(struct ipb_pump *p)
{
	int ends[2];

	connected(SOCK_STREAM, ends);
	assert_int_equal(ipb_pump_init(p, 2, &err), 0);
	p->streams[0].fd = ends[0];
	p->streams[0].sends = 1;
	p->streams[1].fd = ends[1];
}

static double used_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void configure(struct ipb_pump *p, double warmup_s, double seconds)
{
	const uint64_t now = ipb_now_ns();

	p->config = (struct ipb_pump_config){ .copy = 1, .size = 65536, .begin_ns = now, .window_start_ns = now + (uint64_t)(warmup_s * 1e9),
		                              .window_end_ns = now + (uint64_t)((warmup_s + seconds) * 1e9), .length_ns = 60 * IPB_NS_PER_S };
}

static void watch_until(struct ipb_pump *p, uint64_t until_ns)
{
	for (uint64_t now = ipb_now_ns(); now < until_ns; now = ipb_now_ns()) {
		uint64_t next = ipb_pump_watch(p, now);
		next = next < until_ns ? next : until_ns;
		now = ipb_now_ns();
		if (next > now)
			usleep((useconds_t)((next - now) / 1000 + 1));
	}
	ipb_pump_watch(p, ipb_now_ns());
}

/* The threads' own clocks, against what the kernel charges the whole process with. */
static void a_busy_thread_is_seen(void **state)
{
	struct ipb_pump p;
	struct ipb_pump_use use;

	(void)state;
	pump_of_two(&p);
	configure(&p, 0.1, 1);
	assert_int_equal(ipb_pump_start(&p, &err), 0);
	watch_until(&p, p.config.window_start_ns);
	const double used = used_s();
	const uint64_t from = ipb_now_ns();
	watch_until(&p, p.config.window_end_ns);
	const double share = (used_s() - used) / ((double)(ipb_now_ns() - from) / 1e9);
	ipb_pump_stop(&p);
	ipb_pump_use(&p, &use);
	assert_true(use.known && use.threads == 2);
	if (fabs(use.all_threads - share) > 0.1 * share + 0.03)
		fail_msg("threads were running for %.3f of the time, the process for %.3f", use.all_threads, share);
	assert_true(use.busiest_thread <= use.all_threads && use.busiest_thread >= use.all_threads / 2);
	assert_true(use.cpus.count >= 1 && use.cpus.total <= use.cpus.count + 0.1);
	assert_true(p.streams[1].bins.total > 1000000 && p.streams[1].bins.total <= p.streams[0].bins.total);
	ipb_pump_free(&p);
}

/* What a thread of the test has had of its processor, until it is told to stop. */
struct rival {
	int cpu, stop;
	pthread_t thread;
	_Atomic uint64_t used_ns;
};

static void *take_turns(void *arg)
{
	struct rival *r = arg;

	ipb_threads_pin(r->cpu);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		atomic_store(&r->used_ns, ipb_clock_gettime_ns(CLOCK_THREAD_CPUTIME_ID));
	return NULL;
}

/* A thread that sends without end, for so long, on the processor of one that only spins. Returns the share that the other one had, by
 * its own clock. */
static double beside_a_rival(double seconds, struct ipb_pump_use *use)
{
	struct rival rival = { .cpu = sched_getcpu() };
	struct ipb_pump p;
	int ends[2];

	connected(SOCK_DGRAM, ends);
	assert_int_equal(ipb_pump_init(&p, 1, &err), 0);
	p.streams[0].fd = ends[0];
	p.streams[0].sends = 1;
	configure(&p, 0.2, seconds);
	p.config.udp = 1;
	p.config.size = 1000;
	p.config.cpus[p.config.cpu_count++] = rival.cpu;
	assert_int_equal(pthread_create(&rival.thread, NULL, take_turns, &rival), 0);
	assert_int_equal(ipb_pump_start(&p, &err), 0);
	watch_until(&p, p.config.window_start_ns);
	const uint64_t used = rival.used_ns, from = ipb_now_ns();
	watch_until(&p, p.config.window_end_ns);
	const double others = (double)(rival.used_ns - used) / (double)(ipb_now_ns() - from);
	__atomic_store_n(&rival.stop, 1, __ATOMIC_RELAXED);
	pthread_join(rival.thread, NULL);
	ipb_pump_stop(&p);
	ipb_pump_use(&p, use);
	ipb_pump_free(&p);
	close(ends[1]);
	assert_true(use->known && use->threads == 1 && use->thread[0].sends && use->thread[0].cpu == rival.cpu);
	assert_true(use->thread[0].running == use->busiest_thread);
	return others;
}

/* What it does not run it waits, at least for as long as the other one runs. The kernel counts a wait when it is over: where the
 * machine is crowded, and waits are long, more time is given. */
static void a_thread_that_waits_is_seen(void **state)
{
	struct ipb_pump_use use;
	const struct ipb_pump_thread *t = &use.thread[0];
	double others = 0;
	int fits = 0;

	(void)state;
	for (double seconds = 1; !fits && seconds < 20; seconds *= 2) {
		others = beside_a_rival(seconds, &use);
		fits = t->waiting >= others - 0.1 && t->running + t->waiting >= 0.9 && t->running + t->waiting <= 1.1;
	}
	if (!fits)
		fail_msg("running %.3f, waiting %.3f of the time; the other one ran %.3f", t->running, t->waiting, others);
	if (t->busy < 0.9 || t->busy > 1 || t->softirq > t->busy)
		fail_msg("the processor was busy for %.3f of the time, %.3f with interrupts", t->busy, t->softirq);
}

static int threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int n = -2; /* . and .. */

	assert_non_null(tasks);
	while (readdir(tasks) != NULL)
		n++;
	closedir(tasks);
	return n;
}

/* As the kernel counts threads: all are there before the start, none moves a byte then, and the end without a start ends them. */
static void threads_wait_for_the_start(void **state)
{
	struct ipb_pump p;
	int before = threads();

	(void)state;
	for (int i = 0; i < 50; i++) { /* those of the test before may be seen for a moment, too */
		usleep(1000);
		if (threads() < before) {
			before = threads();
			i = 0;
		}
	}
	for (int starts = 0; starts < 2; starts++) {
		pump_of_two(&p);
		configure(&p, 0, 1);
		assert_int_equal(ipb_pump_prepare(&p, &err), 0);
		assert_int_equal(threads(), before + 2);
		usleep(20000);
		assert_int_equal(ipb_pump_bytes(&p, 1), 0);
		if (starts) {
			assert_int_equal(ipb_pump_start(&p, &err), 0);
			assert_int_equal(threads(), before + 2);
			for (int i = 0; i < 5000 && ipb_pump_bytes(&p, 0) == 0; i++)
				usleep(1000);
			assert_true(ipb_pump_bytes(&p, 0) > 0);
		}
		ipb_pump_free(&p);
		for (int i = 0; i < 1000 && threads() > before; i++) /* one that was joined may be seen for a moment */
			usleep(1000);
		assert_int_equal(threads(), before);
	}
}

/* A datagram from the description of its bytes (ipb_pump_udp.c). */
static void send_datagram(int fd, uint64_t number, uint64_t sent_ns, int measured, size_t size)
{
	uint8_t d[1500] = { 0 };

	ipb_put_be(d, 0x49504273, 4);
	d[4] = (uint8_t)measured;
	ipb_put_be(d + 8, SESSION, 8);
	ipb_put_be(d + 16, number, 8);
	ipb_put_be(d + 24, sent_ns, 8);
	assert_int_equal(send(fd, d, size, 0), size);
}

static void start_receiver(struct ipb_pump *p, int fd)
{
	assert_int_equal(ipb_pump_init(p, 1, &err), 0);
	p->streams[0].fd = fd;
	configure(p, 0, 10);
	p->config.udp = 1;
	p->config.size = 1000;
	p->config.session = SESSION;
	assert_int_equal(ipb_pump_start(p, &err), 0);
}

static void wait_for(const struct ipb_pump *p, uint64_t bytes)
{
	for (int i = 0; i < 5000 && ipb_pump_bytes(p, 0) < bytes; i++)
		usleep(1000);
	assert_int_equal(ipb_pump_bytes(p, 0), bytes);
}

/* Transit times that differ by a second, to and fro: J = 1 s × (1 - (15/16)^n) after n differences. */
static void jitter_is_rfc_3550s(void **state)
{
	const int n = 40;
	struct ipb_pump p;
	int ends[2];

	(void)state;
	connected(SOCK_DGRAM, ends);
	start_receiver(&p, ends[1]);
	for (int i = 0; i <= n; i++)
		send_datagram(ends[0], (uint64_t)i, 5000000000ull + (uint64_t)(i % 2) * 1000000000ull, 1, 1000);
	wait_for(&p, 1000ull * (n + 1));
	ipb_pump_stop(&p);
	const double expected = 1e9 * (1 - pow(15.0 / 16, n));
	if (fabs(p.streams[0].udp.jitter_ns / expected - 1) > 0.03)
		fail_msg("jitter %.0f ns, expected %.0f", p.streams[0].udp.jitter_ns, expected);
	ipb_pump_free(&p);
	close(ends[0]);
}

static void datagrams_are_told_apart(void **state)
{
	struct ipb_pump p;
	int ends[2];

	(void)state;
	connected(SOCK_DGRAM, ends);
	start_receiver(&p, ends[1]);
	for (uint64_t i = 0; i < PACKETS; i++) /* 50 and 150 change places, 60 is lost, 70 comes twice; the last ten are of no phase */
		if (i != 60)
			send_datagram(ends[0], i == 50 ? 150 : i == 150 ? 50 : i, 1, i < PACKETS - 10, 500);
	send_datagram(ends[0], 70, 1, 1, 500);
	send_datagram(ends[0], PACKETS - 1, 1, 0, 500); /* the cool-down's: counted by nobody */
	assert_int_equal(send(ends[0], "a stranger's datagram, which is longer than a header", 50, 0), 50);
	wait_for(&p, 500 * (PACKETS - 1));
	usleep(50000);
	ipb_pump_stop(&p);
	const struct ipb_pump_udp *u = &p.streams[0].udp;
	assert_int_equal(u->datagrams, PACKETS + 1);
	assert_int_equal(u->measured, PACKETS - 11);
	assert_int_equal(u->measured_bytes, 500 * (PACKETS - 11));
	assert_int_equal(u->foreign, 1);
	assert_int_equal(u->sequence.duplicate, 2);
	assert_int_equal(u->duplicate, 1);
	assert_int_equal(u->reordered, 99); /* after 150 come 51..149 without 60, and 50 */
	ipb_pump_free(&p);
	close(ends[0]);
}

/* A sender whose datagrams are rejected for a while, by the ICMP errors of a port that nobody has. */
static void a_rejected_datagram_ends_no_stream(void **state)
{
	struct ipb_sock_options o = { .rcvbuf = 1 << 20, .dscp = -1 };

	(void)state;
	for (int ends_it = 0; ends_it <= 1; ends_it++) {
		struct ipb_pump p;
		uint8_t got[1500];
		int ends[2], fd = -1;
		connected(SOCK_DGRAM, ends);
		const uint16_t port = (uint16_t)ipb_sock_port(ends[1]);
		close(ends[1]);
		assert_int_equal(ipb_pump_init(&p, 1, &err), 0);
		struct ipb_stream *s = &p.streams[0];
		*s = (struct ipb_stream){ .fd = ends[0], .sends = 1 };
		configure(&p, 0, 30);
		p.config.udp = 1;
		p.config.size = 1000;
		p.config.bps = 8e6;
		p.config.rejection_ends = ends_it;
		assert_int_equal(ipb_pump_start(&p, &err), 0);
		for (int i = 0; i < 5000 && ipb_pump_bytes(&p, 1) < 100000 && atomic_load(&s->over) == IPB_PUMP_RUNS; i++)
			usleep(1000);
		assert_int_equal(atomic_load(&s->over), ends_it ? IPB_PUMP_BROKEN : IPB_PUMP_RUNS);
		if (!ends_it) { /* somebody has the port now, and gets what is sent */
			assert_true((fd = ipb_sock_listen("127.0.0.1", port, SOCK_DGRAM, &o, &err)) >= 0);
			for (int i = 0; i < 5000 && recv(fd, got, sizeof got, MSG_DONTWAIT) != 1000; i++)
				usleep(1000);
			assert_int_equal(recv(fd, got, sizeof got, 0), 1000);
			close(fd);
		}
		ipb_pump_stop(&p);
		assert_int_equal(s->error, ends_it ? ECONNREFUSED : 0);
		assert_int_equal(s->udp.refused, 0);
		ipb_pump_free(&p);
	}
}

static uint32_t processors(void)
{
	cpu_set_t mine;

	assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
	return (uint32_t)CPU_COUNT(&mine);
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

static int socket_with(int udp, const char *cc)
{
	const int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);

	assert_true(fd >= 0);
	if (udp || setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, cc, (socklen_t)strlen(cc)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Threads of so many streams in each direction, of which every thread has the same number or one less. */
static void prepared(struct ipb_pump_config config, const char *cc, uint32_t streams, uint32_t senders, uint32_t receivers)
{
	uint32_t each[2 * IPB_PUMP_WORKERS_MAX] = { 0 };
	struct ipb_pump_use use;
	struct ipb_pump p;

	assert_int_equal(ipb_pump_init(&p, 2 * streams, &err), 0);
	config.size = 2000;
	p.config = config;
	for (uint32_t i = 0; i < 2 * streams; i++) {
		p.streams[i].fd = socket_with(config.udp, cc);
		p.streams[i].sends = i < streams;
	}
	assert_int_equal(ipb_pump_prepare(&p, &err), 0);
	ipb_pump_use(&p, &use);
	if (use.threads != senders + receivers)
		fail_msg("%u streams up and down by %s have %u threads, not %u and %u", streams, cc, use.threads, senders, receivers);
	for (uint32_t i = 0; i < 2 * streams; i++)
		each[p.streams[i].thread]++;
	for (uint32_t i = 0; i < use.threads; i++) {
		const uint32_t n = i < senders ? senders : receivers;
		assert_true(each[i] == streams / n || each[i] == (streams + n - 1) / n);
		assert_int_equal(use.thread[i].sends, i < senders);
	}
	ipb_pump_free(&p);
}

static void threads_are_as_many_as_pay(void **state)
{
	const uint32_t few = least(processors(), IPB_PUMP_WORKERS_MAX), many = few > IPB_PUMP_WORKERS_BBR ? few : IPB_PUMP_WORKERS_BBR;
	const struct ipb_pump_config fast = { .copy = 1 }, paced = { .copy = 1, .bps = 20e6 }, udp = { .udp = 1 };
	const int bbr = socket_with(0, "bbr");

	(void)state;
	for (uint32_t streams = 1; streams <= 40; streams += 3) {
		const uint32_t n = least(streams, few);
		prepared(fast, "reno", streams, n, n);
		prepared(udp, "", streams, n, n);
		prepared(paced, "reno", streams, n, n);
		if (bbr < 0) /* this kernel lacks it */
			continue;
		prepared(fast, "bbr", streams, least(streams, many), n);
		prepared(paced, "bbr", streams, n, n);
	}
	prepared((struct ipb_pump_config){ .copy = 1, .threads = 3 }, "reno", 8, 3, 3);
	prepared((struct ipb_pump_config){ .copy = 1, .threads = IPB_PUMP_WORKERS_MAX }, "reno", 8, 8, 8);
	if (bbr >= 0) {
		prepared((struct ipb_pump_config){ .copy = 1, .threads = 2 }, "bbr", 8, 2, 2);
		close(bbr);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_busy_thread_is_seen), cmocka_unit_test(a_thread_that_waits_is_seen),
		                            cmocka_unit_test(threads_wait_for_the_start),
		                            cmocka_unit_test(threads_are_as_many_as_pay),
		                            cmocka_unit_test(jitter_is_rfc_3550s),
		                            cmocka_unit_test(datagrams_are_told_apart),
		                            cmocka_unit_test(a_rejected_datagram_ends_no_stream) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
