/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User names by uid, from a file in the form of passwd(5) alone. getpwuid_r(3)
 * would ask whatever nsswitch.conf(5) names, LDAP over the network too, and wait
 * for it between two packets. Users who are not in the file have no name.
 */
#ifndef SOCKLINE_EVENTS_ENCODE_USERS_H
#define SOCKLINE_EVENTS_ENCODE_USERS_H

#include <stdint.h>

#define ENCODE_USERS_MAX       65536
#define ENCODE_USERS_REREAD_NS (INT64_C(60) * 1000000000)

struct encode_users;

/* path is copied. An unreadable file has no users. NULL when memory is short. */
struct encode_users *encode_users_new(const char *path);
void encode_users_free(struct encode_users *users); /* NULL is fine */

/*
 * Looks whether the file was replaced or changed, at most once a minute of
 * time_ns (any clock, it may step); returns a number that changes when names may have.
 */
uint32_t encode_users_refresh(struct encode_users *users, int64_t time_ns);
/* The name of the first entry with this uid; NULL = none. Valid until the next refresh. */
const char *encode_users_name(const struct encode_users *users, uint32_t uid);

#endif
