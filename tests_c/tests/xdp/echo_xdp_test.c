/* The echo in the driver, frame by frame: the kernel runs the program on each (BPF_PROG_TEST_RUN) and gives back what it made of
 * it. Checksums are computed anew here, in the plain way of RFC 1071. Needs root.  SPDX-License-Identifier: MIT */
/* link: echo/echo_xdp_program.o echo/echo_xdp_headers.o echo/echo_xdp_tag.o echo/echo_xdp_sums.o echo/echo_xdp_guard.o echo/echo_xdp.o echo/echo_guard.o */
#include "quiet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../echo/echo_guard.h"
#include "../../echo/echo_xdp.h"
#include "checksum.h"
#include "ipb_bpf.h"

#define PORT 7007
#define ROOM 2048

static const uint8_t OWN[6] = { 2, 0, 0, 0, 0, 1 }, THEIRS[6] = { 2, 0, 0, 0, 0, 2 };

struct echo {
	struct echo_xdp_plan plan;
	int program;
};

struct frame {
	uint8_t bytes[ROOM];
	uint32_t size;
	int six;
};

static uint16_t be16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint8_t *ip_of(struct frame *f) { return f->bytes + 14; }
static uint8_t *udp_of(struct frame *f) { return f->bytes + (f->six ? 54 : 34); }
static uint8_t *payload_of(struct frame *f) { return udp_of(f) + 8; }

/* The sum of what a UDP checksum covers beside the packet. */
static uint32_t pseudo(struct frame *f)
{
	const uint8_t *addresses = ip_of(f) + (f->six ? 8 : 12);

	return sum(addresses, f->six ? 32 : 8, (uint32_t)IPPROTO_UDP + be16(udp_of(f) + 4));
}

static void assert_sums(struct frame *f)
{
	if (!f->six)
		assert_int_equal(sum(ip_of(f), 20, 0), 0xffff);
	assert_int_not_equal(be16(udp_of(f) + 6), 0);
	assert_int_equal(sum(udp_of(f), be16(udp_of(f) + 4), pseudo(f)), 0xffff);
}

enum { WHOLE, PARTIAL, NONE };

static struct frame make(int six, uint16_t size, int checksum)
{
	struct frame f = { .six = six, .size = (uint32_t)((six ? 62 : 42) + size) };
	uint8_t *ip = ip_of(&f), *udp = udp_of(&f);

	memcpy(f.bytes, OWN, 6);
	memcpy(f.bytes + 6, THEIRS, 6);
	put16(f.bytes + 12, six ? 0x86dd : 0x0800);
	if (six) {
		memcpy(ip, "\x6b\x81\x23\x45", 4); /* class 0xb8, a flow label */
		put16(ip + 4, (uint16_t)(size + 8));
		ip[6] = IPPROTO_UDP;
		ip[7] = 64;
		inet_pton(AF_INET6, "2001:db8::2", ip + 8);
		inet_pton(AF_INET6, "2001:db8::1", ip + 24);
	} else {
		ip[0] = 0x45;
		ip[1] = 0xb9; /* expedited forwarding, ECT(1) */
		put16(ip + 2, (uint16_t)(size + 28));
		put16(ip + 4, 0x1234);
		put16(ip + 6, 0x4000);
		ip[8] = 64;
		ip[9] = IPPROTO_UDP;
		inet_pton(AF_INET, "192.0.2.2", ip + 12);
		inet_pton(AF_INET, "192.0.2.1", ip + 16);
		put16(ip + 10, (uint16_t)~sum(ip, 20, 0));
	}
	put16(udp, 40000);
	put16(udp + 2, PORT);
	put16(udp + 4, (uint16_t)(size + 8));
	for (uint16_t i = 0; i < size; i++)
		udp[8 + i] = (uint8_t)(rand() >> 4);
	uint16_t value = checksum == PARTIAL ? (uint16_t)pseudo(&f) : (uint16_t)~sum(udp, size + 8u, pseudo(&f));
	put16(udp + 6, checksum == NONE ? 0 : value != 0 ? value : 0xffff);
	return f;
}

