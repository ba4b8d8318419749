/*
 * Bare loops, with the fewest calls that do the job: what `rr` and `connections` are compared with.
 * SPDX-License-Identifier: MIT
 *
 *   bare rr tcp|udp PORT SIZE SECONDS      ping-pong on one socket
 *   bare connections PORT SECONDS          connect, send one byte, receive it, close with a reset
 *
 * Prints how many a second.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int connected(int type, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("connect");
		exit(1);
	}
	return fd;
}

static double rr(int type, int port, size_t size, double seconds)
{
	char *bytes = calloc(1, size);
	const double from = now();
	int fd = connected(type, port), yes = 1;
	unsigned long count = 0;

	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	while (now() < from + seconds) {
		memcpy(bytes, &count, sizeof count); /* an echo does not answer the same packet for ever */
		if (send(fd, bytes, size, 0) < 0)
			exit(1);
		for (size_t got = 0; got < size;) {
			ssize_t n = recv(fd, bytes + got, size - got, 0);
			if (n <= 0)
				exit(1);
			got += (size_t)n;
		}
		count++;
	}
	close(fd);
	return (double)count / (now() - from);
}

static double connections(int port, double seconds)
{
	const struct linger at_once = { 1, 0 };
	const double from = now();
	unsigned long count = 0;
	char byte = 1;

	while (now() < from + seconds) {
		int fd = connected(SOCK_STREAM, port);
		if (send(fd, &byte, 1, 0) != 1 || recv(fd, &byte, 1, 0) != 1)
			exit(1);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
		close(fd);
		count++;
	}
	return (double)count / (now() - from);
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "rr") == 0)
		printf("%.0f\n", rr(strcmp(argv[2], "udp") == 0 ? SOCK_DGRAM : SOCK_STREAM, atoi(argv[3]), (size_t)atol(argv[4]),
		                    atof(argv[5])));
	else if (argc == 4 && strcmp(argv[1], "connections") == 0)
		printf("%.0f\n", connections(atoi(argv[2]), atof(argv[3])));
	else
		return fprintf(stderr, "bare: see the top of bare.c\n"), 2;
	return 0;
}
