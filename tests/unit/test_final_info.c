/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/final_info.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"

#define NOW (1000 * NS_PER_SECOND)

int main(void)
{
	struct final_info *finals = final_info_new();
	struct socket socket = {
		.tuple = { .source_port = 80, .destination_port = 1000, .protocol = IPPROTO_TCP },
		.tcp_info.bytes_acked = 7
	};
	struct tuple reversed = tuple_reverse(&socket.tuple);
	struct socket_tcp_info info = { 0 };

	CHECK(!final_info_find(finals, 1, &socket.tuple, NOW, &info) &&
	              !final_info_died(finals, 1, &socket.tuple, 0),
	      "nothing is known at first");
	final_info_put(finals, 1, &socket.tuple, &socket.tcp_info, NOW);
	CHECK(final_info_find(finals, 1, &socket.tuple, NOW, &info) && info.bytes_acked == 7,
	      "its last numbers");
	CHECK(!final_info_find(finals, 2, &socket.tuple, NOW, &info) &&
	              !final_info_find(finals, 1, &reversed, NOW, &info),
	      "not another's");
	CHECK(!final_info_find(finals, 1, &socket.tuple, NOW + FINAL_INFO_KEEP_NS + 1, &info),
	      "for a while");
	CHECK(final_info_died(finals, 1, &socket.tuple, NOW - 1) &&
	              !final_info_died(finals, 1, &socket.tuple, NOW),
	      "it died, but not the one that came after it");
	CHECK(!final_info_died(finals, 1, &reversed, NOW - 1), "nor did the other end");
	final_info_free(finals);
	return check_done();
}