static void begin(struct echo *e, enum ipb_xdp_mode mode)
{
	struct echo_xdp_address four = { .family = AF_INET }, six = { .family = AF_INET6 };
	struct ipb_error err = { 0 };
	struct ipb_asm *a = malloc(sizeof *a);

	inet_pton(AF_INET, "192.0.2.1", four.bytes);
	inet_pton(AF_INET6, "2001:db8::1", six.bytes);
	e->plan.device.mtu = 1500;
	memcpy(e->plan.device.mac, OWN, 6);
	e->plan.addresses[0] = (struct echo_xdp_address){ .family = AF_INET, .bytes = { 198, 51, 100, 1 } };
	e->plan.addresses[1] = four;
	e->plan.addresses[2] = (struct echo_xdp_address){ .family = AF_INET6, .bytes = { 0xfe, 0x80 } };
	e->plan.addresses[3] = six;
	e->plan.address_count = 4;
	e->plan.udp = 1;
	e->plan.port = PORT;
	e->plan.seed = 0x1234567890abcdefull;
	if (echo_xdp_maps(&e->plan, &err) < 0)
		fail_msg("%s", ipb_error_text(&err));
	assert_non_null(a);
	echo_xdp_program(a, &e->plan, mode);
	e->program = ipb_bpf_load(a, "test", 0, &err);
	if (e->program < 0)
		fail_msg("%s", ipb_error_text(&err));
	free(a);
}

static void end(struct echo *e)
{
	close(e->program);
	close(e->plan.counts);
	close(e->plan.tags);
	close(e->plan.slots);
}

static int run(struct echo *e, struct frame *f) { return ipb_bpf_try(e->program, f->bytes, &f->size, ROOM); }

static struct echo_xdp_counts counts(struct echo *e)
{
	struct echo_xdp_counts c;

	assert_int_equal(echo_xdp_read(&e->plan, &c), 0);
	return c;
}

/* Whether the answer is the packet turned round: as RFC 768, 791 and 8200 have it, built anew byte by byte. */
static void assert_turned(struct frame *answer, struct frame *asked, uint8_t hops, int class_of)
{
	struct frame want = *asked;
	const int size = asked->six ? 16 : 4, source = asked->six ? 8 : 12;

	memcpy(want.bytes, THEIRS, 6);
	memcpy(want.bytes + 6, OWN, 6);
	memcpy(ip_of(&want) + source, ip_of(asked) + source + size, (size_t)size);
	memcpy(ip_of(&want) + source + size, ip_of(asked) + source, (size_t)size);
	memcpy(udp_of(&want), udp_of(asked) + 2, 2);
	memcpy(udp_of(&want) + 2, udp_of(asked), 2);
	ip_of(&want)[asked->six ? 7 : 8] = hops;
	if (asked->six) {
		ip_of(&want)[0] = (uint8_t)(0x60 | class_of >> 4);
		ip_of(&want)[1] = (uint8_t)((class_of & 15) << 4 | (ip_of(asked)[1] & 15));
	} else {
		ip_of(&want)[1] = (uint8_t)class_of;
		memcpy(ip_of(&want) + 10, ip_of(answer) + 10, 2);
	}
	memcpy(udp_of(&want) + 6, udp_of(answer) + 6, 2);
	assert_int_equal(answer->size, want.size);
	assert_memory_equal(answer->bytes, want.bytes, want.size);
}

