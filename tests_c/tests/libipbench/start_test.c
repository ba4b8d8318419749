/* link: libipbench/process.o */
/* How a plugin's start and stop are called: at an instant, or as the parent's message has it.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "../../libipbench/libipbench.h"

static int instant_start(struct timeval *stamp)
{
	stamp->tv_sec = 5;
	stamp->tv_usec = 6;
	return 7;
}

static void starts_at_the_instant(void **state)
{
	struct ipbench_host_start s = { .at_ns = (int64_t)ipbench_host_now_ns(1) + 20000000 };
	struct ipbench_host_start now = { .at_ns = 0 };

	(void)state;
	assert_int_equal(ipbench_host_start((void *)instant_start, &s), 0);
	assert_true(s.actual_ns >= s.at_ns);
	assert_true(s.ended_ns >= s.actual_ns);
	assert_int_equal(s.status, 7);
	assert_int_equal(s.start_sec, 5);
	assert_int_equal(s.start_usec, 6);
	assert_int_equal(ipbench_host_start((void *)instant_start, &now), 0);
	assert_true(now.actual_ns > s.ended_ns);
	assert_int_equal(ipbench_host_start(NULL, &s), -EINVAL);
}

static int64_t stopped_ns;

static int instant_stop(struct timeval *stamp)
{
	stopped_ns = (int64_t)ipbench_host_now_ns(1);
	stamp->tv_sec = 8;
	return 9;
}

static void stops_at_the_instant(void **state)
{
	int64_t at_ns = (int64_t)ipbench_host_now_ns(1) + 20000000;
	struct timeval stamp = { 0 };
	int32_t status = 0;

	(void)state;
	assert_int_equal(ipbench_host_stop((void *)instant_stop, at_ns, &stamp, &status), 0);
	assert_true(stopped_ns >= at_ns);
	assert_int_equal(status, 9);
	assert_int_equal(stamp.tv_sec, 8);
	stopped_ns = 0;
	assert_int_equal(ipbench_host_stop((void *)instant_stop, 0, &stamp, &status), 0);
	assert_true(stopped_ns > at_ns);
	stopped_ns = 0;
	at_ns = (int64_t)ipbench_host_now_ns(1) + 2 * IPBENCH_HOST_STOP_WAIT_NS;
	assert_int_equal(ipbench_host_stop((void *)instant_stop, at_ns, &stamp, &status), -ERANGE);
	assert_int_equal(ipbench_host_stop((void *)instant_stop, INT64_MAX, &stamp, &status), -ERANGE);
	assert_int_equal(ipbench_host_stop(NULL, 0, &stamp, &status), -EINVAL);
	assert_int_equal(stopped_ns, 0);
}

static int starts;

static int counted_start(struct timeval *stamp)
{
	stamp->tv_sec = 1;
	return __atomic_add_fetch(&starts, 1, __ATOMIC_RELAXED);
}

static void *armed_thread(void *s)
{
	return ipbench_host_start((void *)counted_start, s) == 0 ? s : NULL;
}

/* Another thread that has gone as far as it can go without being told. */
static pthread_t arm(struct ipbench_host_start *s)
{
	pthread_t thread;

	*s = (struct ipbench_host_start){ .armed = IPBENCH_HOST_ARMED };
	assert_int_equal(pthread_create(&thread, NULL, armed_thread, s), 0);
	usleep(20000);
	assert_int_equal(__atomic_load_n(&s->actual_ns, __ATOMIC_ACQUIRE), 0);
	return thread;
}

static void ended(pthread_t thread, const struct ipbench_host_start *s)
{
	void *result = NULL;

	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, s);
	assert_int_equal(s->status, starts);
	assert_int_equal(s->armed, 0);
}

static void an_armed_start_waits_for_its_word(void **state)
{
	struct ipbench_host_start s;
	pthread_t thread = arm(&s);
	const int64_t at_ns = (int64_t)ipbench_host_now_ns(1) + 20000000;
	const int before = starts;

	(void)state;
	ipbench_host_go(NULL, 0);
	ipbench_host_go(&s, at_ns);
	ipbench_host_go(&s, 1); /* too late: it is not armed any more */
	ended(thread, &s);
	assert_int_equal(starts, before + 1);
	assert_int_equal(s.at_ns, at_ns);
	assert_true(s.actual_ns >= at_ns);
	/* The word may come before the thread. */
	s = (struct ipbench_host_start){ .armed = IPBENCH_HOST_ARMED };
	ipbench_host_go(&s, 0);
	assert_ptr_equal(armed_thread(&s), &s);
	assert_int_equal(starts, before + 2);
}

