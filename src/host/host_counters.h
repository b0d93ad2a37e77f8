/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted of a live host. Records of statistics have it as it is here. */
#ifndef SOCKLINE_HOST_HOST_COUNTERS_H
#define SOCKLINE_HOST_HOST_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

struct host_counters {
	struct {
		uint64_t queries, misses, cached_misses;
	} lookups; /* exact socket queries */
	struct {
		uint64_t overruns, lost, resyncs, interrupted;
	} netlink;
	struct {
		uint64_t tracked; /* descriptors of sockets that are indexed */
	} sockets;
	struct {
		uint64_t tracked, evicted, scans, descriptors, vanished, permission_denied;
	} processes;
	struct {
		uint64_t samples, lost, evicted;
		bool present;
	} tracepoints;
	struct {
		uint64_t packets, resolved, unresolved, late, lost;
		bool present;
	} sentinel;
};

#endif
