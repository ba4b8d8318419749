/*
 * The result of discard as bytes.  SPDX-License-Identifier: MIT
 */
#ifndef DISCARD_MARSHAL_H
#define DISCARD_MARSHAL_H

#include "result.h"
#include "sender.h"

/* What the senders did, one of each thread (NULL: none was set up); left: by the interface, of what the kernel made. *data is
 * allocated. 0, or -1 without memory. */
int discard_marshal(const struct sender *senders, const struct ipb_threads *threads, const struct left *left, int extended,
                    char **data, int *size);

#endif