static void test_answers(void **state)
{
	static const uint16_t sizes[] = { 0, 1, 2, 3, 4, 7, 8, 15, 16, 18, 46, 63, 64, 65, 71, 72, 73, 100, 511, 512, 513, 1000, 1452, 1472 };
	uint64_t packets = 0, bytes = 0;

	(void)state;
	for (int mode = IPB_XDP_NATIVE; mode <= IPB_XDP_GENERIC; mode++) {
		for (int reflect = 0; reflect < 2; reflect++) {
			struct echo e = { .plan = { .reflect_dscp = reflect } };
			begin(&e, (enum ipb_xdp_mode)mode);
			packets = bytes = 0;
			for (int six = 0; six < 2; six++)
				for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
					struct frame asked = make(six, six && sizes[i] > 1452 ? 1452 : sizes[i], WHOLE), f = asked;
					assert_int_equal(run(&e, &f), XDP_TX);
					assert_turned(&f, &asked, 63, reflect ? 0xb8 : 0);
					assert_sums(&f);
					packets++;
					bytes += be16(udp_of(&asked) + 4) - 8u;
				}
			struct echo_xdp_counts c = counts(&e);
			assert_int_equal(c.udp_packets, packets);
			assert_int_equal(c.udp_bytes, bytes);
			assert_int_equal(c.ignored + c.rounds + c.raw_packets, 0);
			end(&e);
		}
	}
}

/* What the sender's kernel left to a network card that was never there. */
static void test_checksums_left_to_the_card(void **state)
{
	struct echo native = { .plan = { .check = 1 } }, generic = { .plan = { .check = 1 } };

	(void)state;
	begin(&native, IPB_XDP_NATIVE);
	begin(&generic, IPB_XDP_GENERIC);
	for (int six = 0; six < 2; six++)
		for (uint16_t size = 0; size <= (six ? 1452 : 1472); size = (uint16_t)(size < 140 ? size + 1 : size + 97)) {
			struct frame asked = make(six, size, PARTIAL), f = asked;
			uint64_t first;
			if (run(&native, &f) != XDP_TX)
				fail_msg("%u bytes", size);
			assert_sums(&f);
			f = asked;
			assert_int_equal(run(&generic, &f), XDP_TX);
			assert_int_equal(be16(udp_of(&f) + 6), pseudo(&f)); /* still left to it: the kernel completes it */
			if (size >= 16) {
				memcpy(&first, payload_of(&f), 8);
				first++;
				assert_memory_equal(payload_of(&f) + 8, &first, 8);
			}
		}
	end(&native);
	end(&generic);
}

static void test_the_word(void **state)
{
	struct echo e = { .plan = { .check = 1, .raw = 1 } }, spoiled = { .plan = { .check = 1, .spoil = 3 } };
	uint64_t first, second;
	int right = 0;

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	for (int six = 0; six < 2; six++)
		for (int sum_is = WHOLE; sum_is <= (six ? WHOLE : NONE); sum_is += NONE)
			for (int i = 0; i < 300; i++) {
				struct frame asked = make(six, (uint16_t)(8 + i), sum_is), f = asked;
				assert_int_equal(run(&e, &f), XDP_TX);
				memcpy(&first, payload_of(&asked), 8);
				memcpy(&second, payload_of(&f) + 8, 8);
				if (i >= 8) {
					assert_int_equal(second, first + 1);
					assert_memory_equal(payload_of(&f) + 16, payload_of(&asked) + 16, (size_t)i - 8);
				} else {
					assert_memory_equal(payload_of(&f), payload_of(&asked), 8 + (size_t)i);
				}
				if (sum_is == NONE)
					assert_int_equal(be16(udp_of(&f) + 6), 0);
				else
					assert_sums(&f);
			}
	end(&e);
	begin(&spoiled, IPB_XDP_GENERIC);
	for (int i = 0; i < 300; i++) {
		struct frame asked = make(0, 64, WHOLE), f = asked;
		assert_int_equal(run(&spoiled, &f), XDP_TX);
		memcpy(&first, payload_of(&asked), 8);
		memcpy(&second, payload_of(&f) + 8, 8);
		right += second == first + 1;
		assert_sums(&f);
	}
	assert_int_equal(right, 200);
	assert_int_equal(counts(&spoiled).checked, 300);
	end(&spoiled);
}

