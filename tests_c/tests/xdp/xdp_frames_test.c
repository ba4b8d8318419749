/* Frames of a tester over AF_XDP, against ones that are put together here byte by byte (RFC 768, 791, 8200, 1071), and the program
 * that picks replies out, which the kernel runs on frames (needs root).  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_bpf.h"
#include "ipb_header.h"
#include "ipb_redirect.h"
#include "ipb_xdp_frames.h"

#define MOST 1500u
#define ROOM 2048u

static uint8_t pattern[MOST];

static uint16_t naive_sum(const uint8_t *data, size_t size, uint32_t total)
{
	for (size_t i = 0; i < size; i++)
		total += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (total > 0xffff)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static struct ipb_xdp_path path_of(int six)
{
	struct ipb_xdp_path p = { .own_mac = { 2, 1, 1, 1, 1, 1 }, .next_mac = { 2, 2, 2, 2, 2, 2 }, .hops = 37, .tos = 0xb8 };
	struct sockaddr_in *own = (struct sockaddr_in *)&p.own, *target = (struct sockaddr_in *)&p.target;
	struct sockaddr_in6 *own_six = (struct sockaddr_in6 *)&p.own, *target_six = (struct sockaddr_in6 *)&p.target;

	if (six) {
		own_six->sin6_family = target_six->sin6_family = AF_INET6;
		inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", &own_six->sin6_addr);
		inet_pton(AF_INET6, "2001:db8:ffff::9", &target_six->sin6_addr);
		own_six->sin6_port = htons(40001);
		target_six->sin6_port = htons(7);
	} else {
		own->sin_family = target->sin_family = AF_INET;
		inet_pton(AF_INET, "192.0.2.77", &own->sin_addr);
		inet_pton(AF_INET, "198.51.100.9", &target->sin_addr);
		own->sin_port = htons(40001);
		target->sin_port = htons(7);
	}
	return p;
}

/* The same frame, the long way. */
static uint32_t naive(const struct ipb_xdp_path *p, int six, uint8_t *f, const uint8_t *payload, uint32_t size, uint16_t port)
{
	uint8_t *ip = f + 14, *udp = ip + (six ? 40 : 20);
	uint8_t pseudo[40] = { 0 };

	memset(f, 0, 62);
	memcpy(f, p->next_mac, 6);
	memcpy(f + 6, p->own_mac, 6);
	put16(f + 12, six ? 0x86dd : 0x0800);
	if (six) {
		put16(ip, 0x6000u | (uint32_t)p->tos << 4);
		put16(ip + 4, size + 8);
		ip[6] = 17;
		ip[7] = p->hops;
		memcpy(ip + 8, &((const struct sockaddr_in6 *)&p->own)->sin6_addr, 16);
		memcpy(ip + 24, &((const struct sockaddr_in6 *)&p->target)->sin6_addr, 16);
		memcpy(pseudo, ip + 8, 32);
	} else {
		ip[0] = 0x45;
		ip[1] = p->tos;
		put16(ip + 2, size + 28);
		ip[6] = 0x40;
		ip[8] = p->hops;
		ip[9] = 17;
		memcpy(ip + 12, &((const struct sockaddr_in *)&p->own)->sin_addr, 4);
		memcpy(ip + 16, &((const struct sockaddr_in *)&p->target)->sin_addr, 4);
		put16(ip + 10, (uint16_t)~naive_sum(ip, 20, 0));
		memcpy(pseudo, ip + 12, 8);
	}
	put16(udp, port);
	put16(udp + 2, 7);
	put16(udp + 4, size + 8);
	memcpy(udp + 8, payload, size);
	uint32_t sum = naive_sum(pseudo, six ? 32 : 8, 17 + size + 8);
	uint16_t value = (uint16_t)~naive_sum(udp, size + 8, sum);
	put16(udp + 6, value != 0 ? value : 0xffff);
	return (uint32_t)(udp + 8 + size - f);
}

