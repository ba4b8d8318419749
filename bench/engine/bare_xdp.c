/*
 * The loops and programs that ipbench's XDP is compared with: nothing but what the kernel needs. Sockets and links are set up by the
 * library; what is measured is here.  SPDX-License-Identifier: MIT
 *
 *   bare_xdp send IFACE MAC SIZE SECONDS    sends frames of type 0x6008 by AF_XDP as fast as it can; prints frames a second
 *   bare_xdp load IFACE MAC SIZE SECONDS    … and receives; prints frames a second that came back
 *   bare_xdp turn IFACE                     answers all frames of type 0x6008 by XDP_TX, addresses swapped, until SIGTERM
 *   bare_xdp pass IFACE                     has a program there that passes everything, until SIGTERM
 *   bare_xdp inject IFACE MAC SIZE SECONDS  has the kernel send frames (BPF_PROG_RUN); prints frames a second
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipb_asm.h"
#include "ipb_bpf.h"
#include "ipb_sock.h"
#include "ipb_xdp.h"
#include "ipb_xsk.h"

#define BATCH 32u
#define INJECTED (1u << 18) /* frames of one call: beginning and ending one costs some milliseconds */

static volatile sig_atomic_t over;
static struct ipb_error err;
static int sockets = -1;
static uint8_t frame[2048];
static uint32_t leave_by;

static void stop(int number)
{
	(void)number;
	over = 1;
}

