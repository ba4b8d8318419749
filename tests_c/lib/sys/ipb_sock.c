/* Sockets by name; see ipb_sock.h.  SPDX-License-Identifier: MIT */
#include "ipb_sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BACKLOG 128

/* Of libipbench.so.1; an original host has none. */
extern IPBENCH_EXPORT const char *ipbench_pinned_target(void) __attribute__((weak));

/* An IPv4 address in IPv6's form becomes one of IPv4. */
static void unmap(struct ipb_address *a)
{
	const struct sockaddr_in6 six = *(const struct sockaddr_in6 *)&a->storage;
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = six.sin6_port };

	if (six.sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
		return;
	memcpy(&four.sin_addr, six.sin6_addr.s6_addr + 12, sizeof four.sin_addr);
	memset(a, 0, sizeof *a);
	memcpy(&a->storage, &four, sizeof four);
	a->size = sizeof four;
}

static const char *kind(int type) { return type == SOCK_STREAM ? "TCP" : "UDP"; }

/* Adds the addresses of start, which is a name or a literal, to out[0..n); code of getaddrinfo, 0 when all went well. */
static int look_up(const char *start, uint16_t port, const struct addrinfo *hints, struct ipb_address *out, int *n, int max)
{
	struct addrinfo *list = NULL;
	char service[8];

	snprintf(service, sizeof service, "%u", port);
	int code = getaddrinfo(*start != '\0' ? start : NULL, service, hints, &list);
	if (code != 0)
		return code;
	for (struct addrinfo *a = list; a != NULL && *n < max; a = a->ai_next) {
		if (a->ai_addrlen > sizeof out[*n].storage)
			continue;
		memset(&out[*n], 0, sizeof out[*n]);
		memcpy(&out[*n].storage, a->ai_addr, a->ai_addrlen);
		out[*n].size = a->ai_addrlen;
		unmap(&out[(*n)++]);
	}
	freeaddrinfo(list);
	return 0;
}

/* The addresses that the host has pinned, a line each, when host is the first of them; NULL else. */
static const char *pinned_for(const char *host)
{
	const char *pinned = ipbench_pinned_target != NULL ? ipbench_pinned_target() : "";
	size_t length = strlen(host);

	return length > 0 && strncmp(pinned, host, length) == 0 && pinned[length] == '\n' ? pinned : NULL;
}

int ipb_sock_resolve(const char *host, uint16_t port, int type, int passive, struct ipb_address *out, int max,
                     struct ipb_error *err)
{
	struct addrinfo hints = { .ai_socktype = type, .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0) };
	char name[IPB_SOCK_RESOLVE_MAX + 1];
	size_t length = host != NULL ? strlen(host) : 0;
	int n = 0, code = 0;

	if (length > IPB_SOCK_RESOLVE_MAX)
		return ipb_error(err, "the host name is longer than %d bytes", IPB_SOCK_RESOLVE_MAX);
	if (length == 0 && !passive)
		return ipb_error(err, "no host was given");
	memcpy(name, host != NULL ? host : "", length + 1);
	char *start = name;
	if (length > 2 && name[0] == '[' && name[length - 1] == ']') {
		name[length - 1] = '\0';
		start++;
	}
	const char *pinned = passive ? NULL : pinned_for(start);
	if (pinned == NULL)
		code = look_up(start, port, &hints, out, &n, max);
	for (hints.ai_flags |= AI_NUMERICHOST; pinned != NULL && *pinned != '\0' && code == 0;) {
		size_t line = strcspn(pinned, "\n");
		if (line >= sizeof name)
			break;
		memcpy(name, pinned, line);
		name[line] = '\0';
		pinned += line + (pinned[line] != '\0');
		code = look_up(name, port, &hints, out, &n, max);
	}
	if (code != 0)
		return ipb_error(err, "cannot resolve \"%s\": %s", host != NULL ? host : "",
		                 code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
	return n > 0 ? n : ipb_error(err, "\"%s\" has no address", host != NULL ? host : "");
}

int ipb_sock_no_mptcp(int error, struct ipb_error *err)
{
	if (error != EPROTONOSUPPORT && error != ENOPROTOOPT && error != EINVAL)
		return ipb_error_errno(err, error, "cannot open a Multipath TCP socket");
	return ipb_error(err, "argument mptcp: Multipath TCP is not to be had here (%s): the kernel has to be built with CONFIG_MPTCP, "
	                 "and sysctl net.mptcp.enabled has to be 1; else leave mptcp out", strerror(error));
}

