/* What a network driver reports of itself, as JSON; see libipbench.h.  SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipb_json.h"
#include "libipbench.h"
#include "xdp_features.h"

static int ask(int fd, const char *iface, void *command)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, iface, sizeof request.ifr_name - 1);
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request);
}

static void driver(struct ipb_json *j, int fd, const char *iface)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (ask(fd, iface, &info) < 0)
		return;
	info.driver[sizeof info.driver - 1] = info.version[sizeof info.version - 1] = '\0';
	info.fw_version[sizeof info.fw_version - 1] = info.bus_info[sizeof info.bus_info - 1] = '\0';
	ipb_json_string(j, "driver", info.driver);
	ipb_json_string(j, "driver_version", info.version);
	ipb_json_string(j, "firmware", info.fw_version);
	ipb_json_string(j, "bus", info.bus_info);
}

static void link_state(struct ipb_json *j, int fd, const char *iface)
{
	/* The kernel has to be given the number of words of its masks: it answers with the negative number first. */
	struct {
		struct ethtool_link_settings settings;
		uint32_t masks[3 * 127];
	} link = { .settings = { .cmd = ETHTOOL_GLINKSETTINGS } };
	struct ethtool_value up = { .cmd = ETHTOOL_GLINK };

	if (ask(fd, iface, &up) == 0)
		ipb_json_bool(j, "link", up.data != 0);
	if (ask(fd, iface, &link) < 0 || link.settings.link_mode_masks_nwords >= 0)
		return;
	link.settings.link_mode_masks_nwords = (int8_t)-link.settings.link_mode_masks_nwords;
	if (ask(fd, iface, &link) < 0)
		return;
	if (link.settings.speed != (uint32_t)SPEED_UNKNOWN)
		ipb_json_uint(j, "speed_mbps", link.settings.speed);
	ipb_json_string(j, "duplex", link.settings.duplex == DUPLEX_FULL ? "full"
	                             : link.settings.duplex == DUPLEX_HALF ? "half" : "unknown");
}

static void offloads(struct ipb_json *j, int fd, const char *iface)
{
	static const struct {
		const char *name;
		uint32_t command;
	} known[] = {
		{ "rx_checksum", ETHTOOL_GRXCSUM }, { "tx_checksum", ETHTOOL_GTXCSUM }, { "scatter_gather", ETHTOOL_GSG },
		{ "tso", ETHTOOL_GTSO }, { "gso", ETHTOOL_GGSO }, { "gro", ETHTOOL_GGRO },
	};
	struct ethtool_value value;

	ipb_json_object(j, "offloads");
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		value = (struct ethtool_value){ .cmd = known[i].command };
		if (ask(fd, iface, &value) == 0)
			ipb_json_bool(j, known[i].name, value.data != 0);
	}
	value = (struct ethtool_value){ .cmd = ETHTOOL_GFLAGS };
	if (ask(fd, iface, &value) == 0) {
		ipb_json_bool(j, "lro", (value.data & ETH_FLAG_LRO) != 0);
		ipb_json_bool(j, "rx_vlan", (value.data & ETH_FLAG_RXVLAN) != 0);
		ipb_json_bool(j, "tx_vlan", (value.data & ETH_FLAG_TXVLAN) != 0);
	}
	ipb_json_end_object(j);
}

static void queues(struct ipb_json *j, int fd, const char *iface)
{
	struct ethtool_coalesce c = { .cmd = ETHTOOL_GCOALESCE };
	struct ethtool_ringparam r = { .cmd = ETHTOOL_GRINGPARAM };

	if (ask(fd, iface, &c) == 0) {
		ipb_json_object(j, "coalescing");
		ipb_json_uint(j, "rx_usecs", c.rx_coalesce_usecs);
		ipb_json_uint(j, "rx_frames", c.rx_max_coalesced_frames);
		ipb_json_uint(j, "tx_usecs", c.tx_coalesce_usecs);
		ipb_json_uint(j, "tx_frames", c.tx_max_coalesced_frames);
		ipb_json_bool(j, "adaptive_rx", c.use_adaptive_rx_coalesce != 0);
		ipb_json_bool(j, "adaptive_tx", c.use_adaptive_tx_coalesce != 0);
		ipb_json_end_object(j);
	}
	if (ask(fd, iface, &r) == 0) {
		ipb_json_object(j, "rings");
		ipb_json_uint(j, "rx", r.rx_pending);
		ipb_json_uint(j, "rx_max", r.rx_max_pending);
		ipb_json_uint(j, "tx", r.tx_pending);
		ipb_json_uint(j, "tx_max", r.tx_max_pending);
		ipb_json_end_object(j);
	}
}

