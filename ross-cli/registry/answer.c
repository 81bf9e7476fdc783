/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/answer.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "libross/base/err.h"
#include "libross/base/mem.h"
#include "libross/base/parse.h"
#include "libross/json/json.h"

static const struct {
    int status;
    enum code code;
    const char *name;
} answers[] = {
    {400, CODE_INVALID_ARGUMENT, "Bad Request"},
    {401, CODE_UNAUTHENTICATED, "Unauthorized"},
    {403, CODE_PERMISSION_DENIED, "Forbidden"},
    {404, CODE_NOT_FOUND, "Not Found"},
    {405, CODE_UNIMPLEMENTED, "Method Not Allowed"},
    {406, CODE_NOT_FOUND, "Not Acceptable"},
    {408, CODE_UNAVAILABLE, "Request Timeout"},
    {410, CODE_NOT_FOUND, "Gone"},
    {413, CODE_RESOURCE_EXHAUSTED, "Content Too Large"},
    {416, CODE_OUT_OF_RANGE, "Range Not Satisfiable"},
    {429, CODE_RESOURCE_EXHAUSTED, "Too Many Requests"},
    {451, CODE_PERMISSION_DENIED, "Unavailable For Legal Reasons"},
    {500, CODE_UNAVAILABLE, "Internal Server Error"},
    {501, CODE_UNIMPLEMENTED, "Not Implemented"},
    {502, CODE_UNAVAILABLE, "Bad Gateway"},
    {503, CODE_UNAVAILABLE, "Service Unavailable"},
    {504, CODE_UNAVAILABLE, "Gateway Timeout"},
    {505, CODE_UNIMPLEMENTED, "HTTP Version Not Supported"},
};

int
answer_code(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (answers[i].status == status)
            return answers[i].code;
    if (status >= 500)
        return CODE_UNAVAILABLE;
    return status >= 400 ? CODE_FAILED_PRECONDITION : CODE_UNKNOWN;
}

char *
answer_status_text(int status, char buf[static 64])
{
    const char *name = "";

    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (answers[i].status == status)
            name = answers[i].name;
    (void) snprintf(buf, 64, "%d%s%s", status, *name ? " " : "", name);
    return buf;
}

int
answer_is_temporary(int status)
{
    return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

/* One printable line. */
static char *
text_clean(const char *s, char buf[static ANSWER_TEXT_MAX])
{
    size_t n = 0;

    for (; *s && n < ANSWER_TEXT_MAX - 4; s++) {
        unsigned char ch = (unsigned char) *s;
        if (ch < ' ' || ch == 0x7f)
            ch = ' ';
        if (ch == ' ' && (n == 0 || buf[n - 1] == ' '))
            continue;
        buf[n++] = (char) ch;
    }
    if (*s) {
        /* Not in the middle of a UTF-8 sequence. */
        while (n > 0 && ((unsigned char) buf[n - 1] & 0xc0) == 0x80)
            n--;
        if (n > 0 && (unsigned char) buf[n - 1] >= 0xc0)
            n--;
        memcpy(buf + n, "...", 3);
        n += 3;
    }
    while (n > 0 && (buf[n - 1] == ' ' || buf[n - 1] == '.'))
        n--;
    buf[n] = '\0';
    return buf;
}

static const char *
json_text(const struct json *root)
{
    static const char *const keys[] = {"message", "error_description", "details", "error"};
    const struct json *first = json_at(json_find(root, "errors"), 0);
    const char *s = json_str(json_find(first, "message"));

    if (!s || !*s)
        s = json_str(json_find(first, "code"));
    for (size_t i = 0; (!s || !*s) && i < ARRAY_LEN(keys); i++)
        s = json_str(json_find(root, keys[i]));
    return s;
}

char *
answer_text(const char *body, size_t n, char buf[static ANSWER_TEXT_MAX])
{
    AUTO_PTR(json) root = NULL;

    buf[0] = '\0';
    if (n == 0 || n > ANSWER_BODY_MAX)
        return buf;
    if (json_parse(body, n, &root, NULL) == 0) {
        const char *s = json_text(root);
        return s ? text_clean(s, buf) : buf;
    }
    if (body[0] == '<' || memchr(body, '\0', n))
        return buf; /* a page, or no text at all */
    auto_free char *plain = xstrndup(body, n);
    return text_clean(plain, buf);
}

int64_t
answer_retry_after_ms(const char *header, int64_t now_s)
{
    uint64_t seconds;
    struct tm tm = {0};

    if (!header)
        return -1;
    if (parse_u64(header, &seconds, NULL) == 0)
        return seconds > 86400 ? INT64_C(86400000) : (int64_t) seconds * 1000;
    const char *end = strptime(header, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end)
        return -1;
    int64_t delta = (int64_t) timegm(&tm) - now_s;
    if (delta < 0)
        return 0;
    return delta > 86400 ? INT64_C(86400000) : delta * 1000;
}

/* ---- Link ---- */

/* Whether the relation types "prev next" hold `next`. */
static bool
has_next(const char *types, size_t n)
{
    while (n > 0) {
        size_t blank = strspn(types, " "), len;
        blank = blank < n ? blank : n;
        types += blank;
        n -= blank;
        len = strcspn(types, " ");
        len = len < n ? len : n;
        if (len == 4 && strncasecmp(types, "next", 4) == 0)
            return true;
        types += len;
        n -= len;
    }
    return false;
}

/* The parameters of one link, up to the comma behind them or the end: *at gets there. Whether one is rel="next". */
static bool
link_is_next(const char **at)
{
    const char *p = *at, *name, *value;
    bool next = false;

    while (*p && *p != ',') {
        p += strspn(p, "; \t");
        name = p;
        p += strcspn(p, "=;,");
        bool rel = p - name == 3 && strncasecmp(name, "rel", 3) == 0;
        if (*p != '=')
            continue;
        bool quoted = *++p == '"';
        value = p += quoted;
        p += strcspn(p, quoted ? "\"" : ";,");
        next |= rel && has_next(value, (size_t) (p - value));
        if (quoted && *p == '"')
            p++;
        p += strcspn(p, ";,");
    }
    *at = p;
    return next;
}

char *
answer_next_link(const char *header)
{
    const char *p = header;

    while (p && *(p += strspn(p, ", \t")) == '<') {
        const char *target = ++p, *end = strchr(p, '>');
        if (!end)
            return NULL;
        p = end + 1;
        if (link_is_next(&p))
            return xstrndup(target, (size_t) (end - target));
    }
    return NULL;
}
