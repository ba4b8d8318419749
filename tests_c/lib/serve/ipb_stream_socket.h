/*
 * The options of a stream's socket, at either end.  SPDX-License-Identifier: MIT
 */
#ifndef IPB_STREAM_SOCKET_H
#define IPB_STREAM_SOCKET_H

#include <stdint.h>

#include "ipb_error.h"

#define IPB_STREAM_UDP_BUFFER (8 << 20) /* bytes of a UDP socket's buffers, where nothing else is asked for */

struct ipb_stream_options {
	int udp;
	const char *cc;       /* "" or NULL: the system's */
	uint32_t mss;         /* 0: leave; before connecting */
	uint32_t rcvbuf, sndbuf;
	int dscp;             /* 0..63, -1: leave */
};

/* 0, or -1 and a sentence that names the option. */
int ipb_stream_prepare(int fd, const struct ipb_stream_options *o, struct ipb_error *err);

#endif
