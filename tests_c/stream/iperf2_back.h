/* Streams that an iperf2 server sends, on connections that it makes to us.  SPDX-License-Identifier: MIT */
#ifndef STREAM_IPERF2_BACK_H
#define STREAM_IPERF2_BACK_H

#include "stream.h"

/* 0, or -1 and a sentence: what an iperf2 server cannot be asked for. */
int iperf2_back_check(const struct stream_config *c, struct ipb_error *err);
/* Finds the server, listens where it is to connect to, and makes the pump's streams, without sockets. */
int iperf2_back_open(struct stream_test *t, struct ipb_error *err);
/* Asks for the streams, and waits for them. */
int iperf2_back_go(struct stream_test *t, struct ipb_error *err);
/* Waits for the end of what the server sends, as long as it was asked to. */
void iperf2_back_end(struct stream_test *t);
/* Never fails; may be called twice. */
void iperf2_back_close(void);

#endif
