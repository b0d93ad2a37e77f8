/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The command line -> struct options, a plain value. Normative text: sockline(8). */
#ifndef SOCKLINE_APP_OPTIONS_H
#define SOCKLINE_APP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/log.h"
#include "capture/capture.h"
#include "events/encode.h"
#include "host/host.h"
#include "output/outlet.h"
#include "sockets/lister.h"
#include "stream/selection.h"

#define OPTIONS_INTERFACES_MAX 64
#define OPTIONS_SNAPLEN_MAX    262144
#define OPTIONS_MEMORY_MIN     (UINT64_C(64) << 20)
#define OPTIONS_MEMORY_MAX     (UINT64_C(1) << 40)
#define OPTIONS_ROWS_MAX       96 /* of option_table.h */
#define OPTIONS_SPOOL_MIN      (UINT64_C(1) << 20)
#define OPTIONS_SPOOL_MAX      (UINT64_C(4) << 30)

enum options_mode {
	OPTIONS_STREAM,          /* capture, or read a file with -r */
	OPTIONS_SNAPSHOT,        /* -S */
	OPTIONS_LIST_INTERFACES, /* -D */
	OPTIONS_LIST_LINK_TYPES, /* -L */
	OPTIONS_LIST_FIELDS,     /* --list-fields */
	OPTIONS_VERSION,
	OPTIONS_HELP,
};

/* What a line of the output is. */
enum options_format {
	OPTIONS_FORMAT_AUTO, /* text on a terminal, else ECS */
	OPTIONS_FORMAT_ECS,
	OPTIONS_FORMAT_TEXT,
	OPTIONS_FORMAT_ZEEK,
	OPTIONS_FORMAT_OCSF,
};

/* What becomes of a packet that another interface showed before. */
enum options_copies {
	OPTIONS_COPIES_AUTO, /* left out, but for those of a file */
	OPTIONS_COPIES_WRITTEN,
	OPTIONS_COPIES_LEFT_OUT,
};

/* On standard error, for a person. */
enum options_shown {
	OPTIONS_SHOWN_AUTO, /* where that is a terminal */
	OPTIONS_SHOWN,
	OPTIONS_HIDDEN,
};

struct options {
	enum options_mode mode;
	enum options_format format;
	const char *interfaces[OPTIONS_INTERFACES_MAX]; /* point into argv */
	int interface_count;                            /* 0 = all */
	const char *read_file;                          /* NULL = live */
	const char *output_file;                        /* NULL = stdout */
	const char *write_file;                         /* packets; NULL = none */
	const char *filter_file;                        /* what filter was read from */
	char *filter;                                   /* owned; NULL = everything */
	unsigned events;                                /* EMITTER_* */
	bool listening;                                 /* -S: only what waits for peers */
	uint32_t kinds;                                 /* -S: SOCKET_KIND_BIT */
	int64_t snapshot_interval_ns;                   /* -S: 0 = once */
	uint64_t count;                                 /* packets; 0 = no limit */
	int64_t duration_ns;                            /* 0 = no limit */
	int snaplen;                                    /* bytes */
	int buffer_kib;
	bool promiscuous;
	enum capture_direction direction;
	bool immediate;
	bool guess;
	enum options_copies copies;
	bool dedupe; /* what follows from it */
	bool inspect;
	bool tunnels;
	uint32_t payload; /* bytes of each packet; 0 = none */
	bool hash;
	bool args;
	bool all_processes; /* records of each that starts or ends, not only of owners */
	struct selection selection;
	char **command; /* its words, NULL at the end; in argv. NULL = there is none */
	bool flush_each;
	int64_t flush_interval_ns;
	int compress_level;
	struct rotation rotation;
	uint64_t spool_size;
	bool self_test;
	bool no_separation;
	const char *wanted, *unwanted;      /* lists of --fields and --without; NULL: not given */
	struct fields *fields, *own_fields; /* owned: what follows from them, as for an encoder */
	char *labels[2 * ENCODER_LABELS_MAX +
	             1];            /* owned: names and values in turn, NULL at the end */
	int64_t update_interval_ns; /* 0 = off */
	int64_t stats_interval_ns;  /* 0 = off */
	enum host_method method;
	enum host_netns_mode netns_mode;
	const char *netns_paths[OPTIONS_INTERFACES_MAX];
	int netns_path_count;
	enum lister_mode sockets;
	uint16_t community_id_seed;
	uint32_t max_connections;
	uint64_t max_memory; /* bytes; 0 = no limit of all together */
	bool drop_when_slow;
	enum log_level log_level;
	enum log_format log_format;
	enum options_shown summary; /* at the end */
	enum options_shown progress;
	bool top;                     /* a table in place of records on standard output */
	bool given[OPTIONS_ROWS_MAX]; /* is the option of this row on the command line? */
};

/* 0; -EINVAL and one line in error for a usage error (exit status 2). Frees nothing on failure. */
int options_parse(struct options *options, int argc, char **argv, struct error *error);
void options_free(struct options *options);

#endif
