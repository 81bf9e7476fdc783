/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry's refusal means: status and error body to one code and one sentence. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ANSWER_BODY_MAX (64 * 1024) /* of an error body that we look at */
#define ANSWER_TEXT_MAX 256

/* 401 → Unauthenticated, 404 → NotFound, … */
int answer_code(int status);
/* "401 Unauthorized"; the number alone when it has no name. Returns buf. */
char *answer_status_text(int status, char buf[static 64]);
/*
 * The first message of an error body, on one line, printable, cut to ANSWER_TEXT_MAX: distribution-spec's
 * {"errors":[{"code","message"}]}, token servers' {"error","error_description"} and {"details"}, {"message"}, or plain
 * text. "" when there is nothing to show. Returns buf.
 */
char *answer_text(const char *body, size_t n, char buf[static ANSWER_TEXT_MAX]);
/* Whether asking again may help: 408, 429, 5xx but 501 and 505. */
int answer_is_temporary(int status);
/* Retry-After as seconds or a date, relative to now (seconds since 1970), in ms; -1 when absent or malformed. */
int64_t answer_retry_after_ms(const char *header, int64_t now_s);
/* The target of the link with rel="next" in a header Link (RFC 8288), as it stands there; malloc'ed, NULL when none. */
char *answer_next_link(const char *header);
