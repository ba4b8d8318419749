/* Which XDP a driver has, as the kernel reports it.  SPDX-License-Identifier: MIT */
#ifndef IPBENCH_XDP_FEATURES_H
#define IPBENCH_XDP_FEATURES_H

#include <stdint.h>

/* The kernel's netdev_xdp_act (Documentation/netlink/specs/netdev.yaml), which older headers do not have. */
#define IPBENCH_XDP_NATIVE 1u       /* programs run in the driver */
#define IPBENCH_XDP_ZERO_COPY 8u    /* AF_XDP without copies */
#define IPBENCH_XDP_MULTI_BUFFER 32u /* a packet may have several frames */

/* Asks the kernel by generic netlink. 0, or -errno: before Linux 6.3 there is nobody to ask. */
int ipbench_xdp_features(uint32_t ifindex, uint64_t *features);

#endif