static void test_udp_frames(void **state)
{
	uint8_t frame[ROOM], want[ROOM], payload[MOST];

	(void)state;
	for (int six = 0; six < 2; six++) {
		const struct ipb_xdp_path p = path_of(six);
		for (uint32_t size = 8; size <= 1452; size = size < 120 ? size + 1 : size + 37) {
			struct ipb_sizes sizes = { .count = 3, .size = { 9, size, 1452 }, .weight = { 1, 1, 1 }, .total = 3 };
			struct ipb_xdp_frames f;
			ipb_xdp_frames_init(&f, &p, &sizes, 0, 0, 0, IPB_HEADER_SIZE, pattern);
			memset(frame, 0xee, sizeof frame);
			ipb_xdp_frames_prepare(&f, frame, 1514);
			for (int i = 0; i < 40; i++) {
				const uint16_t port = (uint16_t)(1024 + rand() % 60000);
				memcpy(payload, pattern, size);
				for (uint32_t at = 0; at < size && at < IPB_HEADER_SIZE; at++)
					payload[at] = (uint8_t)(rand() >> 3);
				const uint32_t length = naive(&p, six, want, payload, size, port);
				assert_int_equal(ipb_xdp_frames_write(&f, frame, payload, size, htons(port), i % 2), length);
				assert_memory_equal(frame, want, length);
			}
		}
	}
}

/* Sums that come out as 0 are sent as 0xffff: without a checksum a packet would look. */
static void test_a_sum_of_zero(void **state)
{
	struct ipb_sizes sizes = { .count = 1, .size = { 16 }, .weight = { 1 }, .total = 1 };
	const struct ipb_xdp_path p = path_of(0);
	uint8_t frame[ROOM], payload[16] = { 0 };
	struct ipb_xdp_frames f;
	int zeros = 0;

	(void)state;
	ipb_xdp_frames_init(&f, &p, &sizes, 0, 0, 0, IPB_HEADER_SIZE, pattern);
	for (uint32_t value = 0; value < 0x10000; value++) {
		put16(payload, value);
		ipb_xdp_frames_write(&f, frame, payload, 16, htons(5000), 1);
		assert_true(frame[40] != 0 || frame[41] != 0);
		zeros += frame[40] == 0xff && frame[41] == 0xff;
	}
	assert_in_range(zeros, 1, 2);
}

static void test_raw_frames(void **state)
{
	struct ipb_sizes sizes = { .count = 1, .size = { 114 }, .weight = { 1 }, .total = 1 };
	struct ipb_xdp_path p = path_of(0);
	uint8_t frame[ROOM], payload[100];
	struct ipb_xdp_frames f;

	(void)state;
	ipb_xdp_frames_init(&f, &p, &sizes, 14, 1, 0x6008, IPB_HEADER_SIZE, pattern);
	ipb_xdp_frames_prepare(&f, frame, 114);
	memcpy(payload, pattern, sizeof payload);
	memset(payload, 0x55, IPB_HEADER_SIZE);
	assert_int_equal(ipb_xdp_frames_write(&f, frame, payload, 100, 0, 0), 114);
	assert_memory_equal(frame, "\2\2\2\2\2\2\2\1\1\1\1\1\x60\x08", 14);
	assert_memory_equal(frame + 14, payload, 100);
}

/* A reply to what naive() made. */
static uint32_t reply(int six, uint8_t *f, uint16_t port)
{
	const struct ipb_xdp_path p = path_of(six);
	struct ipb_xdp_path back = p;

	memcpy(back.own_mac, p.next_mac, 6);
	memcpy(back.next_mac, p.own_mac, 6);
	back.own = p.target;
	back.target = p.own;
	const uint32_t size = naive(&back, six, f, pattern, 64, 7);
	put16(f + (six ? 56 : 36), port);
	return size;
}

static int verdict(int program, const uint8_t *frame, uint32_t size)
{
	uint8_t copy[ROOM];

	memcpy(copy, frame, size);
	return ipb_bpf_try(program, copy, &size, ROOM);
}

static int load(const struct ipb_redirect *r)
{
	struct ipb_error err = { 0 };
	struct ipb_asm *a = malloc(sizeof *a);

	assert_non_null(a);
	ipb_redirect_program(a, r);
	const int program = ipb_bpf_load(a, "test", 0, &err);
	if (program < 0)
		fail_msg("%s", ipb_error_text(&err));
	free(a);
	return program;
}

