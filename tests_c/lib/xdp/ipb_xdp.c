/* See ipb_xdp.h.  SPDX-License-Identifier: MIT */
#include "ipb_xdp.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipb_bpf.h"
#include "ipb_link.h"

#define STATISTICS_MAX 4096u /* counters of a driver that are read */

static int ask(int fd, const char *name, unsigned long request, struct ifreq *r)
{
	memset(r->ifr_name, 0, sizeof r->ifr_name);
	memcpy(r->ifr_name, name, strlen(name));
	return ioctl(fd, request, r);
}

/* Queues of a kind ("rx-", "tx-") that are in use: the kernel shows those alone. */
static uint32_t count_queues(const char *name, const char *kind)
{
	char path[64];
	uint32_t n = 0;

	snprintf(path, sizeof path, "/sys/class/net/%s/queues", name);
	DIR *folder = opendir(path);
	for (struct dirent *d; folder != NULL && (d = readdir(folder)) != NULL;)
		n += strncmp(d->d_name, kind, strlen(kind)) == 0;
	if (folder != NULL)
		closedir(folder);
	return n > 0 ? n : 1;
}

int ipb_xdp_device(struct ipb_xdp_device *d, const char *name, const char *what, struct ipb_error *err)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq r = { 0 };
	int status = -1;

	memset(d, 0, sizeof *d);
	if (name == NULL || *name == '\0')
		return ipb_error(err, "%s: an XDP program needs an interface: give its name", what);
	if (strlen(name) >= sizeof d->name)
		return ipb_error(err, "%s: \"%.64s\" is no interface name: it is too long", what, name);
	memcpy(d->name, name, strlen(name));
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ipb_error_errno(err, errno, "cannot open a socket");
	if (ask(fd, name, SIOCGIFINDEX, &r) < 0) {
		ipb_error_errno(err, errno, "%s: no interface \"%s\"", what, name);
		goto end;
	}
	d->ifindex = (uint32_t)r.ifr_ifindex;
	if (ask(fd, name, SIOCGIFFLAGS, &r) < 0 || !(r.ifr_flags & IFF_UP)) {
		ipb_error(err, "%s: interface %s is down: \"ip link set %s up\"", what, name, name);
		goto end;
	}
	if (ask(fd, name, SIOCGIFHWADDR, &r) < 0 ||
	    (r.ifr_hwaddr.sa_family != ARPHRD_ETHER && r.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)) {
		ipb_error(err, "%s: %s is no Ethernet interface", what, name);
		goto end;
	}
	memcpy(d->mac, r.ifr_hwaddr.sa_data, sizeof d->mac);
	d->mtu = ask(fd, name, SIOCGIFMTU, &r) == 0 ? (uint32_t)r.ifr_mtu : 1500;
	r.ifr_data = (void *)&driver;
	if (ask(fd, name, SIOCETHTOOL, &r) == 0)
		snprintf(d->driver, sizeof d->driver, "%.31s", driver.driver);
	d->queues = count_queues(name, "rx-");
	d->send_queues = count_queues(name, "tx-");
	r.ifr_data = (void *)&channels; /* the kernel shows no queues of another namespace's /sys */
	if (ask(fd, name, SIOCETHTOOL, &r) == 0 && channels.rx_count + channels.combined_count > 0) {
		d->queues = channels.rx_count + channels.combined_count;
		d->send_queues = channels.tx_count + channels.combined_count;
	}
	status = 0;
end:
	close(fd);
	return status;
}

/* The number of the program that is attached to an interface, of whatever mode; 0: there is none. */
static uint32_t attached(const struct ipb_xdp_device *d)
{
	_Alignas(struct nlmsghdr) char answer[IPB_NETLINK_ANSWER];
	uint32_t id = 0;
	const struct nlmsghdr *m = ipb_netlink_interface(d->ifindex, answer, sizeof answer);

	if (m == NULL)
		return 0;
	int left = (int)m->nlmsg_len - (int)NLMSG_LENGTH(sizeof(struct ifinfomsg));
	for (struct rtattr *a = (struct rtattr *)((char *)NLMSG_DATA(m) + NLMSG_ALIGN(sizeof(struct ifinfomsg))); RTA_OK(a, left);
	     a = RTA_NEXT(a, left)) {
		if ((a->rta_type & NLA_TYPE_MASK) != IFLA_XDP)
			continue;
		int inside = (int)RTA_PAYLOAD(a);
		for (struct rtattr *b = RTA_DATA(a); RTA_OK(b, inside); b = RTA_NEXT(b, inside))
			if (b->rta_type == IFLA_XDP_PROG_ID && RTA_PAYLOAD(b) >= sizeof id)
				memcpy(&id, RTA_DATA(b), sizeof id);
	}
	return id;
}

static int make_link(int program, uint32_t ifindex, uint32_t flags)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.link_create.prog_fd = (uint32_t)program;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = flags;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof attr);
}

