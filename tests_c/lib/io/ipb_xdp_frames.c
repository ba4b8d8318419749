/* See ipb_xdp_frames.h. Checksums: RFC 1071.  SPDX-License-Identifier: MIT */
#include "ipb_xdp_frames.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "ipb_bytes.h"

#define ETHERNET 14u
#define UDP_HEADER 8u
#define IP4_HEADER 20u
#define IP6_HEADER 40u

uint64_t ipb_xdp_sum(uint64_t sum, const void *data, uint32_t size)
{
	const uint8_t *at = data;
	uint32_t word;

	/* 32-bit words into 64 bits: no carry is lost. */
	for (; size >= 4; at += 4, size -= 4) {
		memcpy(&word, at, 4);
		sum += word;
	}
	if (size > 0) {
		word = 0;
		memcpy(&word, at, size);
		sum += word;
	}
	return sum;
}

uint16_t ipb_xdp_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffffu);
	sum = (sum >> 32) + (sum & 0xffffffffu);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

static void write_ip(struct ipb_xdp_frames *f, const struct ipb_xdp_path *p)
{
	uint8_t *ip = f->start + ETHERNET;

	if (f->six) {
		ip[0] = (uint8_t)(0x60 | p->tos >> 4);
		ip[1] = (uint8_t)(p->tos << 4);
		ip[6] = IPPROTO_UDP;
		ip[7] = p->hops;
		memcpy(ip + 8, &((const struct sockaddr_in6 *)&p->own)->sin6_addr, 16);
		memcpy(ip + 24, &((const struct sockaddr_in6 *)&p->target)->sin6_addr, 16);
	} else {
		ip[0] = 0x45;
		ip[1] = p->tos;
		ip[6] = p->may_fragment ? 0 : 0x40;
		ip[8] = p->hops;
		ip[9] = IPPROTO_UDP;
		memcpy(ip + 12, &((const struct sockaddr_in *)&p->own)->sin_addr, 4);
		memcpy(ip + 16, &((const struct sockaddr_in *)&p->target)->sin_addr, 4);
	}
	memcpy(f->start + f->headers - 6, &((const struct sockaddr_in6 *)&p->target)->sin6_port, 2); /* IPv4's is at the same place */
}

static void add_size(struct ipb_xdp_frames *f, uint32_t size)
{
	struct ipb_xdp_size *s = &f->sizes[f->size_count++];
	const uint8_t *ip = f->start + ETHERNET;

	*s = (struct ipb_xdp_size){ .size = size };
	if (f->raw)
		return;
	if (!f->six) {
		const uint64_t header = ipb_xdp_sum(0, ip, IP4_HEADER) + htons((uint16_t)(IP4_HEADER + UDP_HEADER + size));
		s->ip_sum = (uint16_t)~ipb_xdp_fold(header);
	}
	s->sum = ipb_xdp_sum(0, f->six ? ip + 8 : ip + 12, f->six ? 32 : 8) + htons(IPPROTO_UDP) +
	         2ull * htons((uint16_t)(UDP_HEADER + size)) + ipb_xdp_sum(0, f->start + f->headers - 6, 2);
	if (size > f->fixed)
		s->sum = ipb_xdp_sum(s->sum, f->pattern + f->fixed, size - f->fixed);
}

void ipb_xdp_frames_init(struct ipb_xdp_frames *f, const struct ipb_xdp_path *p, const struct ipb_sizes *sizes, uint32_t overhead,
                         int raw, uint16_t ether_type, uint32_t changes, const uint8_t *pattern)
{
	memset(f, 0, sizeof *f);
	f->raw = raw;
	f->six = !raw && p->target.ss_family == AF_INET6;
	f->headers = raw ? ETHERNET : ETHERNET + (f->six ? IP6_HEADER : IP4_HEADER) + UDP_HEADER;
	f->pattern = pattern;
	f->fixed = (changes + 3) / 4 * 4;
	memcpy(f->start, p->next_mac, 6);
	memcpy(f->start + 6, p->own_mac, 6);
	ipb_put_be(f->start + 12, raw ? ether_type : f->six ? 0x86dd : 0x0800, 2);
	if (!raw)
		write_ip(f, p);
	for (uint32_t i = 0; i < sizes->count; i++)
		add_size(f, sizes->size[i] - overhead);
}

void ipb_xdp_frames_prepare(const struct ipb_xdp_frames *f, uint8_t *frame, uint32_t room)
{
	if (room > f->headers)
		memcpy(frame + f->headers, f->pattern, room - f->headers);
}

static const struct ipb_xdp_size *find(const struct ipb_xdp_frames *f, uint32_t size)
{
	uint32_t i = 0;

	while (i + 1 < f->size_count && f->sizes[i].size != size)
		i++;
	return &f->sizes[i];
}

uint32_t ipb_xdp_frames_write(const struct ipb_xdp_frames *f, uint8_t *frame, const uint8_t *payload, uint32_t size, uint16_t port,
                              int whole)
{
	const uint32_t start = size < f->fixed ? size : f->fixed;
	uint8_t *to = frame + f->headers, *udp = to - UDP_HEADER;

	memcpy(frame, f->start, f->headers);
	memcpy(to, payload, whole ? size : start);
	if (f->raw)
		return f->headers + size;
	const struct ipb_xdp_size *s = find(f, size);
	const uint16_t length = htons((uint16_t)(UDP_HEADER + size));
	if (f->six) {
		memcpy(frame + ETHERNET + 4, &length, 2);
	} else {
		const uint16_t total = htons((uint16_t)(IP4_HEADER + UDP_HEADER + size));
		memcpy(frame + ETHERNET + 2, &total, 2);
		memcpy(frame + ETHERNET + 10, &s->ip_sum, 2);
	}
	uint16_t sum = (uint16_t)~ipb_xdp_fold(ipb_xdp_sum(s->sum + port, to, start));
	sum = sum != 0 ? sum : 0xffff;
	memcpy(udp, &port, 2);
	memcpy(udp + 4, &length, 2);
	memcpy(udp + 6, &sum, 2);
	return f->headers + size;
}
