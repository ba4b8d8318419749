/* The echo in the driver, frame by frame: what it answers, and what it leaves to the kernel. Needs root.  SPDX-License-Identifier: MIT */
/* link: echo/echo_xdp_program.o echo/echo_xdp_headers.o echo/echo_xdp_tag.o echo/echo_xdp_sums.o echo/echo_xdp_guard.o echo/echo_xdp.o echo/echo_guard.o */
#include "echo_xdp_frames.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_checksums_left_to_the_card),
		cmocka_unit_test(test_the_word),
		cmocka_unit_test(test_raw_frames),
		cmocka_unit_test(test_what_is_not_answered),
		cmocka_unit_test(test_hops),
	};

	return can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
