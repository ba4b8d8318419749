/*
 * Bare loops over one TCP connection or UDP socket, as fast as they go: what bench/stream.ts compares with.
 *
 *   bare sink PORT BYTES SECONDS copy|trunc [LEAST]  accepts one connection, prints bit/s received; LEAST: SO_RCVLOWAT
 *   bare source PORT BYTES SECONDS              connects and sends
 *   bare usink PORT BYTES SECONDS               UDP with GRO
 *   bare usource PORT BYTES SECONDS             UDP with GSO, BYTES a datagram
 *
 * SPDX-License-Identifier: MIT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif
#define TRIES 200   /* to connect, 10 ms apart */
#define TRAIN 65000 /* bytes that one call takes or gives over UDP */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

/* Bytes from the first to the last that came, over that time. */
static void sink(int fd, char *buffer, size_t size, int flags, double seconds)
{
	uint64_t begin = 0, now = 0, bytes = 0;
	struct timeval limit = { .tv_sec = (time_t)seconds + 5 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	for (;;) {
		ssize_t n = recv(fd, buffer, size, flags);
		if (n <= 0)
			break;
		now = now_ns();
		if (begin == 0)
			begin = now;
		else
			bytes += (uint64_t)n;
		if (now - begin > seconds * 1e9)
			break;
	}
	printf("%.0f\n", now > begin ? (double)bytes * 8e9 / (double)(now - begin) : 0);
}

static void source(int fd, char *buffer, size_t size, double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);

	while (now_ns() < end) {
		ssize_t n = send(fd, buffer, size, MSG_NOSIGNAL);
		if (n < 0 && errno != ECONNREFUSED && errno != EINTR)
			return;
	}
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	const char *what = argv[1];
	const int port = atoi(argv[2]), udp = what[0] == 'u', yes = 1;
	size_t size = strtoull(argv[3], NULL, 10);
	double seconds = atof(argv[4]);
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	char *buffer = aligned_alloc(4096, (1 << 20) * 8);

	if (fd < 0 || buffer == NULL)
		die("socket");
	memset(buffer, 1, (1 << 20) * 8);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (strcmp(what, "usource") == 0) {
		int segment = (int)size;
		setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment);
		size_t n = TRAIN / size;
		size *= n > 64 ? 64 : n;
	}
	if (strcmp(what, "usink") == 0) {
		int room = 8 << 20;
		setsockopt(fd, SOL_UDP, UDP_GRO, &yes, sizeof yes);
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	}
	if (strstr(what, "source") != NULL) {
		for (int i = 0; connect(fd, (struct sockaddr *)&at, sizeof at) < 0; i++) {
			if (i == TRIES || errno != ECONNREFUSED)
				die("connect");
			usleep(10000);
		}
		source(fd, buffer, size, seconds);
		return 0;
	}
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		die("bind");
	if (!udp) {
		const struct timeval limit = { .tv_sec = 5 };
		const int least = argc > 6 ? atoi(argv[6]) : 1;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		if (listen(fd, 1) < 0 || (fd = accept(fd, NULL, NULL)) < 0)
			die("accept");
		setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
	}
	sink(fd, buffer, udp ? 65536 : size, argc > 5 && strcmp(argv[5], "trunc") == 0 ? MSG_TRUNC : 0, seconds);
	return 0;
}
