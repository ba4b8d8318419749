/*
 * One XDP program for the AF_XDP sockets of all engines that make one measurement, and the replies that they hand each other.
 * SPDX-License-Identifier: MIT
 *
 * An interface has one program, and gives a frame to the socket of the queue by which it came; which that is, the card decides.
 * So the thread that has the queue reads the frame, and where the packet is another thread's, it puts a copy into that one's mail,
 * with the time at which it was read. Nothing else is written by two threads; mail that finds no room is dropped, and counted.
 */
#ifndef IPB_XDP_SHARE_H
#define IPB_XDP_SHARE_H

#include <pthread.h>
#include <stdint.h>

#include "ipb_apart.h"
#include "ipb_error.h"
#include "ipb_redirect.h"
#include "ipb_xdp.h"

#define IPB_XDP_MAIL 4096u /* frames that wait for one thread at most; a power of two */
#define IPB_XDP_PORTS 65536u

struct ipb_xdp_letter {
	uint64_t now_ns; /* when it was read */
	uint32_t size;
	uint8_t frame[];
};

/* One writes at a time, and one reads. */
struct ipb_xdp_mail {
	_Alignas(IPB_APART) uint32_t taken; /* atomic; the reader's */
	_Alignas(IPB_APART) uint32_t put;   /* atomic; the writers' */
	uint64_t dropped;                   /* atomic */
	pthread_mutex_t writing;
	uint8_t *letters;
	uint32_t letter_size;
};

/* What the raw frames of a thread have in common and no other thread's do. */
struct ipb_xdp_key {
	uint32_t high; /* half of a packet's number, which is its run's */
	int has_run;   /* packets have a header, and in it */
	uint64_t run;
};

struct ipb_xdp_share {
	uint32_t threads;
	struct ipb_xdp_device device;       /* when link.fd >= 0 */
	struct ipb_xdp_link link;
	struct ipb_redirect redirect;
	pthread_mutex_t opening;            /* of threads that join: */
	uint8_t port_bits[IPB_REDIRECT_PORTS_SIZE];
	uint8_t thread_of[IPB_XDP_PORTS];   /* UDP: by own port, thread + 1; 0: nobody's */
	struct ipb_xdp_key *keys;           /* raw: of each thread */
	struct ipb_xdp_mail *mail;          /* of each thread; NULL: there is one */
};

/* NULL and a sentence on failure. */
struct ipb_xdp_share *ipb_xdp_share_open(uint32_t threads, struct ipb_error *err);
/* Takes the program off. The engines may still be open; they do not run any more. */
void ipb_xdp_share_close(struct ipb_xdp_share *s);

/* A thread has these ports (in network byte order), or raw frames of this key. The first thread to join has the
 * program attached, made of *how, whose maps are made here. 0, or -1 and a sentence. */
int ipb_xdp_share_join(struct ipb_xdp_share *s, uint32_t thread, const struct ipb_xdp_device *d, const struct ipb_redirect *how,
                       const uint16_t *ports, uint32_t count, struct ipb_xdp_key key, struct ipb_error *err);
/* A thread can be given frames of up to `largest` bytes by the others. 0, or -1 and a sentence. */
int ipb_xdp_share_mailbox(struct ipb_xdp_share *s, uint32_t thread, uint32_t largest, struct ipb_error *err);

/* Frames for another thread, which was given by a port or a key. */
void ipb_xdp_share_post(struct ipb_xdp_share *s, uint32_t thread, const uint8_t *frame, uint32_t size, uint64_t now_ns);
/* The mail of a thread: the ahead-th letter that waits, or NULL; and that n of them were read. */
const struct ipb_xdp_letter *ipb_xdp_share_letter(const struct ipb_xdp_share *s, uint32_t thread, uint32_t ahead);
void ipb_xdp_share_read(struct ipb_xdp_share *s, uint32_t thread, uint32_t n);
/* Letters that found no room. */
uint64_t ipb_xdp_share_dropped(const struct ipb_xdp_share *s, uint32_t thread);

#endif
