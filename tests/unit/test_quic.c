/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A client's Initial packets as RFC 9001 A.2 and RFC 9369 A.2 print them; cut, changed, and none. */
#include "inspect/quic.h"

#include <errno.h>

#include "check.h"
#include "inspect/tls_hello.h"
#include "random.h"

#define SIZE 1200 /* of both packets */

/* clang-format off */
static const char version_1[] =
	"c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8ba"
	"b936b47d92ec356c0bab7df5976d27cd449f63300099f3991c260ec4c60d17b31f8429157bb35a12"
	"82a643a8d2262cad67500cadb8e7378c8eb7539ec4d4905fed1bee1fc8aafba17c750e2c7ace01e6"
	"005f80fcb7df621230c83711b39343fa028cea7f7fb5ff89eac2308249a02252155e2347b63d58c5"
	"457afd84d05dfffdb20392844ae812154682e9cf012f9021a6f0be17ddd0c2084dce25ff9b06cde5"
	"35d0f920a2db1bf362c23e596d11a4f5a6cf3948838a3aec4e15daf8500a6ef69ec4e3feb6b1d98e"
	"610ac8b7ec3faf6ad760b7bad1db4ba3485e8a94dc250ae3fdb41ed15fb6a8e5eba0fc3dd60bc8e3"
	"0c5c4287e53805db059ae0648db2f64264ed5e39be2e20d82df566da8dd5998ccabdae053060ae6c"
	"7b4378e846d29f37ed7b4ea9ec5d82e7961b7f25a9323851f681d582363aa5f89937f5a67258bf63"
	"ad6f1a0b1d96dbd4faddfcefc5266ba6611722395c906556be52afe3f565636ad1b17d508b73d874"
	"3eeb524be22b3dcbc2c7468d54119c7468449a13d8e3b95811a198f3491de3e7fe942b330407abf8"
	"2a4ed7c1b311663ac69890f4157015853d91e923037c227a33cdd5ec281ca3f79c44546b9d90ca00"
	"f064c99e3dd97911d39fe9c5d0b23a229a234cb36186c4819e8b9c5927726632291d6a418211cc29"
	"62e20fe47feb3edf330f2c603a9d48c0fcb5699dbfe5896425c5bac4aee82e57a85aaf4e2513e4f0"
	"5796b07ba2ee47d80506f8d2c25e50fd14de71e6c418559302f939b0e1abd576f279c4b2e0feb85c"
	"1f28ff18f58891ffef132eef2fa09346aee33c28eb130ff28f5b766953334113211996d20011a198"
	"e3fc433f9f2541010ae17c1bf202580f6047472fb36857fe843b19f5984009ddc324044e847a4f4a"
	"0ab34f719595de37252d6235365e9b84392b061085349d73203a4a13e96f5432ec0fd4a1ee65accd"
	"d5e3904df54c1da510b0ff20dcc0c77fcb2c0e0eb605cb0504db87632cf3d8b4dae6e705769d1de3"
	"54270123cb11450efc60ac47683d7b8d0f811365565fd98c4c8eb936bcab8d069fc33bd801b03ade"
	"a2e1fbc5aa463d08ca19896d2bf59a071b851e6c239052172f296bfb5e72404790a2181014f3b94a"
	"4e97d117b438130368cc39dbb2d198065ae3986547926cd2162f40a29f0c3c8745c0f50fba3852e5"
	"66d44575c29d39a03f0cda721984b6f440591f355e12d439ff150aab7613499dbd49adabc8676eef"
	"023b15b65bfc5ca06948109f23f350db82123535eb8a7433bdabcb909271a6ecbcb58b936a88cd4e"
	"8f2e6ff5800175f113253d8fa9ca8885c2f552e657dc603f252e1a8e308f76f0be79e2fb8f5d5fbb"
	"e2e30ecadd220723c8c0aea8078cdfcb3868263ff8f0940054da48781893a7e49ad5aff4af300cd8"
	"04a6b6279ab3ff3afb64491c85194aab760d58a606654f9f4400e8b38591356fbf6425aca26dc852"
	"44259ff2b19c41b9f96f3ca9ec1dde434da7d2d392b905ddf3d1f9af93d1af5950bd493f5aa731b4"
	"056df31bd267b6b90a079831aaf579be0a39013137aac6d404f518cfd46840647e78bfe706ca4cf5"
	"e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194cd934";

