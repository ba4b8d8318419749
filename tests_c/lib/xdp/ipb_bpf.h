/*
 * The bpf(2) calls that are needed here, without libbpf.  SPDX-License-Identifier: MIT
 *
 * All descriptors are close-on-exec. Nothing is pinned: maps, programs and links end with their last descriptor, so that
 * nothing of ours outlives its process, however that dies.
 */
#ifndef IPB_BPF_H
#define IPB_BPF_H

#include <stddef.h>
#include <stdint.h>

#include "ipb_asm.h"
#include "ipb_error.h"

/* A map of that type (BPF_MAP_TYPE_…), or -1 and a sentence. what: for the sentence. */
int ipb_bpf_map(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t entries, const char *what,
                struct ipb_error *err);
int ipb_bpf_update(int map, const void *key, const void *value);
/* Per-CPU maps: a value of every possible processor, each rounded up to 8 bytes. 0, or -1 with errno. */
int ipb_bpf_lookup(int map, const void *key, void *value);
/* Processors that the kernel may have: so many values has an entry of a per-CPU map. At least 1. */
uint32_t ipb_bpf_cpus(void);

/* Ends the program's assembly and loads it for XDP. Its descriptor, or -1 and a sentence with what the kernel's
 * verifier objected to. */
int ipb_bpf_load(struct ipb_asm *a, const char *name, uint32_t flags, struct ipb_error *err);

/* Runs a loaded program once on a frame, as a trial: nothing is sent. *size: of data in, of what came out out (at most room).
 * Returns the program's verdict, or -1 with errno. */
int ipb_bpf_try(int program, void *data, uint32_t *size, uint32_t room);
/* The same as if the frame had come to that interface and queue; repeat: times, *ns (may be NULL): the mean of one. */
int ipb_bpf_repeat(int program, void *data, uint32_t *size, uint32_t room, uint32_t repeat, uint32_t *ns);

/* Has the kernel make `repeat` frames like data (14..IPB_BPF_INJECT_MAX bytes) and let the program decide about each: one that
 * it redirects to an interface leaves there. A frame's memory may be another's before it, as the program left that. 0, or -1 with
 * errno: some may have been made then, too. Linux 5.18; Documentation/bpf/bpf_prog_run.rst. */
#define IPB_BPF_INJECT_MAX 3072u
int ipb_bpf_inject(int program, const void *data, uint32_t size, uint32_t repeat);

/* The name of the program with that id, into to; its id as text when the kernel does not give it. */
void ipb_bpf_name(uint32_t id, char *to, size_t size);

#endif
