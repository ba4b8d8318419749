/* Options of sockets; see ipb_sock.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "ipb_sock.h"

static int get_int(int fd, int level, int option, int *value)
{
	socklen_t size = sizeof *value;

	return getsockopt(fd, level, option, value, &size);
}

/* Sets an option and reads it back: one that a kernel accepts and does not keep is an error, too. */
static int set_int(int fd, int level, int option, int value, const char *name, struct ipb_error *err)
{
	int now = value;

	if (setsockopt(fd, level, option, &value, sizeof value) < 0)
		return ipb_error_errno(err, errno, "cannot set %s to %d", name, value);
	if (get_int(fd, level, option, &now) == 0 && now != value)
		return ipb_error(err, "cannot set %s to %d: the system made it %d", name, value, now);
	return 0;
}

/* least: fewer bytes are an error, with what to do about it. */
static int check_buffer(int fd, int option, int least, const char *name, struct ipb_error *err)
{
	int now = 0;

	if (get_int(fd, SOL_SOCKET, option, &now) < 0 || now / 2 >= least) /* the kernel keeps twice what was asked for */
		return 0;
	return ipb_error(err, "cannot set %s to %d bytes: the system gives %d (as root, or with CAP_NET_ADMIN, there is no limit; "
	                 "or raise \"sysctl net.core.%s_max\")", name, least, now / 2, option == SO_SNDBUF ? "wmem" : "rmem");
}

/* Asks for a buffer beyond the system's limit where that is allowed, within it where not. */
static int set_buffer(int fd, int option, int force, int bytes, int least, const char *name, struct ipb_error *err)
{
	if (bytes == 0)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof bytes) < 0 &&
	    setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes) < 0)
		return ipb_error_errno(err, errno, "cannot set %s to %d", name, bytes);
	return check_buffer(fd, option, least, name, err);
}

/* An option of IPv4, and its like of IPv6. A socket of IPv6 has both: it may carry packets of either. */
static int set_ip(int fd, int family, int v4, int v4_value, int v6, int v6_value, const char *name, struct ipb_error *err)
{
	if (family == AF_INET6 && set_int(fd, IPPROTO_IPV6, v6, v6_value, name, err) < 0)
		return -1;
	return set_int(fd, IPPROTO_IP, v4, v4_value, name, err);
}

static int apply_ip(int fd, int family, int type, const struct ipb_sock_options *o, struct ipb_error *err)
{
	const int on = o->df == IPB_DF_ON, tcp = type == SOCK_STREAM;

	if (o->dscp >= 0 && set_ip(fd, family, IP_TOS, o->dscp << 2, IPV6_TCLASS, o->dscp << 2, "dscp", err) < 0)
		return -1;
	if (o->ttl > 0 && set_ip(fd, family, IP_TTL, o->ttl, IPV6_UNICAST_HOPS, o->ttl, "ttl", err) < 0)
		return -1;
	if (o->df == IPB_DF_SYSTEM)
		return 0;
	/* Anybody can forge what a router says of the path's MTU (not so to TCP, which compares numbers). Datagrams go by the interface's;
	 * but with IPv6 no router makes fragments. */
	const int four_on = tcp ? IP_PMTUDISC_DO : IP_PMTUDISC_PROBE, six_on = tcp ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_PROBE;
	const int four_off = tcp ? IP_PMTUDISC_DONT : IP_PMTUDISC_OMIT, six_off = IPV6_PMTUDISC_DONT;
	return set_ip(fd, family, IP_MTU_DISCOVER, on ? four_on : four_off, IPV6_MTU_DISCOVER, on ? six_on : six_off, "df", err);
}

/* What belongs to the headers of IP, UDP and TCP has no effect on Ethernet frames. */
static int check_frames(const struct ipb_sock_options *o, struct ipb_error *err)
{
	const char *name = o->dscp >= 0 ? "dscp" : o->ttl > 0 ? "ttl" : o->df == IPB_DF_ON ? "df" : o->bind_port != 0 ? "bind_port"
	                   : o->bind_host != NULL && *o->bind_host != '\0' ? "bind" : NULL;

	return name == NULL ? 0 : ipb_error(err, "argument %s: raw Ethernet frames have no IP header; leave it out", name);
}

int ipb_sock_apply(int fd, int family, const struct ipb_sock_options *o, struct ipb_error *err)
{
	int type = 0;
	socklen_t size = sizeof type;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	if (o->device != NULL && *o->device != '\0' &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, o->device, (socklen_t)strlen(o->device)) < 0)
		return ipb_error_errno(err, errno, "cannot bind to device %.64s", o->device);
	if (set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, o->sndbuf, o->sndbuf_least, "sndbuf", err) < 0 ||
	    set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, o->rcvbuf, o->rcvbuf_least, "rcvbuf", err) < 0)
		return -1;
	if (family == AF_PACKET && check_frames(o, err) < 0)
		return -1;
	if (o->busy_poll_us > 0 && set_int(fd, SOL_SOCKET, SO_BUSY_POLL, o->busy_poll_us, "busy_poll", err) < 0)
		return -1;
	if (o->reuse && set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", err) < 0)
		return -1;
	if (o->reuse_port && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", err) < 0)
		return -1;
	if ((family == AF_INET || family == AF_INET6) && apply_ip(fd, family, type, o, err) < 0)
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
	if (o->form == TOS) {
		int family = AF_UNSPEC;
		get_int(fd, SOL_SOCKET, SO_DOMAIN, &family);
		return set_ip(fd, family, IP_TOS, o->value, IPV6_TCLASS, o->value, o->name, err);
	}
	if (o->form == FLAG)
		return set_int(fd, o->level, o->option, number != 0, o->name, err);
	int wanted = (int)number;
	if (setsockopt(fd, o->level, o->option, &wanted, sizeof wanted) < 0)
		return ipb_error_errno(err, errno, "cannot set %s to %d", o->name, wanted);
	return o->option == SO_SNDBUF || o->option == SO_RCVBUF ? check_buffer(fd, o->option, wanted, o->name, err) : 0;
}

int ipb_sock_apply_word(int fd, char *word, struct ipb_error *err)
{
	const struct option *o = known, *end = known + sizeof known / sizeof *known;
	char *value = strchr(word, '=');

	if (value != NULL)
		*value++ = '\0';
	while (o < end && strcasecmp(o->name, word) != 0)
		o++;
	if (o < end)
		return apply_one(fd, o, value, err);
	return ipb_error(err, "sockopts: %s is not known; known are SO_KEEPALIVE SO_REUSEADDR SO_BROADCAST TCP_NODELAY "
	                 "IPTOS_LOWDELAY IPTOS_THROUGHPUT SO_SNDBUF SO_RCVBUF SO_SNDLOWAT SO_RCVLOWAT SO_SNDTIMEO SO_RCVTIMEO",
	                 word);
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
		if (size > 0 && ipb_sock_apply_word(fd, word, err) < 0 && ipb_forgive(err) < 0)
			return -1;
	}
	return 0;
}