static const char version_2[] =
	"d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03"
	"dceebfa162e75d6c96058bdbfb127cdfcbf903388e99ad049f9a3dd4425ae4d0992cfff18ecf0fdb"
	"5a842d09747052f17ac2053d21f57c5d250f2c4f0e0202b70785b7946e992e58a59ac52dea6774d4"
	"f03b55545243cf1a12834e3f249a78d395e0d18f4d766004f1a2674802a747eaa901c3f10cda5500"
	"cb9122faa9f1df66c392079a1b40f0de1c6054196a11cbea40afb6ef5253cd6818f6625efce3b6de"
	"f6ba7e4b37a40f7732e093daa7d52190935b8da58976ff3312ae50b187c1433c0f028edcc4c2838b"
	"6a9bfc226ca4b4530e7a4ccee1bfa2a3d396ae5a3fb512384b2fdd851f784a65e03f2c4fbe11a53c"
	"7777c023462239dd6f7521a3f6c7d5dd3ec9b3f233773d4b46d23cc375eb198c63301c21801f6520"
	"bcfb7966fc49b393f0061d974a2706df8c4a9449f11d7f3d2dcbb90c6b877045636e7c0c0fe4eb0f"
	"697545460c806910d2c355f1d253bc9d2452aaa549e27a1fac7cf4ed77f322e8fa894b6a83810a34"
	"b361901751a6f5eb65a0326e07de7c1216ccce2d0193f958bb3850a833f7ae432b65bc5a53975c15"
	"5aa4bcb4f7b2c4e54df16efaf6ddea94e2c50b4cd1dfe06017e0e9d02900cffe1935e0491d77ffb4"
	"fdf85290fdd893d577b1131a610ef6a5c32b2ee0293617a37cbb08b847741c3b8017c25ca9052ca1"
	"079d8b78aebd47876d330a30f6a8c6d61dd1ab5589329de714d19d61370f8149748c72f132f0fc99"
	"f34d766c6938597040d8f9e2bb522ff99c63a344d6a2ae8aa8e51b7b90a4a806105fcbca31506c44"
	"6151adfeceb51b91abfe43960977c87471cf9ad4074d30e10d6a7f03c63bd5d4317f68ff325ba3bd"
	"80bf4dc8b52a0ba031758022eb025cdd770b44d6d6cf0670f4e990b22347a7db848265e3e5eb72df"
	"e8299ad7481a408322cac55786e52f633b2fb6b614eaed18d703dd84045a274ae8bfa73379661388"
	"d6991fe39b0d93debb41700b41f90a15c4d526250235ddcd6776fc77bc97e7a417ebcb31600d01e5"
	"7f32162a8560cacc7e27a096d37a1a86952ec71bd89a3e9a30a2a26162984d7740f81193e8238e61"
	"f6b5b984d4d3dfa033c1bb7e4f0037febf406d91c0dccf32acf423cfa1e7071010d3f270121b493c"
	"e85054ef58bada42310138fe081adb04e2bd901f2f13458b3d6758158197107c14ebb193230cd115"
	"7380aa79cae1374a7c1e5bbcb80ee23e06ebfde206bfb0fcbc0edc4ebec309661bdd908d532eb0c6"
	"adc38b7ca7331dce8dfce39ab71e7c32d318d136b6100671a1ae6a6600e3899f31f0eed19e3417d1"
	"34b90c9058f8632c798d4490da4987307cba922d61c39805d072b589bd52fdf1e86215c2d54e6670"
	"e07383a27bbffb5addf47d66aa85a0c6f9f32e59d85a44dd5d3b22dc2be80919b490437ae4f36a0a"
	"e55edf1d0b5cb4e9a3ecabee93dfc6e38d209d0fa6536d27a5d6fbb17641cde27525d61093f1b280"
	"72d111b2b4ae5f89d5974ee12e5cf7d5da4d6a31123041f33e61407e76cffcdcfd7e19ba58cf4b53"
	"6f4c4938ae79324dc402894b44faf8afbab35282ab659d13c93f70412e85cb199a37ddec60054547"
	"3cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a9f84cbfc";

static const char frame[] =
	"060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69"
	"484c00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a"
	"00080006001d0017001800100007000504616c706e000500050100000000003300260024001d0020"
	"9370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
	"0d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffff"
	"ffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806"
	"048000ffff";
/* clang-format on */

static size_t bytes_of(const char *digits, uint8_t *bytes)
{
	size_t length = strlen(digits) / 2;

	for (size_t i = 0; i < length; i++) {
		char byte[3] = { digits[2 * i], digits[2 * i + 1], '\0' };

		bytes[i] = (uint8_t)strtoul(byte, NULL, 16);
	}
	return length;
}