static struct frame make_raw(uint16_t size)
{
	struct frame f = { .size = size };

	memcpy(f.bytes, OWN, 6);
	memcpy(f.bytes + 6, THEIRS, 6);
	put16(f.bytes + 12, 0x6008);
	for (uint16_t i = 14; i < size; i++)
		f.bytes[i] = (uint8_t)(rand() >> 4);
	return f;
}

static void test_raw_frames(void **state)
{
	struct echo e = { .plan = { .raw = 1 } }, many = { .plan = { .raw = 1, .broadcast = 1 } }, none = { .plan = { .raw = 0 } };
	uint64_t bytes = 0;
	int n = 0;

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	begin(&many, IPB_XDP_NATIVE);
	begin(&none, IPB_XDP_NATIVE);
	for (uint16_t size = 60; size <= 1514; size = (uint16_t)(size + 13), n++) {
		struct frame asked = make_raw(size), f = asked;
		assert_int_equal(run(&e, &f), XDP_TX);
		assert_int_equal(f.size, size);
		assert_memory_equal(f.bytes, THEIRS, 6);
		assert_memory_equal(f.bytes + 6, OWN, 6);
		assert_memory_equal(f.bytes + 12, asked.bytes + 12, size - 12u);
		bytes += size;
		f = asked;
		assert_int_equal(run(&none, &f), XDP_PASS);
		memset(f.bytes, 0xff, 6);
		asked = f;
		assert_int_equal(run(&e, &f), XDP_PASS);
		assert_memory_equal(f.bytes, asked.bytes, size);
		assert_int_equal(run(&many, &f), XDP_TX);
		assert_memory_equal(f.bytes, THEIRS, 6);
		assert_memory_equal(f.bytes + 6, OWN, 6);
	}
	assert_int_equal(counts(&e).raw_packets, n);
	assert_int_equal(counts(&e).raw_bytes, bytes);
	end(&e);
	end(&many);
	end(&none);
}

/* Changes a frame, and what becomes of it: the verdict, and whether it is counted as ignored. */
struct change {
	const char *name;
	int six, at, verdict; /* at: of the byte from the frame's start */
	uint8_t bytes[16];
	int size;
};

