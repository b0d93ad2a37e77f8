/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for linux/smc_diag.h, which needs headers of the RDMA subsystem. Included by sock_diag.c,
 * diag_families.c and their tests.
 */
#ifndef SOCKLINE_SOCKETS_DIAG_FAMILIES_H
#define SOCKLINE_SOCKETS_DIAG_FAMILIES_H

#include <linux/inet_diag.h>
#include <stdint.h>

#ifndef AF_SMC
#define AF_SMC 43
#endif
#ifndef AF_XDP
#define AF_XDP 44
#endif

struct diag_smc_request {
	uint8_t family; /* AF_SMC */
	uint8_t pad[2];
	uint8_t extensions;
	struct inet_diag_sockid id;
};

struct diag_smc_message {
	uint8_t family;
	uint8_t state, mode, shutdown;
	struct inet_diag_sockid id;
	uint32_t uid;
	_Alignas(8) uint64_t inode;
};
#define DIAG_SMC_MODE 2 /* where it is */

#endif
