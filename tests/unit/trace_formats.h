/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Format files of tracefs as Linux 6.18 gives them, without their print fmt, for tests. */
#ifndef SOCKLINE_TESTS_TRACE_FORMATS_H
#define SOCKLINE_TESTS_TRACE_FORMATS_H

#define FORMAT_FIELD(text, offset, size)                                                           \
	"\tfield:" text ";\toffset:" #offset ";\tsize:" #size ";\tsigned:0;\n"

#define FORMAT_COMMON(name, id)                                                                    \
	"name: " name "\nID: " #id "\nformat:\n" FORMAT_FIELD("unsigned short common_type", 0, 2)  \
		FORMAT_FIELD("unsigned char common_flags", 2, 1)                                   \
			FORMAT_FIELD("unsigned char common_preempt_count", 3, 1)                   \
				FORMAT_FIELD("int common_pid", 4, 4) "\n"

#define FORMAT_STATE                                                                               \
	FORMAT_COMMON("inet_sock_set_state", 2287)                                                 \
	FORMAT_FIELD("const void * skaddr", 8, 8)                                                  \
	FORMAT_STATE_REST

/* The format of a 32-bit kernel; what is behind the pointer would begin at 12. */
#define FORMAT_STATE_32                                                                            \
	FORMAT_COMMON("inet_sock_set_state", 2287)                                                 \
	FORMAT_FIELD("const void * skaddr", 8, 4)                                                  \
	FORMAT_STATE_REST

#define FORMAT_STATE_REST                                                                          \
	FORMAT_FIELD("int oldstate", 16, 4)                                                        \
	FORMAT_FIELD("int newstate", 20, 4)                                                        \
	FORMAT_FIELD("__u16 sport", 24, 2)                                                         \
	FORMAT_FIELD("__u16 dport", 26, 2)                                                         \
	FORMAT_FIELD("__u16 family", 28, 2)                                                        \
	FORMAT_FIELD("__u16 protocol", 30, 2)                                                      \
	FORMAT_FIELD("__u8 saddr[4]", 32, 4)                                                       \
	FORMAT_FIELD("__u8 daddr[4]", 36, 4)                                                       \
	FORMAT_FIELD("__u8 saddr_v6[16]", 40, 16)                                                  \
	FORMAT_FIELD("__u8 daddr_v6[16]", 56, 16)                                                  \
	"\nprint fmt: \"family=%s\", __print_symbolic(REC->family, { 2, \"AF_INET\" })\n"

#define FORMAT_ROUTE_V4                                                                            \
	FORMAT_COMMON("fib_table_lookup", 2264)                                                    \
	FORMAT_FIELD("u32 tb_id", 8, 4)                                                            \
	FORMAT_FIELD("int err", 12, 4)                                                             \
	FORMAT_FIELD("int oif", 16, 4)                                                             \
	FORMAT_FIELD("int iif", 20, 4)                                                             \
	FORMAT_FIELD("u8 proto", 24, 1)                                                            \
	FORMAT_FIELD("__u8 tos", 25, 1)                                                            \
	FORMAT_FIELD("__u8 scope", 26, 1)                                                          \
	FORMAT_FIELD("__u8 flags", 27, 1)                                                          \
	FORMAT_FIELD("__u8 src[4]", 28, 4)                                                         \
	FORMAT_FIELD("__u8 dst[4]", 32, 4)                                                         \
	FORMAT_FIELD("__u8 gw4[4]", 36, 4)                                                         \
	FORMAT_FIELD("__u8 gw6[16]", 40, 16)                                                       \
	FORMAT_FIELD("u16 sport", 56, 2)                                                           \
	FORMAT_FIELD("u16 dport", 58, 2)                                                           \
	FORMAT_FIELD("char name[16]", 60, 16)

#define FORMAT_ROUTE_V6                                                                            \
	FORMAT_COMMON("fib6_table_lookup", 2315)                                                   \
	FORMAT_FIELD("u32 tb_id", 8, 4)                                                            \
	FORMAT_FIELD("int err", 12, 4)                                                             \
	FORMAT_FIELD("int oif", 16, 4)                                                             \
	FORMAT_FIELD("__u8 src[16]", 31, 16)                                                       \
	FORMAT_FIELD("__u8 dst[16]", 47, 16)                                                       \
	FORMAT_FIELD("u16 sport", 64, 2)                                                           \
	FORMAT_FIELD("u16 dport", 66, 2)                                                           \
	FORMAT_FIELD("u8 proto", 68, 1)

#define FORMAT_RECEIVE                                                                             \
	FORMAT_COMMON("tcp_rcv_space_adjust", 2277)                                                \
	FORMAT_FIELD("const void * skaddr", 8, 8)                                                  \
	FORMAT_FIELD("__u16 sport", 16, 2)                                                         \
	FORMAT_FIELD("__u16 dport", 18, 2)                                                         \
	FORMAT_FIELD("__u16 family", 20, 2)                                                        \
	FORMAT_FIELD("__u8 saddr[4]", 22, 4)                                                       \
	FORMAT_FIELD("__u8 daddr[4]", 26, 4)                                                       \
	FORMAT_FIELD("__u8 saddr_v6[16]", 30, 16)                                                  \
	FORMAT_FIELD("__u8 daddr_v6[16]", 46, 16)                                                  \
	FORMAT_FIELD("__u64 sock_cookie", 64, 8)

#define FORMAT_SEND                                                                                \
	FORMAT_COMMON("sock_send_length", 2284)                                                    \
	FORMAT_FIELD("void * sk", 8, 8)                                                            \
	FORMAT_FIELD("__u16 family", 16, 2)                                                        \
	FORMAT_FIELD("__u16 protocol", 18, 2)                                                      \
	FORMAT_FIELD("int ret", 20, 4)                                                             \
	FORMAT_FIELD("int flags", 24, 4)

#define FORMAT_EXIT                                                                                \
	FORMAT_COMMON("sched_process_exit", 369)                                                   \
	FORMAT_FIELD("char comm[16]", 8, 16)                                                       \
	FORMAT_FIELD("pid_t pid", 24, 4)                                                           \
	FORMAT_FIELD("int prio", 28, 4)                                                            \
	FORMAT_FIELD("bool group_dead", 32, 1)

/* Linux before 6.16 does not say whether other threads live on. */
#define FORMAT_EXIT_OLD                                                                            \
	FORMAT_COMMON("sched_process_exit", 369)                                                   \
	FORMAT_FIELD("char comm[16]", 8, 16)                                                       \
	FORMAT_FIELD("pid_t pid", 24, 4)                                                           \
	FORMAT_FIELD("int prio", 28, 4)

#define FORMAT_EXEC                                                                                \
	FORMAT_COMMON("sched_process_exec", 365)                                                   \
	FORMAT_FIELD("__data_loc char[] filename", 8, 4)                                           \
	FORMAT_FIELD("pid_t pid", 12, 4)                                                           \
	FORMAT_FIELD("pid_t old_pid", 16, 4)

#endif
