/* See ipb_xdp_share.h.  SPDX-License-Identifier: MIT */
#include "ipb_xdp_share.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipb_bpf.h"
#include "ipb_xsk.h"

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1u << 5)
#endif

struct ipb_xdp_share *ipb_xdp_share_open(uint32_t threads, struct ipb_error *err)
{
	struct ipb_xdp_share *s = calloc(1, sizeof *s);

	if (s == NULL || (s->keys = calloc(threads, sizeof *s->keys)) == NULL ||
	    (threads > 1 && (s->mail = ipb_apart_array(threads, sizeof *s->mail)) == NULL)) {
		free(s != NULL ? s->keys : NULL);
		free(s);
		ipb_error(err, "no memory for %u threads", threads);
		return NULL;
	}
	s->threads = threads;
	s->link.fd = s->redirect.sockets = s->redirect.port_bits = -1;
	pthread_mutex_init(&s->opening, NULL);
	for (uint32_t i = 0; s->mail != NULL && i < threads; i++)
		pthread_mutex_init(&s->mail[i].writing, NULL);
	return s;
}

void ipb_xdp_share_close(struct ipb_xdp_share *s)
{
	if (s == NULL)
		return;
	ipb_xdp_detach(&s->link);
	if (s->redirect.sockets >= 0)
		close(s->redirect.sockets);
	if (s->redirect.port_bits >= 0)
		close(s->redirect.port_bits);
	for (uint32_t i = 0; s->mail != NULL && i < s->threads; i++) {
		pthread_mutex_destroy(&s->mail[i].writing);
		free(s->mail[i].letters);
	}
	pthread_mutex_destroy(&s->opening);
	free(s->mail);
	free(s->keys);
	free(s);
}

static int load(void *with, enum ipb_xdp_mode mode, struct ipb_error *err)
{
	const struct ipb_xdp_share *s = with;
	struct ipb_asm *a = malloc(sizeof *a);

	(void)mode;
	if (a == NULL)
		return ipb_error(err, "no memory for the XDP program");
	ipb_redirect_program(a, &s->redirect);
	const int program = ipb_bpf_load(a, "ipbench_tester", s->device.mtu > IPB_XSK_ONE_FRAME_MTU ? BPF_F_XDP_HAS_FRAGS : 0, err);
	free(a);
	return program;
}

/* Maps and program, for the first thread. */
static int attach(struct ipb_xdp_share *s, const struct ipb_xdp_device *d, const struct ipb_redirect *how, struct ipb_error *err)
{
	s->device = *d;
	s->redirect = *how;
	s->redirect.port_bits = -1;
	s->redirect.sockets = ipb_bpf_map(BPF_MAP_TYPE_XSKMAP, sizeof(uint32_t), sizeof(int), IPB_XSK_QUEUES_MAX, "sockets", err);
	if (s->redirect.sockets < 0)
		return -1;
	if (!how->raw && how->ports > 1) {
		s->redirect.port_bits = ipb_bpf_map(BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof s->port_bits, 1, "ports", err);
		if (s->redirect.port_bits < 0)
			return -1;
	}
	return ipb_xdp_attach(&s->link, d, load, s, err);
}

