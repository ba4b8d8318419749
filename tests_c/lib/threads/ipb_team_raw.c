/* Raw Ethernet by several threads: each has a socket on the interface, and of the frames that come in the kernel gives it its
 * own alone.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "ipb_team_private.h"

#define ALL_BYTES 0x40000u /* of a frame that passes */

#define CODE_MAX (2 * IPB_THREADS_MAX + 16)

/* A program with three ends. */
enum end { NEITHER, ACCEPT, REJECT };

struct filter {
	struct sock_filter code[CODE_MAX];
	enum end if_equal[CODE_MAX], if_less[CODE_MAX];
	unsigned short used;
};

static void load(struct filter *f, uint32_t at)
{
	f->code[f->used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
}

static void on_equal(struct filter *f, uint32_t value, enum end to)
{
	f->if_equal[f->used] = to;
	f->code[f->used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0);
}

/* What is not so long has nothing there. */
static void on_shorter(struct filter *f, uint32_t length, enum end to)
{
	f->code[f->used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0);
	f->if_less[f->used] = to;
	f->code[f->used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, length, 0, 0);
}

/* `otherwise` is what becomes of a frame that comes to the end. */
static void end(struct filter *f, enum end otherwise)
{
	const unsigned short at[] = { [ACCEPT] = f->used, [REJECT] = (unsigned short)(f->used + 1) };

	/* The last test falls through to one of the ends. */
	if (otherwise == REJECT)
		f->code[f->used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	f->code[f->used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ALL_BYTES);
	f->code[f->used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	for (unsigned short i = 0; i < at[ACCEPT]; i++) {
		const unsigned short later = otherwise == REJECT; /* one more instruction before both */
		if (f->if_equal[i] != NEITHER)
			f->code[i].jt = (unsigned char)(at[f->if_equal[i]] + later - i - 1);
		if (f->if_less[i] != NEITHER)
			f->code[i].jf = (unsigned char)(at[f->if_less[i]] + later - i - 1);
	}
}

/* The higher half of a packet's number, which is its run's, as it lies in the frame, read in network order. */
static uint32_t number_of(const struct ipb_engine *e)
{
	const uint32_t high = (uint32_t)(e->header.base >> 32);

	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(high) : high;
}

/* What the frames of a thread have in common and no other thread's do is a half of a packet's number, and, where there is a header,
 * the run in it: a frame with one damaged byte still has one of them right. The first thread gets what belongs to none, too:
 * damaged frames, and strangers'. */
static int attach(const struct ipb_team_member *members, uint32_t i, uint32_t n)
{
	const uint32_t number_at = IPB_ENGINE_FRAME_HEADER + (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 4 : 0);
	const uint32_t run_at = IPB_ENGINE_FRAME_HEADER + IPB_HEADER_RUN_AT + 4;
	const struct ipb_engine *own = members[i].engine;
	const enum end otherwise = i == 0 ? ACCEPT : REJECT;
	struct filter f = { .used = 0 };

	on_shorter(&f, number_at + 4, otherwise);
	load(&f, number_at);
	on_equal(&f, number_of(own), ACCEPT);
	for (uint32_t k = 1; i == 0 && k < n; k++)
		on_equal(&f, number_of(members[k].engine), REJECT);
	if (own->header.full) {
		on_shorter(&f, run_at + 4, otherwise);
		load(&f, run_at);
		for (uint32_t k = 1; i == 0 && k < n; k++)
			on_equal(&f, (uint32_t)members[k].engine->header.run, REJECT);
		if (i > 0)
			on_equal(&f, (uint32_t)own->header.run, ACCEPT);
	}
	end(&f, otherwise);
	const struct sock_fprog program = { .len = f.used, .filter = f.code };
	return setsockopt(own->fds[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int ipb_team_share_frames(struct ipb_team *t, struct ipb_error *err)
{
	if (t->whole.proto != IPB_RAW || t->xdp != NULL)
		return 0;
	for (uint32_t i = 0; i < t->threads.count; i++)
		if (attach(t->members, i, t->threads.count) < 0)
			return ipb_error_errno(err, errno, "argument threads: the kernel does not share out the frames of %s",
			                       t->whole.iface);
	return 0;
}
