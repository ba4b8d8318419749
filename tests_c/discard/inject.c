/* See inject.h.  SPDX-License-Identifier: MIT */
#include "inject.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ipb_bpf.h"
#include "ipb_clock.h"
#include "ipb_sock.h"
#include "ipb_xdp_frames.h"

#define FIRST_NS 1000u      /* what one frame is thought to cost before it is known */
#define REPEAT_MIN 256u     /* frames of one call */
#define REPEAT_MAX (1u << 23)
#define PAUSE_NS 1000000

struct inject {
	int program, state;
	struct ipb_xdp_device device;
	struct inject_frame frame;
	struct ipb_xdp_frames frames;
	double frame_ns; /* what one frame of the last call cost */
};

_Static_assert(SENDER_INJECT_MAX <= IPB_BPF_INJECT_MAX, "the kernel makes no larger frames");

static const uint32_t key;

static struct ipb_sizes one_size(uint32_t size)
{
	return (struct ipb_sizes){ .count = 1, .size = { size }, .weight = { 1 }, .total = 1, .largest = size, .smallest = size,
		                   .mean = size };
}

static int open_path(struct sender *s, const char *iface, struct ipb_xdp_path *path, struct ipb_error *err)
{
	struct ipb_xdp_device *d = &s->inject->device;
	struct sockaddr_storage target = { 0 };
	socklen_t size = sizeof target;

	if (!s->raw) {
		path->may_fragment = 1; /* as from a socket of discard's */
		if (getpeername(s->fd, (struct sockaddr *)&target, &size) < 0)
			return ipb_error_errno(err, errno, "cannot read the target's address");
		return ipb_xdp_path(path, d, s->fd, &target, s->size, "inject", err);
	}
	memcpy(path->next_mac, s->ethernet, 6);
	memcpy(path->own_mac, s->ethernet + 6, 6);
	return ipb_xdp_device(d, iface, "argument iface", err);
}

static void make_frame(struct sender *s, const struct ipb_xdp_path *path)
{
	static const uint8_t none[SENDER_INJECT_MAX];
	struct inject *n = s->inject;
	struct inject_frame *f = &n->frame;
	const uint32_t ethernet = s->raw ? DISCARD_ETHERNET : 0;
	const struct ipb_sizes sizes = one_size(s->size);
	uint8_t payload[DISCARD_HEADER] = { 0 }, whole[SENDER_INJECT_MAX] = { 0 };

	sender_header(s, payload);
	memcpy(whole, payload, sizeof payload);
	ipb_xdp_frames_init(&n->frames, path, &sizes, ethernet, s->raw,
	                    (uint16_t)(s->ethernet[DISCARD_ETHERNET - 2] << 8 | s->ethernet[DISCARD_ETHERNET - 1]), DISCARD_HEADER, none);
	f->payload = n->frames.headers;
	f->udp = !s->raw;
	f->size = ipb_xdp_frames_write(&n->frames, f->bytes, whole, s->size - ethernet, htons(s->raw ? 0 : ipb_sock_port(s->fd)), 1);
}

static int load(struct inject *n, struct ipb_error *err)
{
	struct ipb_asm *a = malloc(sizeof *a);

	if (a == NULL)
		return ipb_error(err, "no memory for the XDP program");
	inject_program(a, &n->frame, n->state, n->device.ifindex);
	n->program = ipb_bpf_load(a, "ipbench_inject", 0, err);
	free(a);
	return n->program < 0 ? -1 : 0;
}

int inject_open(struct sender *s, const char *iface, struct ipb_error *err)
{
	struct ipb_xdp_path path = { 0 };
	struct inject *n = s->inject = calloc(1, sizeof *n);

	if (n == NULL)
		return ipb_error(err, "no memory");
	n->program = n->state = -1;
	n->frame_ns = FIRST_NS;
	if (s->size > SENDER_INJECT_MAX - IPB_XDP_HEADERS_MAX)
		return ipb_error(err, "argument size: %u is out of range; with engine=inject a packet has at most %u byte", s->size,
		                 SENDER_INJECT_MAX - IPB_XDP_HEADERS_MAX);
	if (open_path(s, iface, &path, err) < 0)
		return -1;
	make_frame(s, &path);
	n->state = ipb_bpf_map(BPF_MAP_TYPE_ARRAY, sizeof key, sizeof(struct inject_state), 1, "counts", err);
	return n->state < 0 ? -1 : load(n, err);
}

