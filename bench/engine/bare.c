/*
 * The loops that ipbench's engines are compared with: nothing but the system calls.  SPDX-License-Identifier: MIT
 *
 *   bare echo PORT [BATCH]                echoes UDP until SIGTERM (BATCH 1: recvfrom and sendto); it answers sockperf's
 *                                         client, too, so that both are measured against the same echo
 *   bare load PORT SIZE SECONDS BATCH     sends and receives as fast as it can; prints packets a second that came back
 *   bare gso PORT SIZE SECONDS            sends trains of 64 packets; prints packets a second sent
 *   bare sink PORT                        receives with UDP_GRO, prints how many packets and bytes came at SIGTERM
 *   bare ping PORT SIZE COUNT             one outstanding; prints the median round trip in ns
 *   bare ring IFACE MAC SIZE SECONDS      AF_PACKET TX_RING; prints frames a second sent
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 64
#define ROOM 65536

static volatile sig_atomic_t over;
static struct mmsghdr in[MOST], out[MOST];
static struct iovec in_iov[MOST], out_iov[MOST];
static struct sockaddr_in names[MOST];
static uint8_t buffers[MOST][ROOM];

static void stop(int number)
{
	(void)number;
	over = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int udp(int port, int server)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
	                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	if ((server ? bind : connect)(fd, (struct sockaddr *)&at, sizeof at) < 0)
		perror("bare"), exit(1);
	return fd;
}

static void prepare(int size, int named)
{
	for (int i = 0; i < MOST; i++) {
		in_iov[i] = (struct iovec){ buffers[i], ROOM };
		out_iov[i] = (struct iovec){ buffers[i], (size_t)size };
		in[i].msg_hdr = (struct msghdr){ .msg_iov = &in_iov[i], .msg_iovlen = 1, .msg_name = named ? &names[i] : NULL,
		                                 .msg_namelen = named ? sizeof names[i] : 0 };
		out[i].msg_hdr = (struct msghdr){ .msg_iov = &out_iov[i], .msg_iovlen = 1, .msg_name = named ? &names[i] : NULL,
		                                  .msg_namelen = named ? sizeof names[i] : 0 };
	}
}

/* What makes a message of sockperf's client an answer: the lowest bit of its flags, which follow the sequence number. */
static void answer(uint8_t *message) { message[9] &= 0xfe; }

static void echo(int port, int batch)
{
	int fd = udp(port, 1);

	prepare(64, 1);
	while (!over) {
		if (batch == 1) {
			socklen_t size = sizeof names[0];
			ssize_t n = recvfrom(fd, buffers[0], ROOM, MSG_DONTWAIT, (struct sockaddr *)&names[0], &size);
			answer(buffers[0]);
			if (n >= 0)
				sendto(fd, buffers[0], (size_t)n, MSG_DONTWAIT, (struct sockaddr *)&names[0], size);
			continue;
		}
		int n = recvmmsg(fd, in, (unsigned)batch, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++) {
			out_iov[i].iov_len = in[i].msg_len;
			answer(buffers[i]);
		}
		if (n > 0)
			sendmmsg(fd, out, (unsigned)n, MSG_DONTWAIT);
	}
}

static void load(int port, int size, double seconds, int batch)
{
	int fd = udp(port, 0);
	uint64_t got = 0, sent = 0;
	double start = now(), end = start + seconds;

	prepare(size, 0);
	while (now() < end) {
		if (batch == 1) {
			sent += send(fd, buffers[0], (size_t)size, MSG_DONTWAIT) > 0;
			got += recv(fd, buffers[1], ROOM, MSG_DONTWAIT) > 0;
			continue;
		}
		int n = sendmmsg(fd, out, (unsigned)batch, MSG_DONTWAIT);
		sent += n > 0 ? (uint64_t)n : 0;
		n = recvmmsg(fd, in, (unsigned)batch, MSG_DONTWAIT, NULL);
		got += n > 0 ? (uint64_t)n : 0;
	}
	printf("%.0f %.0f\n", (double)got / seconds, (double)sent / seconds);
}