static void test_what_is_not_answered(void **state)
{
	static const struct change changes[] = {
		{ "another port", 0, 36, XDP_PASS, { 0x1b, 0x60 }, 2 },
		{ "another host's Ethernet address", 0, 5, XDP_PASS, { 9 }, 1 },
		{ "everybody's Ethernet address", 0, 0, XDP_PASS, { 255, 255, 255, 255, 255, 255 }, 6 },
		{ "another address", 0, 30, XDP_PASS, { 192, 0, 2, 7 }, 4 },
		{ "a group", 0, 30, XDP_PASS, { 224, 0, 0, 1 }, 4 },
		{ "TCP", 0, 23, XDP_PASS, { 6 }, 1 },
		{ "a first fragment", 0, 20, XDP_PASS, { 0x20, 0 }, 2 },
		{ "a later fragment", 0, 20, XDP_PASS, { 0, 10 }, 2 },
		{ "options", 0, 14, XDP_PASS, { 0x46 }, 1 },
		{ "a length that is none", 0, 38, XDP_PASS, { 0, 7 }, 2 },
		{ "lengths that do not agree", 0, 38, XDP_PASS, { 0, 80 }, 2 },
		{ "a VLAN", 0, 12, XDP_PASS, { 0x81, 0 }, 2 },
		{ "another address of IPv6", 1, 53, XDP_PASS, { 9 }, 1 },
		{ "an extension header", 1, 20, XDP_PASS, { 0 }, 1 },
		{ "no version 6", 1, 14, XDP_PASS, { 0x50 }, 1 },
		{ "a service's port", 0, 34, XDP_DROP, { 0, 53 }, 2 },
		{ "another echo's port", 0, 34, XDP_DROP, { 0, 7 }, 2 },
		{ "port 0", 0, 34, XDP_DROP, { 0, 0 }, 2 },
		{ "a service's port over IPv6", 1, 54, XDP_DROP, { 2, 0x6f }, 2 },
		{ "our own address and port", 0, 26, XDP_DROP, { 192, 0, 2, 1, 192, 0, 2, 1, 0x1b, 0x5f }, 10 },
		{ "a sender's group address", 0, 6, XDP_DROP, { 3 }, 1 },
		{ "our own Ethernet address", 0, 6, XDP_DROP, { 2, 0, 0, 0, 0, 1 }, 6 },
		{ "from a group", 0, 26, XDP_DROP, { 239, 1, 1, 1 }, 4 },
		{ "from the loopback", 0, 26, XDP_DROP, { 127, 0, 0, 1 }, 4 },
		{ "from nobody", 0, 26, XDP_DROP, { 0, 0, 0, 0 }, 4 },
		{ "from a group of IPv6", 1, 22, XDP_DROP, { 0xff, 2 }, 2 },
	};
	struct echo e = { 0 };
	uint64_t ignored = 0;

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		const struct change *c = &changes[i];
		struct frame asked = make(c->six, 64, WHOLE);
		memcpy(asked.bytes + c->at, c->bytes, (size_t)c->size);
		struct frame f = asked;
		if (run(&e, &f) != c->verdict)
			fail_msg("%s", c->name);
		assert_memory_equal(f.bytes, asked.bytes, asked.size);
		ignored += c->verdict == XDP_DROP;
		if (counts(&e).ignored != ignored)
			fail_msg("%s was not counted", c->name);
	}
	struct frame cut = make(0, 64, WHOLE);
	cut.size -= 1;
	assert_int_equal(run(&e, &cut), XDP_PASS);
	struct frame tiny = make(0, 0, WHOLE);
	tiny.size = 41;
	assert_int_equal(run(&e, &tiny), XDP_PASS);
	assert_int_equal(counts(&e).udp_packets, 0);
	end(&e);
}

static void test_hops(void **state)
{
	struct echo e = { 0 };

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	for (int six = 0; six < 2; six++)
		for (int hops = 0; hops < 256; hops++) {
			struct frame asked = make(six, 32, WHOLE);
			ip_of(&asked)[six ? 7 : 8] = (uint8_t)hops;
			put16(ip_of(&asked) + 10, six ? be16(ip_of(&asked) + 10) : 0);
			if (!six)
				put16(ip_of(&asked) + 10, (uint16_t)~sum(ip_of(&asked), 20, 0));
			struct frame f = asked;
			assert_int_equal(run(&e, &f), XDP_TX);
			assert_turned(&f, &asked, (uint8_t)(hops > 1 ? hops - 1 : hops), 0);
			assert_sums(&f);
		}
	end(&e);
}

/* How often a packet is answered before the echo keeps silent on it; others, all different, between. */
static int until_silence(struct echo *e, const struct frame *same, int others, int most)
{
	for (int i = 0; i < most; i++) {
		struct frame f = *same;
		if (run(e, &f) == XDP_DROP)
			return i;
		for (int j = 0; j < others; j++) {
			struct frame other = make(0, 64, WHOLE);
			assert_int_equal(run(e, &other), XDP_TX);
		}
		usleep(5);
	}
	return most;
}

/* The echo forgets a packet that comes seldom: a crowded machine sends too slowly. */
static void silent_after(int answered, int least, int most)
{
	char text[100];

	snprintf(text, sizeof text, "%d answers, %d to %d expected", answered, least, most);
	if (answered < least || answered > most)
		quiet_fail(text, __FILE__, __LINE__);
}