static int has_same_way(const struct ipb_xdp_share *s, const struct ipb_xdp_device *d, const struct ipb_redirect *how)
{
	const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&s->redirect.own, *b = (const struct sockaddr_in6 *)&how->own;

	if (s->device.ifindex != d->ifindex)
		return 0;
	if (how->raw)
		return 1;
	return a->sin6_family == AF_INET6 ? memcmp(&a->sin6_addr, &b->sin6_addr, 16) == 0 :
	       ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

static int add_ports(struct ipb_xdp_share *s, uint32_t thread, const uint16_t *ports, uint32_t count, struct ipb_error *err)
{
	const uint32_t key = 0;

	for (uint32_t i = 0; i < count; i++) {
		const uint16_t port = ntohs(ports[i]);
		s->port_bits[port / 8] |= (uint8_t)(1 << port % 8);
		s->thread_of[port] = (uint8_t)(thread + 1);
	}
	if (s->redirect.port_bits >= 0 && ipb_bpf_update(s->redirect.port_bits, &key, s->port_bits) < 0)
		return ipb_error_errno(err, errno, "cannot tell the XDP program our ports");
	return 0;
}

int ipb_xdp_share_join(struct ipb_xdp_share *s, uint32_t thread, const struct ipb_xdp_device *d, const struct ipb_redirect *how,
                       const uint16_t *ports, uint32_t count, struct ipb_xdp_key key, struct ipb_error *err)
{
	int status = 0;

	pthread_mutex_lock(&s->opening);
	if (s->link.fd < 0)
		status = attach(s, d, how, err);
	else if (!has_same_way(s, d, how))
		status = ipb_error(err, "argument threads: the kernel sends packets of several threads by several ways to the target, and "
		                   "engine=xdp has one: give bind, or threads=1");
	s->keys[thread] = key;
	if (status == 0)
		status = add_ports(s, thread, ports, count, err);
	pthread_mutex_unlock(&s->opening);
	return status;
}

int ipb_xdp_share_mailbox(struct ipb_xdp_share *s, uint32_t thread, uint32_t largest, struct ipb_error *err)
{
	struct ipb_xdp_mail *m = &s->mail[thread];
	const uint32_t size = (uint32_t)sizeof(struct ipb_xdp_letter) + largest;

	m->letter_size = (size + IPB_APART - 1) / IPB_APART * IPB_APART;
	m->letters = calloc(IPB_XDP_MAIL, m->letter_size);
	return m->letters != NULL ? 0 : ipb_error(err, "no memory for replies that come by another thread's queue");
}

static struct ipb_xdp_letter *letter_at(const struct ipb_xdp_mail *m, uint32_t number)
{
	return (struct ipb_xdp_letter *)(void *)(m->letters + (size_t)(number & (IPB_XDP_MAIL - 1)) * m->letter_size);
}

void ipb_xdp_share_post(struct ipb_xdp_share *s, uint32_t thread, const uint8_t *frame, uint32_t size, uint64_t now_ns)
{
	struct ipb_xdp_mail *m = &s->mail[thread];
	const uint32_t room = m->letter_size - (uint32_t)sizeof(struct ipb_xdp_letter);

	pthread_mutex_lock(&m->writing);
	if (m->put - __atomic_load_n(&m->taken, __ATOMIC_ACQUIRE) == IPB_XDP_MAIL) {
		__atomic_fetch_add(&m->dropped, 1, __ATOMIC_RELAXED);
	} else {
		struct ipb_xdp_letter *l = letter_at(m, m->put);
		l->now_ns = now_ns;
		l->size = size < room ? size : room; /* what is cut is longer than any reply */
		memcpy(l->frame, frame, l->size);
		__atomic_store_n(&m->put, m->put + 1, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&m->writing);
}

const struct ipb_xdp_letter *ipb_xdp_share_letter(const struct ipb_xdp_share *s, uint32_t thread, uint32_t ahead)
{
	const struct ipb_xdp_mail *m = &s->mail[thread];

	return __atomic_load_n(&m->put, __ATOMIC_ACQUIRE) - m->taken > ahead ? letter_at(m, m->taken + ahead) : NULL;
}

void ipb_xdp_share_read(struct ipb_xdp_share *s, uint32_t thread, uint32_t n)
{
	struct ipb_xdp_mail *m = &s->mail[thread];

	__atomic_store_n(&m->taken, m->taken + n, __ATOMIC_RELEASE);
}

uint64_t ipb_xdp_share_dropped(const struct ipb_xdp_share *s, uint32_t thread)
{
	return s->mail != NULL ? __atomic_load_n(&s->mail[thread].dropped, __ATOMIC_RELAXED) : 0;
}