/* A map whose entry 0 is a device: to the program it is like one of sockets. */
static int devices(void)
{
	struct ipb_error err = { 0 };
	const uint32_t zero = 0, loopback = 1;
	const int map = ipb_bpf_map(BPF_MAP_TYPE_DEVMAP, 4, 4, 1, "a trial", &err);

	if (map < 0) {
		print_message("skipped: %s\n", ipb_error_text(&err));
		skip();
	}
	assert_int_equal(ipb_bpf_update(map, &zero, &loopback), 0);
	return map;
}

static void test_replies_alone_are_redirected(void **state)
{
	static const int bytes[2][16] = { { 12, 13, 14, 20, 21, 23, 26, 29, 30, 33, 34, 35, 36, 37, -1 },
		                          { 12, 13, 20, 22, 37, 38, 53, 54, 55, 56, 57, -1 } };
	uint8_t f[ROOM];
	const int sockets = devices();

	(void)state;
	for (int six = 0; six < 2; six++) {
		const struct ipb_xdp_path p = path_of(six);
		struct ipb_redirect r = { .target = p.target, .own = p.own, .ports = 1, .sockets = sockets, .port_bits = -1 };
		const int program = load(&r);
		const uint32_t size = reply(six, f, 40001);
		assert_int_equal(verdict(program, f, size), XDP_REDIRECT);
		for (int i = 0; bytes[six][i] >= 0; i++) {
			f[bytes[six][i]] ^= 1;
			if (verdict(program, f, size) != XDP_PASS)
				fail_msg("byte %d may be any", bytes[six][i]);
			f[bytes[six][i]] ^= 1;
		}
		assert_int_equal(verdict(program, f, six ? 61 : 41), XDP_PASS);
		assert_int_equal(verdict(program, f, six ? 62 : 42), XDP_REDIRECT);
		close(program);
	}
	close(sockets);
}

static void test_ports_of_many_flows(void **state)
{
	uint8_t f[ROOM], bits[IPB_REDIRECT_PORTS_SIZE] = { 0 };
	struct ipb_error err = { 0 };
	const uint32_t zero = 0;
	const int sockets = devices(), map = ipb_bpf_map(BPF_MAP_TYPE_ARRAY, 4, sizeof bits, 1, "ports", &err);
	const struct ipb_xdp_path p = path_of(1);
	struct ipb_redirect r = { .target = p.target, .own = p.own, .ports = 3, .sockets = sockets, .port_bits = map };

	(void)state;
	assert_true(map >= 0);
	bits[40001 / 8] |= 1 << 40001 % 8;
	bits[65535 / 8] |= 1 << 65535 % 8;
	bits[1 / 8] |= 1 << 1 % 8;
	assert_int_equal(ipb_bpf_update(map, &zero, bits), 0);
	const int program = load(&r);
	for (uint32_t port = 0; port < 0x10000; port += port > 300 && port < 39900 ? 97 : 1) {
		const uint32_t size = reply(1, f, (uint16_t)port);
		const int ours = port == 1 || port == 40001 || port == 65535;
		if (verdict(program, f, size) != (ours ? XDP_REDIRECT : XDP_PASS))
			fail_msg("port %u", port);
	}
	close(program);
	close(map);
	close(sockets);
}

static void test_raw_replies(void **state)
{
	const int sockets = devices();
	struct ipb_redirect r = { .raw = 1, .ether_type = 0x6008, .from = { 2, 2, 2, 2, 2, 2 }, .sockets = sockets, .port_bits = -1 };
	uint8_t f[60] = { 2, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x60, 0x08 };
	const int program = load(&r);

	(void)state;
	assert_int_equal(verdict(program, f, sizeof f), XDP_REDIRECT);
	for (int i = 6; i < 14; i++) {
		f[i] ^= 0x10;
		assert_int_equal(verdict(program, f, sizeof f), XDP_PASS);
		f[i] ^= 0x10;
	}
	close(program);
	close(sockets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp_frames),
		cmocka_unit_test(test_a_sum_of_zero),
		cmocka_unit_test(test_raw_frames),
		cmocka_unit_test(test_replies_alone_are_redirected),
		cmocka_unit_test(test_ports_of_many_flows),
		cmocka_unit_test(test_raw_replies),
	};

	ipb_header_pattern(pattern, sizeof pattern);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