static void test_what_goes_round(void **state)
{
	struct echo e = { .plan = { .raw = 1 } };
	struct timespec until_over = { .tv_nsec = 120000000 };

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	quiet_note();
	struct frame raw = make_raw(100), raw_long = make_raw(1000), udp = make(0, 64, WHOLE), last = make(1, 64, WHOLE);
	ip_of(&last)[7] = 1;
	silent_after(until_silence(&e, &raw, 0, 1000), GUARD_SAME_ENDLESS, GUARD_SAME_ENDLESS + 8);
	silent_after(until_silence(&e, &raw_long, 20, 1000), GUARD_SAME_ENDLESS, GUARD_SAME_ENDLESS + 8);
	silent_after(until_silence(&e, &last, 1, 1000), GUARD_SAME_ENDLESS, GUARD_SAME_ENDLESS + 8);
	silent_after(until_silence(&e, &udp, 0, 2000), GUARD_SAME_HOPS, GUARD_SAME_HOPS + 50);
	struct frame f = udp;
	assert_int_equal(run(&e, &f), XDP_DROP);
	assert_int_equal(counts(&e).rounds, 5);
	/* It did not come during the silence: it is answered again, twice as often. */
	nanosleep(&until_over, NULL);
	silent_after(until_silence(&e, &raw, 0, 1000), 2 * GUARD_SAME_ENDLESS - 1, 2 * GUARD_SAME_ENDLESS + 8);
	/* One that differs in its last byte alone is another one, and so is one that differs early. */
	struct frame other = raw_long;
	other.bytes[999] ^= 1;
	assert_int_equal(run(&e, &other), XDP_TX);
	other = raw_long;
	other.bytes[60] ^= 1;
	assert_int_equal(run(&e, &other), XDP_TX);
	end(&e);
}

/* A generator sends the same bytes each time, and goes on while it gets no answer. */
static void test_generators_are_trusted(void **state)
{
	struct echo e = { .plan = { .raw = 1 } };
	struct timespec from, now;
	int answered = 0;

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	quiet_note();
	struct frame same = make_raw(60);
	silent_after(until_silence(&e, &same, 0, 1000), GUARD_SAME_ENDLESS, GUARD_SAME_ENDLESS + 8);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		struct frame f = same;
		answered = run(&e, &f) == XDP_TX;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!answered && now.tv_sec - from.tv_sec < 5);
	assert_true(answered);
	silent_after(until_silence(&e, &same, 0, 3000), 3000, 3000);
	end(&e);
}

/* Same packets that the tail of a short payload tells apart. */
static void test_short_packets_differ(void **state)
{
	struct echo e = { 0 };

	(void)state;
	begin(&e, IPB_XDP_NATIVE);
	for (uint16_t size = 1; size < 80; size++) {
		struct frame first = make(0, size, WHOLE);
		for (int i = 0; i < 700; i++) {
			struct frame f = first;
			payload_of(&f)[size - 1] = (uint8_t)i;
			if (run(&e, &f) != XDP_TX)
				fail_msg("%u bytes, the last of which differs, were taken for the same", size);
		}
	}
	end(&e);
}

int main(void)
{
	cpu_set_t one;
	struct ipb_error err = { 0 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_checksums_left_to_the_card),
		cmocka_unit_test(test_the_word),
		cmocka_unit_test(test_raw_frames),
		cmocka_unit_test(test_what_is_not_answered),
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_what_goes_round),
		cmocka_unit_test(test_generators_are_trusted),
		cmocka_unit_test(test_short_packets_differ),
	};

	/* A processor remembers for itself. */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	int probe = ipb_bpf_map(BPF_MAP_TYPE_ARRAY, 4, 4, 1, "a trial", &err);
	if (probe < 0) {
		print_message("skipped: %s\n", ipb_error_text(&err));
		return 0;
	}
	close(probe);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