static void stamps(struct ipb_json *j, int fd, const char *iface)
{
	struct ethtool_ts_info info = { .cmd = ETHTOOL_GET_TS_INFO };

	if (ask(fd, iface, &info) < 0)
		return;
	ipb_json_object(j, "timestamping");
	ipb_json_bool(j, "tx_software", (info.so_timestamping & 2u) != 0);
	ipb_json_bool(j, "rx_software", (info.so_timestamping & 8u) != 0);
	ipb_json_bool(j, "tx_hardware", (info.so_timestamping & 1u) != 0);
	ipb_json_bool(j, "rx_hardware", (info.so_timestamping & 4u) != 0);
	ipb_json_int(j, "phc", info.phc_index);
	ipb_json_end_object(j);
}

static void driver_report(struct ipb_json *j, int fd, const char *iface)
{
	driver(j, fd, iface);
	link_state(j, fd, iface);
	offloads(j, fd, iface);
	queues(j, fd, iface);
	stamps(j, fd, iface);
}

static void abilities(struct ipb_json *j, int fd, const char *iface)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq request = { 0 };
	uint64_t xdp;

	if (ask(fd, iface, &c) == 0) {
		ipb_json_object(j, "channels");
		ipb_json_uint(j, "rx", c.rx_count);
		ipb_json_uint(j, "rx_max", c.max_rx);
		ipb_json_uint(j, "tx", c.tx_count);
		ipb_json_uint(j, "tx_max", c.max_tx);
		ipb_json_uint(j, "combined", c.combined_count);
		ipb_json_uint(j, "combined_max", c.max_combined);
		ipb_json_end_object(j);
	}
	strncpy(request.ifr_name, iface, sizeof request.ifr_name - 1);
	if (ioctl(fd, SIOCGIFINDEX, &request) == 0 && ipbench_xdp_features((uint32_t)request.ifr_ifindex, &xdp) == 0) {
		ipb_json_object(j, "xdp");
		ipb_json_bool(j, "native", (xdp & IPBENCH_XDP_NATIVE) != 0);
		ipb_json_bool(j, "zero_copy", (xdp & IPBENCH_XDP_ZERO_COPY) != 0);
		ipb_json_bool(j, "multi_buffer", (xdp & IPBENCH_XDP_MULTI_BUFFER) != 0);
		ipb_json_end_object(j);
	}
}

static int report(const char *iface, char *json, uint32_t size, void (*fill)(struct ipb_json *, int, const char *))
{
	struct ifreq request = { 0 };
	struct ipb_json j;
	int status = -E2BIG;

	if (iface == NULL || json == NULL || size == 0 || strlen(iface) >= sizeof request.ifr_name)
		return -EINVAL;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	strcpy(request.ifr_name, iface);
	if (ioctl(fd, SIOCGIFMTU, &request) < 0) {
		status = -errno;
		close(fd);
		return status;
	}
	ipb_json_init(&j);
	ipb_json_object(&j, NULL);
	ipb_json_string(&j, "name", iface);
	ipb_json_int(&j, "mtu", request.ifr_mtu);
	fill(&j, fd, iface);
	ipb_json_end_object(&j);
	char *text = ipb_json_take(&j);
	if (text != NULL && strlen(text) < size) {
		strcpy(json, text);
		status = 0;
	}
	free(text);
	close(fd);
	return status;
}

int ipbench_host_ethtool(const char *iface, char *json, uint32_t size)
{
	return report(iface, json, size, driver_report);
}

int ipbench_host_abilities(const char *iface, char *json, uint32_t size)
{
	return report(iface, json, size, abilities);
}
