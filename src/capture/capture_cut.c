/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_cut.h"

#include <netinet/in.h>

enum label { NEXT, V4, V6, TRANSPORT, UDP, TCP, PUSHED, DATA, USUAL, LONGER, LABELS };

/* A test goes to a label when it is true, and to another when not; what is none goes on. */
struct step {
	uint16_t code;
	uint32_t k;
	uint8_t yes, no;
	uint8_t here; /* the label that this step has; NEXT = none */
};

#define LOAD_BYTE(at)           .code = BPF_LD | BPF_B | BPF_ABS, .k = (at)
#define LOAD_HALF(at)           .code = BPF_LD | BPF_H | BPF_ABS, .k = (at)
#define LOAD_BYTE_AT_X(at)      .code = BPF_LD | BPF_B | BPF_IND, .k = (at)
#define LOAD_HALF_AT_X(at)      .code = BPF_LD | BPF_H | BPF_IND, .k = (at)
#define LOAD_WORD_AT_X(at)      .code = BPF_LD | BPF_W | BPF_IND, .k = (at)
#define LOAD_LENGTH             .code = (BPF_LD | BPF_W | BPF_LEN)
#define COMPUTE(operation, n)   .code = BPF_ALU | BPF_K | (operation), .k = (n)
#define COMPUTE_X(operation)    .code = (BPF_ALU | BPF_X | (operation))
#define TO_X                    .code = (BPF_MISC | BPF_TAX)
#define X_IS(n)                 .code = BPF_LDX | BPF_W | BPF_IMM, .k = (n)
#define IF_EQUAL(n, label)      .code = BPF_JMP | BPF_K | BPF_JEQ, .k = (n), .yes = (label)
#define IF_AT_LEAST(n, label)   .code = BPF_JMP | BPF_K | BPF_JGE, .k = (n), .yes = (label)
#define IF_AT_LEAST_X(label)    .code = BPF_JMP | BPF_X | BPF_JGE, .yes = (label)
#define IF_ANY_BIT(bits, label) .code = BPF_JMP | BPF_K | BPF_JSET, .k = (bits), .yes = (label)
#define ELSE(label)             .no = (label)
#define RETURN(n)               .code = BPF_RET | BPF_K, .k = (n)

static int assemble(struct sock_filter *code, const struct step *steps, int count)
{
	int labels[LABELS] = { 0 };

	for (int i = 0; i < count; i++)
		labels[steps[i].here] = i;
	for (int i = 0; i < count; i++) {
		const struct step *step = &steps[i];

		code[i] = (struct sock_filter){ .code = step->code, .k = step->k };
		if (step->yes != NEXT)
			code[i].jt = (uint8_t)(labels[step->yes] - i - 1);
		if (step->no != NEXT)
			code[i].jf = (uint8_t)(labels[step->no] - i - 1);
	}
	return count;
}