static void test_vector(const char *name, const char *packet)
{
	static uint8_t plain[QUIC_PLAIN_MAX], bytes[SIZE], expected[SIZE];
	size_t length = bytes_of(packet, bytes), known = bytes_of(frame, expected), at = 0;
	struct quic_crypto crypto;
	struct tls_hello hello;
	bool zeros = true, opened = true;

	CHECK_EQUAL(quic_open_initial(check_guarded(bytes, length), length, plain), 1162,
	            "%s: the packet opens", name);
	for (size_t i = known; i < 1162; i++)
		zeros &= plain[i] == 0;
	CHECK(memcmp(plain, expected, known) == 0 && zeros, "%s: and has the published frame",
	      name);
	CHECK(quic_next_crypto(plain, 1162, &at, &crypto) && crypto.offset == 0 &&
	              crypto.length == 241 && !quic_next_crypto(plain, 1162, &at, &crypto),
	      "%s: one CRYPTO frame", name);
	at = 0;
	quic_next_crypto(plain, 1162, &at, &crypto);
	CHECK(tls_hello_read_message(crypto.bytes, crypto.length, false, 'q', &hello) ==
	                      TLS_HELLO_FOUND &&
	              hello.server_name_length == 11 &&
	              memcmp(hello.server_name, "example.com", 11) == 0 &&
	              strncmp(hello.ja4, "q13d0211an_", 11) == 0,
	      "%s: the ClientHello in it", name);
	for (size_t i = 0; i < length; i++) {
		bytes[i] ^= 1;
		opened &= quic_open_initial(bytes, length, plain) == -EINVAL;
		bytes[i] ^= 1;
	}
	CHECK(opened, "%s: with any byte changed it does not open", name);
}

static void test_prefixes(void)
{
	static uint8_t plain[QUIC_PLAIN_MAX], bytes[SIZE];
	bool closed = true;

	bytes_of(version_1, bytes);
	for (size_t length = 0; length < SIZE; length++)
		closed &= quic_open_initial(check_guarded(bytes, length), length, plain) == -EINVAL;
	CHECK(closed, "each prefix stays closed");
}

/* Frames of an Initial packet: what may be there is passed over, what may not ends it. */
static void test_frames(void)
{
	static const uint8_t frames[] = {
		0x00, 0x01,                                           /* PADDING, PING */
		0x02, 0x05, 0x00, 0x01, 0x00, 0x01, 0x01,             /* ACK with a second range */
		0x03, 0x05, 0x00, 0x00, 0x00, 0x01, 0x02, 0x40, 0x03, /* ACK with ECN counts */
		0x06, 0x44, 0x00, 0x02, 'a',  'b',                    /* CRYPTO at 1024 */
		0x06, 0x00, 0x01, 'c',  0x1c, 0x00, 0x00, 0x00,       /* CONNECTION_CLOSE */
		0x06, 0x00, 0x01, 'd',
	};
	struct quic_crypto crypto;
	struct random random = random_begin();
	size_t at = 0;
	bool inside = true;

	CHECK(quic_next_crypto(frames, sizeof frames, &at, &crypto) && crypto.offset == 1024 &&
	              crypto.length == 2 && memcmp(crypto.bytes, "ab", 2) == 0,
	      "behind PADDING, PING and ACK");
	CHECK(quic_next_crypto(frames, sizeof frames, &at, &crypto) && crypto.offset == 0 &&
	              crypto.length == 1 && crypto.bytes[0] == 'c',
	      "and the next");
	CHECK(!quic_next_crypto(frames, sizeof frames, &at, &crypto),
	      "none behind CONNECTION_CLOSE");
	for (int i = 0; i < 100000; i++) {
		uint8_t bytes[64];
		size_t length = random_below(&random, sizeof bytes);

		random_bytes(&random, bytes, sizeof bytes);
		for (size_t j = 0; j < sizeof bytes; j += 3)
			bytes[j] &= 7;
		at = 0;
		while (quic_next_crypto(bytes, length, &at, &crypto))
			inside &= crypto.bytes >= bytes &&
			          crypto.bytes + crypto.length <= bytes + length;
	}
	CHECK(inside, "100,000 random packets: all frames are inside");
}

int main(void)
{
	test_vector("version 1", version_1);
	test_vector("version 2", version_2);
	test_prefixes();
	test_frames();
	return check_done();
}
