/* What the kernel reports of a socket.  SPDX-License-Identifier: MIT */
#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "ipb_sock.h"

#define FLOOD 3000

static void every_dropped_packet_is_counted(void **state)
{
	struct ipb_sock_options small = { .rcvbuf = 4096 }, any = { 0 };
	struct ipb_error err = { 0 };
	char packet[100] = { 0 };
	int got = 0;

	(void)state;
	int in = ipb_sock_listen("127.0.0.1", 0, SOCK_DGRAM, &small, &err);
	assert_true(in >= 0);
	int out = ipb_sock_connect("127.0.0.1", ipb_sock_port(in), SOCK_DGRAM, &any, &err);
	assert_true(out >= 0);
	assert_int_equal(ipb_sock_drops(in), 0);
	for (int i = 0; i < FLOOD; i++)
		assert_int_equal(send(out, packet, sizeof packet, 0), sizeof packet);
	while (recv(in, packet, sizeof packet, MSG_DONTWAIT) > 0)
		got++;
	assert_true(got > 0 && got < FLOOD);
	assert_int_equal(ipb_sock_drops(in), FLOOD - got);
	assert_int_equal(ipb_sock_drops(out), 0);
	close(in);
	close(out);
}

static void no_socket_has_no_drops(void **state)
{
	(void)state;
	assert_int_equal(ipb_sock_drops(-1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_dropped_packet_is_counted),
		cmocka_unit_test(no_socket_has_no_drops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