int capture_cut_program(struct sock_filter code[CAPTURE_CUT_MAX], uint32_t base, uint32_t usual,
                        uint32_t longer)
{
	const struct step steps[] = {
		/* Without room for the shorter header and 20 bytes more there is no name. */
		{ LOAD_LENGTH },
		{ IF_AT_LEAST(base + 40, NEXT), ELSE(USUAL) },
		{ LOAD_BYTE(base) },
		{ COMPUTE(BPF_AND, 0xf0) },
		{ IF_EQUAL(0x40, V4) },
		{ IF_EQUAL(0x60, V6), ELSE(USUAL) },

		{ LOAD_HALF(base + 6), .here = V4 },
		{ IF_ANY_BIT(0x1fff, USUAL) }, /* a later fragment */
		{ LOAD_BYTE(base) },
		{ COMPUTE(BPF_AND, 0x0f) },
		{ COMPUTE(BPF_LSH, 2) },
		{ COMPUTE(BPF_ADD, base) },
		{ TO_X },
		{ LOAD_BYTE(base + 9) },
		{ IF_AT_LEAST(0, TRANSPORT) },

		{ X_IS(base + 40), .here = V6 },
		{ LOAD_BYTE(base + 6) },
		{ IF_EQUAL(IPPROTO_FRAGMENT, NEXT), ELSE(TRANSPORT) },
		{ LOAD_LENGTH },
		{ IF_AT_LEAST(base + 48, NEXT), ELSE(USUAL) },
		{ LOAD_HALF(base + 42) },
		{ IF_ANY_BIT(0xfff8, USUAL) }, /* a later fragment */
		{ X_IS(base + 48) },
		{ LOAD_BYTE(base + 40) },

		{ IF_EQUAL(IPPROTO_UDP, UDP), .here = TRANSPORT },
		{ IF_EQUAL(IPPROTO_TCP, TCP), ELSE(USUAL) },

		{ LOAD_LENGTH, .here = UDP },
		{ IF_AT_LEAST_X(NEXT), ELSE(USUAL) },
		{ COMPUTE_X(BPF_SUB) },
		{ IF_AT_LEAST(9, NEXT), ELSE(USUAL) },
		{ LOAD_HALF_AT_X(0) },
		{ IF_EQUAL(53, LONGER) },
		{ IF_EQUAL(5353, LONGER) },
		{ IF_EQUAL(5355, LONGER) },
		{ LOAD_HALF_AT_X(2) },
		{ IF_EQUAL(53, LONGER) },
		{ IF_EQUAL(5353, LONGER) },
		{ IF_EQUAL(5355, LONGER) },
		{ LOAD_LENGTH },
		{ COMPUTE_X(BPF_SUB) },
		{ IF_AT_LEAST(13, NEXT), ELSE(USUAL) },
		{ LOAD_BYTE_AT_X(8) }, /* the long header of QUIC, RFC 9000 17.2 */
		{ COMPUTE(BPF_AND, 0xc0) },
		{ IF_EQUAL(0xc0, NEXT), ELSE(USUAL) },
		{ LOAD_WORD_AT_X(9) },
		{ IF_EQUAL(1, LONGER) },
		{ IF_EQUAL(0x6b3343cf, LONGER), ELSE(USUAL) }, /* version 2, RFC 9369 */

		{ LOAD_LENGTH, .here = TCP },
		{ IF_AT_LEAST_X(NEXT), ELSE(USUAL) },
		{ COMPUTE_X(BPF_SUB) },
		{ IF_AT_LEAST(20, NEXT), ELSE(USUAL) },
		{ LOAD_HALF_AT_X(0) },
		{ IF_EQUAL(53, LONGER) },
		{ LOAD_HALF_AT_X(2) },
		{ IF_EQUAL(53, LONGER) },
		{ IF_EQUAL(443, PUSHED) },  /* HTTPS */
		{ IF_EQUAL(853, PUSHED) },  /* DNS over TLS */
		{ IF_EQUAL(993, PUSHED) },  /* IMAP */
		{ IF_EQUAL(6443, PUSHED) }, /* Kubernetes */
		{ IF_EQUAL(8443, PUSHED), ELSE(DATA) },
		/* The second segment of a ClientHello looks like nothing, but is the last of it. */
		{ LOAD_BYTE_AT_X(13), .here = PUSHED },
		{ IF_ANY_BIT(0x08, LONGER) },

		{ LOAD_BYTE_AT_X(12), .here = DATA },
		{ COMPUTE(BPF_AND, 0xf0) },
		{ COMPUTE(BPF_RSH, 2) },
		{ COMPUTE_X(BPF_ADD) },
		{ TO_X },
		{ LOAD_LENGTH },
		{ IF_AT_LEAST_X(NEXT), ELSE(USUAL) },
		{ COMPUTE_X(BPF_SUB) },
		{ IF_AT_LEAST(6, NEXT), ELSE(USUAL) },
		{ LOAD_WORD_AT_X(0) },
		{ IF_EQUAL(0x47455420, LONGER) }, /* "GET " */
		{ IF_EQUAL(0x504f5354, LONGER) }, /* "POST" */
		{ IF_EQUAL(0x48454144, LONGER) }, /* "HEAD" */
		{ IF_EQUAL(0x50555420, LONGER) }, /* "PUT " */
		{ IF_EQUAL(0x44454c45, LONGER) }, /* "DELE" */
		{ IF_EQUAL(0x4f505449, LONGER) }, /* "OPTI" */
		{ IF_EQUAL(0x50415443, LONGER) }, /* "PATC" */
		{ IF_EQUAL(0x434f4e4e, LONGER) }, /* "CONN" */
		{ COMPUTE(BPF_RSH, 16) },
		{ IF_EQUAL(0x1603, NEXT), ELSE(USUAL) }, /* a TLS handshake, RFC 8446 5.1 */
		{ LOAD_BYTE_AT_X(5) },
		{ IF_EQUAL(1, LONGER) }, /* ClientHello */

		{ RETURN(usual), .here = USUAL },
		{ RETURN(longer), .here = LONGER },
	};

	_Static_assert(sizeof steps / sizeof *steps <= CAPTURE_CUT_MAX, "they fit");
	return assemble(code, steps, (int)(sizeof steps / sizeof *steps));
}