/* A descriptor of a link in that mode, -1 with errno, or -2 and a sentence when the program could not be loaded. */
static int attach_as(const struct ipb_xdp_device *d, enum ipb_xdp_mode mode,
                     int (*load)(void *with, enum ipb_xdp_mode mode, struct ipb_error *err), void *with, struct ipb_error *err)
{
	int program = load(with, mode, err);

	if (program < 0)
		return -2;
	int fd = make_link(program, d->ifindex, mode == IPB_XDP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int error = errno;
	close(program);
	errno = error;
	return fd;
}

static int refuse(const struct ipb_xdp_device *d, int error, struct ipb_error *err)
{
	uint32_t id = attached(d);
	char name[64];

	if (id != 0) {
		ipb_bpf_name(id, name, sizeof name);
		return ipb_error(err, "%s has another XDP program, %s: an interface takes one; end what attached it, or take it off with "
		                 "\"ip link set dev %s xdp off\"", d->name, name, d->name);
	}
	if (error == EPERM || error == EACCES)
		return ipb_error(err, "an XDP program on %s needs CAP_NET_ADMIN and CAP_BPF: start it as root, or grant them once with "
		                 "\"setcap cap_bpf,cap_net_admin,cap_net_raw+ep %s\"", d->name, ipb_program());
	if (error == EINVAL)
		return ipb_error_errno(err, error, "an XDP program cannot be attached to %s: links of programs need Linux 5.9, and %s "
		                       "a driver that can have one now (a bond's or bridge's members may not)", d->name, d->name);
	return ipb_error_errno(err, error, "an XDP program cannot be attached to %s", d->name);
}

int ipb_xdp_attach(struct ipb_xdp_link *link, const struct ipb_xdp_device *d,
                   int (*load)(void *with, enum ipb_xdp_mode mode, struct ipb_error *err), void *with, struct ipb_error *err)
{
	char text[64];

	*link = (struct ipb_xdp_link){ .fd = attach_as(d, IPB_XDP_NATIVE, load, with, err), .mode = IPB_XDP_NATIVE };
	if (link->fd == -2)
		return link->fd = -1;
	if (link->fd >= 0)
		return 0;
	int native = errno;
	if (native == EBUSY || native == EEXIST || native == EPERM || native == EACCES)
		return refuse(d, native, err);
	link->mode = IPB_XDP_GENERIC;
	link->fd = attach_as(d, IPB_XDP_GENERIC, load, with, err);
	if (link->fd == -2)
		return link->fd = -1;
	if (link->fd < 0)
		return refuse(d, errno, err);
	if (native == EOPNOTSUPP)
		snprintf(link->why, sizeof link->why, "driver %s has no XDP", *d->driver != '\0' ? d->driver : "of the interface");
	else
		snprintf(link->why, sizeof link->why, "driver %s refused it: %s%s", d->driver, strerror_r(native, text, sizeof text),
		         native == ENOSPC ? " (too few queues: \"ethtool -L\")" : native == ERANGE ? " (the MTU is too large)" : "");
	return 0;
}

void ipb_xdp_detach(struct ipb_xdp_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

/* Whether a driver's counter is about frames that a program wanted to send and that were thrown away: drivers name them as
 * they like, xdp_tx_errors, rx_xdp_tx_full, xdp_xmit_drops. What others sent through XDP is not this program's. */
static int is_send_error(const char *name)
{
	return strstr(name, "xdp_tx") != NULL &&
	       (strstr(name, "err") != NULL || strstr(name, "drop") != NULL || strstr(name, "full") != NULL || strstr(name, "fail") != NULL);
}

int ipb_xdp_send_errors(const struct ipb_xdp_device *d, uint64_t *count)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_gstrings *names = NULL;
	struct ethtool_stats *values = NULL;
	struct ifreq r = { 0 };
	int found = -1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*count = 0;
	if (fd < 0)
		return -1;
	r.ifr_data = (void *)&driver;
	if (ask(fd, d->name, SIOCETHTOOL, &r) < 0 || driver.n_stats == 0 || driver.n_stats > STATISTICS_MAX)
		goto end;
	names = calloc(1, sizeof *names + (size_t)driver.n_stats * ETH_GSTRING_LEN);
	values = calloc(1, sizeof *values + driver.n_stats * sizeof(uint64_t));
	if (names == NULL || values == NULL)
		goto end;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	names->len = driver.n_stats;
	r.ifr_data = (void *)names;
	if (ask(fd, d->name, SIOCETHTOOL, &r) < 0)
		goto end;
	values->cmd = ETHTOOL_GSTATS;
	values->n_stats = driver.n_stats;
	r.ifr_data = (void *)values;
	if (ask(fd, d->name, SIOCETHTOOL, &r) < 0)
		goto end;
	for (uint32_t i = 0; i < driver.n_stats; i++) {
		char name[ETH_GSTRING_LEN + 1] = "";
		memcpy(name, names->data + (size_t)i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
		if (is_send_error(name)) {
			*count += values->data[i];
			found = 0;
		}
	}
end:
	free(names);
	free(values);
	close(fd);
	return found;
}
