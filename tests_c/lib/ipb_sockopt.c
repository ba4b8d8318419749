/* Options of sockets; see ipb_sock.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "ipb_sock.h"

static int set_int(int fd, int level, int option, int value, const char *name, struct ipb_error *err)
{
	if (setsockopt(fd, level, option, &value, sizeof value) == 0)
		return 0;
	return ipb_error_errno(err, errno, "cannot set %s to %d", name, value);
}

/* Asks for a buffer beyond the system's limit where that is allowed, within it where not. */
static int set_buffer(int fd, int option, int force, int bytes, const char *name, struct ipb_error *err)
{
	if (bytes == 0 || setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof bytes) == 0)
		return 0;
	return set_int(fd, SOL_SOCKET, option, bytes, name, err);
}

static int apply_ip(int fd, int family, const struct ipb_sock_options *o, struct ipb_error *err)
{
	int v6 = family == AF_INET6;

	if (o->dscp >= 0 && (v6 ? set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, o->dscp << 2, "dscp", err)
	                        : set_int(fd, IPPROTO_IP, IP_TOS, o->dscp << 2, "dscp", err)) < 0)
		return -1;
	if (o->ttl > 0 && (v6 ? set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, o->ttl, "ttl", err)
	                      : set_int(fd, IPPROTO_IP, IP_TTL, o->ttl, "ttl", err)) < 0)
		return -1;
	int v4_df = o->df == IPB_DF_ON ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
	int v6_df = o->df == IPB_DF_ON ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT;
	if (o->df != IPB_DF_SYSTEM && (v6 ? set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, v6_df, "df", err)
	                                  : set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, v4_df, "df", err)) < 0)
		return -1;
	return 0;
}

int ipb_sock_apply(int fd, int family, const struct ipb_sock_options *o, struct ipb_error *err)
{
	int type = 0;
	socklen_t size = sizeof type;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	if (o->device != NULL && *o->device != '\0' &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->device, (socklen_t)strlen(o->device)) < 0)
		return ipb_error_errno(err, errno, "cannot bind to device %.64s", o->device);
	if (set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, o->sndbuf, "sndbuf", err) < 0 ||
	    set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, o->rcvbuf, "rcvbuf", err) < 0)
		return -1;
	if (o->busy_poll_us > 0 && set_int(fd, SOL_SOCKET, SO_BUSY_POLL, o->busy_poll_us, "busy_poll", err) < 0)
		return -1;
	if (o->reuse && set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", err) < 0)
		return -1;
	if ((family == AF_INET || family == AF_INET6) && apply_ip(fd, family, o, err) < 0)
		return -1;
	if (o->nodelay && type == SOCK_STREAM && set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY", err) < 0)
		return -1;
	return o->sockopts != NULL ? ipb_sock_apply_text(fd, o->sockopts, err) : 0;
}

enum form { FLAG, NUMBER, TIME, TOS };

static const struct option {
	const char *name;
	int level, option;
	enum form form;
	int value; /* TOS */
} known[] = {
	{ "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, FLAG, 0 },
	{ "SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, FLAG, 0 },
	{ "SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, FLAG, 0 },
	{ "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, FLAG, 0 },
	{ "IPTOS_LOWDELAY", IPPROTO_IP, IP_TOS, TOS, IPTOS_LOWDELAY },
	{ "IPTOS_THROUGHPUT", IPPROTO_IP, IP_TOS, TOS, IPTOS_THROUGHPUT },
	{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUF, NUMBER, 0 },
	{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, NUMBER, 0 },
	{ "SO_SNDLOWAT", SOL_SOCKET, SO_SNDLOWAT, NUMBER, 0 },
	{ "SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, NUMBER, 0 },
	{ "SO_SNDTIMEO", SOL_SOCKET, SO_SNDTIMEO, TIME, 0 },
	{ "SO_RCVTIMEO", SOL_SOCKET, SO_RCVTIMEO, TIME, 0 },
};

static int apply_one(int fd, const struct option *o, const char *value, struct ipb_error *err)
{
	char *end = NULL;
	long number = value != NULL ? strtol(value, &end, 0) : 1;

	if (value != NULL && (*value == '\0' || *end != '\0' || number < 0 || number > 0x7fffffff))
		return ipb_error(err, "sockopts: %s=%.64s is not a number from 0 to 2147483647", o->name, value);
	if (value == NULL && (o->form == NUMBER || o->form == TIME))
		return ipb_error(err, "sockopts: %s needs a value: %s=…", o->name, o->name);
	if (o->form == TIME) {
		struct timeval t = { .tv_sec = number };
		if (setsockopt(fd, o->level, o->option, &t, sizeof t) == 0)
			return 0;
		return ipb_error_errno(err, errno, "cannot set %s", o->name);
	}
	return set_int(fd, o->level, o->option, o->form == TOS ? o->value : (int)number, o->name, err);
}

int ipb_sock_apply_text(int fd, const char *text, struct ipb_error *err)
{
	char word[128];

	while (*text != '\0') {
		size_t size = strcspn(text, "; ");
		if (size >= sizeof word)
			return ipb_error(err, "sockopts: \"%.60s…\" is too long", text);
		memcpy(word, text, size);
		word[size] = '\0';
		text += size + (text[size] != '\0');
		if (size == 0)
			continue;
		char *value = strchr(word, '=');
		if (value != NULL)
			*value++ = '\0';
		const struct option *o = known, *end = known + sizeof known / sizeof *known;
		while (o < end && strcmp(o->name, word) != 0)
			o++;
		if (o == end)
			return ipb_error(err, "sockopts: %s is not known; known are SO_KEEPALIVE SO_REUSEADDR SO_BROADCAST "
			                 "TCP_NODELAY IPTOS_LOWDELAY IPTOS_THROUGHPUT SO_SNDBUF SO_RCVBUF SO_SNDLOWAT "
			                 "SO_RCVLOWAT SO_SNDTIMEO SO_RCVTIMEO", word);
		if (apply_one(fd, o, value, err) < 0)
			return -1;
	}
	return 0;
}