static int listen_one(struct ipb_address *at, const char *host, uint16_t port, int type,
                      const struct ipb_sock_options *options, struct ipb_error *err)
{
	const int mptcp = options != NULL && options->mptcp && type == SOCK_STREAM;
	int family = at->storage.ss_family, no = 0, yes = 1;
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, mptcp ? IPB_IPPROTO_MPTCP : 0);

	if (fd < 0 && mptcp)
		return ipb_sock_no_mptcp(errno, err);
	if (fd < 0)
		return ipb_error_errno(err, errno, "cannot open a %s socket", kind(type));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (options != NULL && ipb_sock_apply(fd, family, options, err) < 0)
		goto fail;
	if (bind(fd, (struct sockaddr *)&at->storage, at->size) == 0 && (type != SOCK_STREAM || listen(fd, BACKLOG) == 0))
		return fd;
	ipb_error_errno(err, errno, "cannot listen on %s port %u (%s)", host != NULL && *host ? host : "any address", port,
	                kind(type));
fail:
	close(fd);
	return -1;
}

int ipb_sock_listen(const char *host, uint16_t port, int type, const struct ipb_sock_options *options,
                    struct ipb_error *err)
{
	struct ipb_address found[IPB_SOCK_ADDRESSES_MAX];
	int any = host == NULL || *host == '\0', fd = -1;
	int n = ipb_sock_resolve(any ? "::" : host, port, type, 1, found, IPB_SOCK_ADDRESSES_MAX, err);

	for (int i = 0; i < n && fd < 0; i++)
		fd = listen_one(&found[i], host, port, type, options, err);
	if (fd >= 0 || !any)
		return fd;
	n = ipb_sock_resolve("0.0.0.0", port, type, 1, found, IPB_SOCK_ADDRESSES_MAX, err);
	return n < 0 ? -1 : listen_one(&found[0], host, port, type, options, err);
}

int ipb_sock_raw(const char *iface, uint16_t ether_type, int *ifindex, uint8_t *mac, struct ipb_error *err)
{
	struct ifreq request = { 0 };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ether_type) };
	int fd = -1;

	if (iface == NULL || *iface == '\0')
		return ipb_error(err, "raw Ethernet needs an interface: give iface=NAME");
	if (strlen(iface) >= sizeof request.ifr_name)
		return ipb_error(err, "\"%.64s\" is no interface name: it is too long", iface);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 && (errno == EPERM || errno == EACCES))
		return ipb_error(err, "raw Ethernet needs CAP_NET_RAW: start it as root, or grant it once with "
		                 "\"setcap cap_net_raw+ep %s\"", ipb_program());
	if (fd < 0)
		return ipb_error_errno(err, errno, "cannot open a packet socket");
	memcpy(request.ifr_name, iface, strlen(iface));
	if (ioctl(fd, SIOCGIFINDEX, &request) < 0) {
		ipb_error_errno(err, errno, "no interface \"%s\"", iface);
		goto fail;
	}
	at.sll_ifindex = request.ifr_ifindex;
	if (ifindex != NULL)
		*ifindex = request.ifr_ifindex;
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0 || !(request.ifr_flags & IFF_UP)) {
		ipb_error(err, "interface %s is down: \"ip link set %s up\"", iface, iface);
		goto fail;
	}
	if (mac != NULL) {
		if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) {
			ipb_error_errno(err, errno, "cannot read the address of %s", iface);
			goto fail;
		}
		memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	}
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
		ipb_error_errno(err, errno, "cannot bind a packet socket to %s", iface);
		goto fail;
	}
	return fd;
fail:
	close(fd);
	return -1;
}

int ipb_parse_mac(const char *text, uint8_t mac[6])
{
	for (int i = 0; i < 6; i++) {
		unsigned v = 0;
		for (int k = 0; k < 2; k++, text++) {
			unsigned c = (unsigned char)*text;
			if (c - '0' < 10)
				v = v * 16 + (c - '0');
			else if ((c | 32) - 'a' < 6)
				v = v * 16 + (c | 32) - 'a' + 10;
			else
				return -1;
		}
		mac[i] = (uint8_t)v;
		if (i < 5 && *text != ':' && *text != '-')
			return -1;
		text += i < 5;
	}
	return *text == '\0' ? 0 : -1;
}

uint64_t ipb_sock_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof info;

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

void ipb_sock_watch_peer(int fd, int idle_s, int interval_s, int probes)
{
	const int yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

uint16_t ipb_sock_port(int fd)
{
	struct sockaddr_storage at;
	socklen_t size = sizeof at;

	if (getsockname(fd, (struct sockaddr *)&at, &size) < 0)
		return 0;
	if (at.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&at)->sin_port);
	return at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port) : 0;
}

void ipb_sock_name(const struct sockaddr *address, socklen_t size, char *to, size_t to_size)
{
	char host[NI_MAXHOST], port[8];

	if (getnameinfo(address, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(to, to_size, "?");
	else
		snprintf(to, to_size, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

uint64_t ipb_sock_host(const struct sockaddr_storage *a)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)a)->sin6_addr;
	uint64_t host = 0;

	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr;
	if (a->ss_family == AF_INET6)
		memcpy(&host, six->s6_addr + (IN6_IS_ADDR_V4MAPPED(six) ? 8 : 0), sizeof host);
	return host;
}

int ipb_sock_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return 0;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return a->ss_family == AF_INET6 && memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
	                                          &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}