static int fail(void)
{
	fprintf(stderr, "bare_xdp: %s\n", ipb_error_text(&err));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum program { TURN, PASS, TAKE, LEAVE };

static int load(void *with, enum ipb_xdp_mode mode, struct ipb_error *e)
{
	const enum program what = *(enum program *)with;
	struct ipb_asm *a = malloc(sizeof *a);

	(void)mode;
	ipb_asm_init(a);
	const uint32_t pass = ipb_asm_label(a);
	if (what == LEAVE) {
		ipb_asm_movi(a, R1, (int32_t)leave_by);
		ipb_asm_movi(a, R2, 0);
		ipb_asm_call(a, BPF_FUNC_redirect);
		ipb_asm_exit(a);
		return ipb_bpf_load(a, "bare", 0, e);
	}
	if (what != PASS) {
		ipb_asm_mov(a, R6, R1);
		ipb_asm_load(a, BPF_W, R7, R1, 0);
		ipb_asm_load(a, BPF_W, R8, R1, 4);
		ipb_asm_mov(a, R1, R7);
		ipb_asm_opi(a, BPF_ADD, R1, 14);
		ipb_asm_if(a, BPF_JGT, R1, R8, pass);
		ipb_asm_load(a, BPF_H, R1, R7, 12);
		ipb_asm_ifi(a, BPF_JNE, R1, htons(0x6008), pass);
	}
	if (what == TURN) {
		ipb_asm_load(a, BPF_W, R1, R7, 0);
		ipb_asm_load(a, BPF_H, R2, R7, 4);
		ipb_asm_load(a, BPF_W, R3, R7, 6);
		ipb_asm_load(a, BPF_H, R4, R7, 10);
		ipb_asm_store(a, BPF_W, R7, 0, R3);
		ipb_asm_store(a, BPF_H, R7, 4, R4);
		ipb_asm_store(a, BPF_W, R7, 6, R1);
		ipb_asm_store(a, BPF_H, R7, 10, R2);
		ipb_asm_return(a, XDP_TX);
	}
	if (what == TAKE) {
		ipb_asm_load(a, BPF_W, R2, R6, 16);
		ipb_asm_map(a, R1, sockets);
		ipb_asm_movi(a, R3, XDP_PASS);
		ipb_asm_call(a, BPF_FUNC_redirect_map);
		ipb_asm_exit(a);
	}
	ipb_asm_here(a, pass);
	ipb_asm_return(a, XDP_PASS);
	return ipb_bpf_load(a, "bare", 0, e);
}

static void head(const struct ipb_xdp_device *d, const char *mac)
{
	if (ipb_parse_mac(mac, frame) < 0)
		exit(2);
	memcpy(frame + 6, d->mac, 6);
	frame[12] = 0x60;
	frame[13] = 0x08;
}

static void stay(const struct ipb_xdp_device *d, enum program what)
{
	struct ipb_xdp_link link;

	if (ipb_xdp_attach(&link, d, load, &what, &err) < 0)
		fail();
	puts("ready");
	fflush(stdout);
	while (!over)
		pause();
}

static void loop(const struct ipb_xdp_device *d, const char *mac, uint32_t size, double seconds, int receives)
{
	enum program take = TAKE;
	struct ipb_xdp_link link;
	uint64_t sent = 0, got = 0;
	const uint32_t key = 0;
	struct ipb_xsk x;

	sockets = ipb_bpf_map(BPF_MAP_TYPE_XSKMAP, 4, 4, 1, "sockets", &err);
	if (sockets < 0 || ipb_xdp_attach(&link, d, load, &take, &err) < 0 || ipb_xsk_open(&x, d, 0, link.mode, 1, 0, &err) < 0)
		fail();
	ipb_bpf_update(sockets, &key, &x.fd);
	head(d, mac);
	for (uint32_t i = 0; i < x.send_frames; i++)
		memcpy(ipb_xsk_frame(&x, (uint64_t)i * x.frame_size), frame, size);
	const double end = now() + seconds;
	for (uint64_t n = 0; now() < end;) {
		ipb_xsk_reclaim(&x);
		if (ipb_xsk_waiting(&x) + BATCH <= IPB_XSK_SEND_FRAMES && x.unused_count >= BATCH) {
			for (uint32_t i = 0; i < BATCH; i++) {
				const uint64_t address = x.unused[--x.unused_count];
				memcpy(ipb_xsk_frame(&x, address) + 14, &n, 8); /* so that no echo takes them for one that goes round */
				n++;
				*ipb_xsk_out(&x, i) = (struct xdp_desc){ .addr = address, .len = size };
			}
			ipb_xsk_submit(&x, BATCH);
			sent += BATCH;
		}
		ipb_xsk_kick(&x);
		uint32_t ready = receives ? ipb_xsk_ready(&x) : 0;
		if (ready > 0)
			ipb_xsk_release(&x, ready);
		else
			ipb_xsk_wake(&x);
		got += ready;
	}
	printf("%.0f\n", (double)(receives ? got : sent) / seconds);
}

static void inject(const struct ipb_xdp_device *d, const char *mac, uint32_t size, double seconds)
{
	enum program leave = LEAVE;
	leave_by = d->ifindex;
	const int program = load(&leave, IPB_XDP_NATIVE, &err);
	uint64_t n = 0;

	if (program < 0)
		fail();
	head(d, mac);
	const double begin = now();
	for (; now() < begin + seconds; n += INJECTED)
		if (ipb_bpf_inject(program, frame, size, INJECTED) < 0)
			perror("bare_xdp inject"), exit(1);
	printf("%.0f\n", (double)n / (now() - begin));
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	struct ipb_xdp_device d;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (argc < 3 || ipb_xdp_device(&d, argv[2], "IFACE", &err) < 0)
		return fprintf(stderr, "bare_xdp: see the top of bare_xdp.c; %s\n", ipb_error_text(&err)), 2;
	if (argc == 3 && strcmp(argv[1], "turn") == 0)
		stay(&d, TURN);
	else if (argc == 3 && strcmp(argv[1], "pass") == 0)
		stay(&d, PASS);
	else if (argc == 6 && strcmp(argv[1], "send") == 0)
		loop(&d, argv[3], (uint32_t)atoi(argv[4]), atof(argv[5]), 0);
	else if (argc == 6 && strcmp(argv[1], "load") == 0)
		loop(&d, argv[3], (uint32_t)atoi(argv[4]), atof(argv[5]), 1);
	else if (argc == 6 && strcmp(argv[1], "inject") == 0)
		inject(&d, argv[3], (uint32_t)atoi(argv[4]), atof(argv[5]));
	else
		return fprintf(stderr, "bare_xdp: see the top of bare_xdp.c\n"), 2;
	return 0;
}
