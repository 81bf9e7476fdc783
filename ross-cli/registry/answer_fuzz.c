/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "libross/base/mem.h"
#include "ross-cli/registry/answer.h"
#include "ross-cli/registry/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What a server's body and headers are turned into: always bounded, printable, on one line. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    auto_free char *text = xstrndup((const char *) p, n), *token = NULL;
    auto_free char *next = answer_next_link(text);
    char buf[ANSWER_TEXT_MAX];
    int64_t lifetime;

    answer_text((const char *) p, n, buf);
    assert(strlen(buf) < ANSWER_TEXT_MAX);
    for (const char *q = buf; *q; q++)
        assert((unsigned char) *q >= ' ');
    assert(!next || (strstr(text, next) && !strchr(next, '>')));
    assert(answer_retry_after_ms(text, 1000) >= -1);
    if (auth_token_parse((const char *) p, n, &token, &lifetime, NULL) == 0)
        assert(*token && lifetime > 0);
    return 0;
}