void inject_close(struct sender *s)
{
	struct inject *n = s->inject;

	if (n == NULL)
		return;
	if (n->program >= 0)
		close(n->program);
	if (n->state >= 0)
		close(n->state);
	free(n);
	s->inject = NULL;
}

const struct ipb_xdp_device *inject_device(const struct sender *s) { return &s->inject->device; }

static int store(const struct inject *n, const struct inject_state *state, struct ipb_error *err)
{
	if (ipb_bpf_update(n->state, &key, state) < 0)
		return ipb_error_errno(err, errno, "cannot give the XDP program its schedule");
	return 0;
}

/* One call. What the program counted is the sender's then, even when the call failed in the middle. */
static int call(struct sender *s, struct inject_state *state, uint32_t repeat, struct ipb_error *err)
{
	struct inject *n = s->inject;
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const uint64_t begin_ns = ipb_now_ns();
	int error = 0;
	socklen_t size = sizeof error;

	const int status = ipb_bpf_inject(n->program, n->frame.bytes, n->frame.size, repeat), cause = errno;
	if (status == 0)
		n->frame_ns = (double)(ipb_now_ns() - begin_ns) / repeat;
	if (ipb_bpf_lookup(n->state, &key, state) < 0)
		return ipb_error_errno(err, errno, "cannot read what the XDP program counted");
	s->sequence = s->handed_over = state->sequence;
	s->measured = state->measured;
	s->given_up = state->given_up;
	/* ICMP errors come to the socket that has the port. */
	if (!s->raw && getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
		s->failed++;
		s->failure = error;
	}
	if (status == 0 || cause == EINTR)
		return 0;
	if (cause == ENOMEM || cause == EAGAIN || cause == ENOBUFS) {
		s->again++;
		nanosleep(&pause, NULL);
		return 0;
	}
	return ipb_error_errno(err, cause, "the kernel does not make frames for %s%s", n->device.name,
	                       cause == EINVAL ? " (BPF_PROG_RUN of live XDP frames needs Linux 5.18)" : "");
}

/* So many frames that a call lasts as long as it may, and not much longer than to the end. */
static uint32_t frames_of_call(const struct inject *n, uint64_t left_ns)
{
	const double most = (double)(left_ns < INJECT_CALL_NS ? left_ns : INJECT_CALL_NS) / n->frame_ns;

	return most < REPEAT_MIN ? REPEAT_MIN : most > REPEAT_MAX ? REPEAT_MAX : (uint32_t)most;
}

int inject_run(struct sender *s, uint64_t start_ns, struct ipb_error *err)
{
	struct inject *n = s->inject;
	const double interval_ns = s->size * 8e9 / s->bps;
	const uint64_t ends_ns[] = { s->warmup_ns, s->warmup_ns + s->test_ns, s->warmup_ns + s->test_ns + s->cooldown_ns };
	const uint64_t end_ns = start_ns + ends_ns[2];
	struct inject_state state = { .start_ns = start_ns };

	state.interval = (uint64_t)(interval_ns * (1 << INJECT_FRACTION) + 0.5);
	state.interval = state.interval > 0 ? state.interval : 1;
	state.due = (uint64_t)(s->stagger * (double)state.interval);
	for (int i = 0; i < 3; i++)
		state.ends[i] = ends_ns[i] << INJECT_FRACTION;
	state.until = state.ends[2];
	if (store(n, &state, err) < 0)
		return -1;
	sender_wait_until(start_ns);
	while (!ipb_stop_asked(s->stopping) && state.due < state.until) {
		const uint64_t now_ns = ipb_now_ns();
		if (now_ns > end_ns + IPB_NS_PER_S) {
			state.given_up += (state.until - state.due + state.interval - 1) / state.interval;
			s->given_up = state.given_up;
			return store(n, &state, err);
		}
		if (call(s, &state, frames_of_call(n, now_ns < end_ns ? end_ns - now_ns : 0), err) < 0)
			return -1;
		sender_report(s, ipb_now_ns() - start_ns);
	}
	return 0;
}

int inject_end(struct sender *s, struct ipb_error *err)
{
	struct inject *n = s->inject;
	struct inject_state state;

	if (ipb_bpf_lookup(n->state, &key, &state) < 0)
		return ipb_error_errno(err, errno, "cannot read what the XDP program counted");
	state.start_ns = ipb_now_ns() - (state.ends[2] >> INJECT_FRACTION) - 1;
	state.now = 0;
	state.due = state.ends[2];
	state.until = state.due + 1;
	if (store(n, &state, err) < 0)
		return -1;
	return call(s, &state, 1, err);
}
