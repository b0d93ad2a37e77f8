/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of HTTP/1 and versions of SSH, cut at each place; and what only looks like them. */
#include "inspect/first_lines.h"

#include "check.h"

static const char *http(const char *text, bool cut)
{
	static char result[FIRST_LINES_METHOD_MAX + FIRST_LINES_HOST_MAX + 2];
	struct http_request request;
	size_t length = strlen(text);

	switch (first_lines_http(check_guarded(text, length), length, cut, &request)) {
	case FIRST_LINES_NONE:
		return "none";
	case FIRST_LINES_MORE:
		return "more";
	case FIRST_LINES_FOUND:
		break;
	}
	snprintf(result, sizeof result, "%s %s", request.method, request.host);
	return result;
}

static const char *ssh(const char *text)
{
	static struct ssh_version version;
	size_t length = strlen(text);

	switch (first_lines_ssh(check_guarded(text, length), length, &version)) {
	case FIRST_LINES_NONE:
		return "none";
	case FIRST_LINES_MORE:
		return "more";
	case FIRST_LINES_FOUND:
		break;
	}
	return version.text;
}

static void test_http(void)
{
	static const struct {
		const char *text, *found;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "GET www.example.com" },
		{ "POST /a?b=c HTTP/1.0\nAccept: */*\nhOST:example.com:8080\n\n",
		  "POST example.com" },
		{ "OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n", "OPTIONS [2001:db8::1]" },
		{ "CONNECT a.example:443 HTTP/1.1\r\nHost: \t a.example \r\n",
		  "CONNECT a.example" },
		{ "GET / HTTP/1.0\r\n\r\nHost: body\r\n", "GET " },
		{ "GET / HTTP/1.1\r\nX-Host: a\r\nHost: b\x01\r\n\r\n", "GET " },
		{ "GET / HTTP/2.0\r\nHost: a\r\n\r\n", "none" },
		{ "GET /?a;cd /tmp;ls HTTP/1.1\r\nHost: a\r\n\r\n", "GET a" },
		{ "GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n", "none" },
		{ "GET  HTTP/1.1\r\nHost: a\r\n\r\n", "none" },
		{ "GET HTTP/1.1\r\nHost: a\r\n\r\n", "none" },
		{ "get / HTTP/1.1\r\nHost: a\r\n\r\n", "none" },
		{ "GET /\r\n\r\n", "none" }, /* HTTP/0.9 could be anything */
		{ "LONGMETHODLONGMETHOD / HTTP/1.1\r\n\r\n", "none" },
		{ "200 OK\r\n", "none" },
		{ "\r\n", "none" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK_TEXT(http(cases[i].text, false), cases[i].found, "request %zu", i);
}

static void test_prefixes(void)
{
	static const char text[] = "GET /index.html HTTP/1.1\r\nAccept: */*\r\nHost: a.example\r\n";
	static const char version[] = "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n";
	char prefix[sizeof text];
	bool waits = true, cut = true;

	for (size_t length = 1; length < sizeof text - 1; length++) {
		memcpy(prefix, text, length);
		prefix[length] = '\0';
		waits &= strcmp(http(prefix, false), "more") == 0;
		cut &= strcmp(http(prefix, true), length < 26 ? "none" : "GET ") == 0;
	}
	CHECK(waits, "each beginning of a request goes on");
	CHECK(cut, "cut behind its line it has a method, else it is none");
	waits = true;
	for (size_t length = 1; length < sizeof version - 1; length++) {
		memcpy(prefix, version, length);
		prefix[length] = '\0';
		waits &= strcmp(ssh(prefix), "more") == 0;
	}
	CHECK(waits, "each beginning of a version goes on");
}

static void test_ssh(void)
{
	char text[300] = "SSH-2.0-";

	CHECK_TEXT(ssh("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nmore"), "SSH-2.0-OpenSSH_9.2p1 Debian-2",
	           "a version with a comment");
	CHECK_TEXT(ssh("SSH-1.99-x\n"), "SSH-1.99-x", "an old one, that ends with LF alone");
	CHECK_TEXT(ssh("SSH-2.0-\x1b[1m\r\n"), "none", "none with control characters");
	CHECK_TEXT(ssh("SSL-2.0-x\r\n"), "none", "another word");
	memset(text + 8, 'x', 253 - 8);
	strcpy(text + 253, "\r\n");
	CHECK_EQUAL(strlen(ssh(text)), 253, "the longest");
	strcpy(text + 253, "x\r\n");
	CHECK_TEXT(ssh(text), "none", "one that is longer");
	memset(text + 8, 'x', sizeof text - 9);
	CHECK_TEXT(ssh(text), "none", "one that does not end");
}

int main(void)
{
	test_http();
	test_prefixes();
	test_ssh();
	return check_done();
}