/* A message as ffi/frame.ts has it: magic, two lengths, header, body. Its length. */
static size_t message(uint8_t *to, const char *magic, const char *header, int64_t at_ns, uint8_t body_bytes)
{
	const uint8_t header_bytes = (uint8_t)strlen(header);
	size_t size = IPBENCH_HOST_PREFIX_BYTES;

	memset(to, 0, size);
	memcpy(to, magic, 4);
	to[7] = header_bytes;
	to[11] = body_bytes;
	memcpy(to + size, header, header_bytes);
	size += header_bytes;
	for (int i = 0; i < body_bytes; i++)
		to[size++] = (uint8_t)((uint64_t)at_ns >> (8 * (7 - i) & 63));
	return size;
}

/* Has `size` bytes read from a pipe, all at once. */
static void reads(const uint8_t *bytes, size_t size, struct ipbench_host_start *armed)
{
	uint8_t back[256];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], bytes, size), (ssize_t)size);
	assert_int_equal(ipbench_host_read(ends[0], back, sizeof back, armed), (int64_t)size);
	assert_memory_equal(back, bytes, size);
	close(ends[1]);
	assert_int_equal(ipbench_host_read(ends[0], back, sizeof back, armed), 0);
	close(ends[0]);
	assert_int_equal(ipbench_host_read(ends[0], back, sizeof back, armed), -EBADF);
}

static void a_message_starts_the_test_as_it_is_read(void **state)
{
	struct ipbench_host_start s;
	pthread_t thread = arm(&s);
	const int before = starts;
	const int64_t at_ns = (int64_t)ipbench_host_now_ns(1) + 20000000;
	uint8_t bytes[256], wrong[256];
	const size_t size = message(bytes, "IPBS", "{\"call\":\"start\",\"id\":7}", at_ns, 8);

	(void)state;
	/* What is not all there, or something else, starts nothing. */
	for (size_t part = 1; part < size; part++)
		reads(bytes, part, &s);
	reads(wrong, message(wrong, "IPB1", "{\"call\":\"stop\"}", 1, 8), &s);
	reads(wrong, message(wrong, "IPBS", "{}", 1, 7), &s);
	reads(wrong, message(wrong, "IPBS", "{}", 1, 9), &s);
	for (int at = 4; at < IPBENCH_HOST_PREFIX_BYTES; at++) { /* lengths far beyond what came */
		memcpy(wrong, bytes, size);
		wrong[at] = 0xff;
		reads(wrong, size, &s);
	}
	assert_int_equal(__atomic_load_n(&s.armed, __ATOMIC_RELAXED), IPBENCH_HOST_ARMED);
	reads(bytes, size, NULL);
	assert_int_equal(s.armed, IPBENCH_HOST_ARMED);
	/* More may follow it in the same read. */
	memcpy(bytes + size, wrong, 20);
	reads(bytes, size + 20, &s);
	assert_int_equal(s.armed, 0);
	reads(bytes, size, &s); /* it is not armed any more */
	ended(thread, &s);
	assert_int_equal(starts, before + 1);
	assert_int_equal(s.at_ns, at_ns);
	assert_true(s.actual_ns >= at_ns);
}

static void *late_word(void *fd)
{
	usleep(20000);
	return write(*(const int *)fd, "x", 1) == 1 ? fd : NULL;
}

/* Whoever has the other end of the pipe may have made it one that does not block. */
static void reading_waits(void **state)
{
	char back[8];
	int ends[2];
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pthread_create(&thread, NULL, late_word, &ends[1]), 0);
	assert_int_equal(ipbench_host_read(ends[0], back, sizeof back, NULL), 1);
	pthread_join(thread, NULL);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_at_the_instant), cmocka_unit_test(stops_at_the_instant),
		cmocka_unit_test(an_armed_start_waits_for_its_word), cmocka_unit_test(a_message_starts_the_test_as_it_is_read),
		cmocka_unit_test(reading_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