static void gso(int port, int size, double seconds)
{
	int fd = udp(port, 0), train = 65000 / size < MOST ? 65000 / size : MOST;
	uint64_t sent = 0;
	double end = now() + seconds;

	setsockopt(fd, SOL_UDP, 103, &size, sizeof size);
	while (now() < end)
		sent += send(fd, buffers, (size_t)(size * train), MSG_DONTWAIT) > 0 ? (uint64_t)train : 0;
	printf("%.0f\n", (double)sent / seconds);
}

static void sink(int port)
{
	int fd = udp(port, 1), yes = 1;
	uint64_t packets = 0, bytes = 0;

	setsockopt(fd, SOL_UDP, 104, &yes, sizeof yes);
	while (!over) {
		char control[64];
		struct msghdr m = { .msg_iov = &(struct iovec){ buffers[0], ROOM }, .msg_iovlen = 1, .msg_control = control,
		                    .msg_controllen = sizeof control };
		ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
		if (n < 0)
			continue;
		int size = (int)n;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
			if (c->cmsg_level == SOL_UDP && c->cmsg_type == 104)
				memcpy(&size, CMSG_DATA(c), sizeof size);
		bytes += (uint64_t)n;
		packets += size > 0 ? ((uint64_t)n + (uint64_t)size - 1) / (uint64_t)size : 1;
	}
	printf("%llu %llu\n", (unsigned long long)packets, (unsigned long long)bytes);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void ping(int port, int size, int count)
{
	int fd = udp(port, 0);
	double *took = malloc((size_t)count * sizeof *took);

	for (int i = 0; i < count; i++) {
		double start = now();
		send(fd, buffers[0], (size_t)size, 0);
		while (recv(fd, buffers[1], ROOM, MSG_DONTWAIT) < 0 && now() - start < 1)
			;
		took[i] = now() - start;
	}
	qsort(took, (size_t)count, sizeof *took, compare);
	printf("%.0f\n", took[count / 2] * 1e9);
	free(took);
}

static void ring(const char *iface, const char *mac, int size, double seconds)
{
	struct tpacket_req request = { .tp_block_size = 65536, .tp_frame_size = 2048, .tp_block_nr = 64, .tp_frame_nr = 2048 };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(iface) };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), version = TPACKET_V2, yes = 1;
	unsigned m[6], next = 0, kick = 0;
	uint64_t sent = 0;

	setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version);
	if (setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof request) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		perror("bare ring"), exit(1);
	setsockopt(fd, SOL_PACKET, PACKET_LOSS, &yes, sizeof yes);
	uint8_t *map = mmap(NULL, 2048 * 2048, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	sscanf(mac, "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5);
	for (int i = 0; i < 6; i++)
		buffers[0][i] = (uint8_t)m[i];
	buffers[0][12] = 0x60;
	buffers[0][13] = 0x08;
	double end = now() + seconds;
	while (now() < end) {
		struct tpacket2_hdr *h = (void *)(map + (size_t)next * 2048);
		if (__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) == TP_STATUS_AVAILABLE) {
			memcpy((uint8_t *)h + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), buffers[0], (size_t)size);
			h->tp_len = (unsigned)size;
			__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
			next = (next + 1) % 2048;
			sent++;
			kick++;
		}
		if (kick == 64) {
			send(fd, NULL, 0, MSG_DONTWAIT);
			kick = 0;
		}
	}
	printf("%.0f\n", (double)sent / seconds);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (argc >= 3 && strcmp(argv[1], "echo") == 0)
		echo(atoi(argv[2]), argc > 3 ? atoi(argv[3]) : 1);
	else if (argc == 6 && strcmp(argv[1], "load") == 0)
		load(atoi(argv[2]), atoi(argv[3]), atof(argv[4]), atoi(argv[5]));
	else if (argc == 5 && strcmp(argv[1], "gso") == 0)
		gso(atoi(argv[2]), atoi(argv[3]), atof(argv[4]));
	else if (argc == 3 && strcmp(argv[1], "sink") == 0)
		sink(atoi(argv[2]));
	else if (argc == 5 && strcmp(argv[1], "ping") == 0)
		ping(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	else if (argc == 6 && strcmp(argv[1], "ring") == 0)
		ring(argv[2], argv[3], atoi(argv[4]), atof(argv[5]));
	else
		return fprintf(stderr, "bare: see the top of bare.c\n"), 2;
	return 0;
}
