/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ross-cli/registry/http.h"
#include "ross-cli/registry/http_curl.h"

static bool
url_scheme_ok(CURLU *u)
{
    char *scheme = NULL;
    bool ok = curl.url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);

    curl.free(scheme);
    return ok;
}

char *
http_url_origin(const char *url)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *origin = NULL;

    if (curl_ready(NULL) < 0)
        return NULL;
    CURLU *u = curl.url();
    if (u && curl.url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && url_scheme_ok(u) &&
        curl.url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl.url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl.url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
        origin = xasprintf("%s://%s:%s", scheme, host, port);
    for (char *p = origin; p && *p; p++)
        *p = (char) tolower((unsigned char) *p);
    curl.free(scheme);
    curl.free(host);
    curl.free(port);
    curl.url_cleanup(u);
    return origin;
}

char *
http_url_resolve(const char *base, const char *location)
{
    char *full = NULL, *copy = NULL;

    if (curl_ready(NULL) < 0)
        return NULL;
    CURLU *u = curl.url();
    if (u && curl.url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl.url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK && url_scheme_ok(u) &&
        curl.url_set(u, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
        curl.url_get(u, CURLUPART_URL, &full, 0) == CURLUE_OK)
        copy = xstrdup(full);
    curl.free(full);
    curl.url_cleanup(u);
    return copy;
}

char *
http_url_escape(const char *s)
{
    char *out = xmalloc(strlen(s) * 3 + 1), *q = out;

    for (; *s; s++) {
        unsigned char ch = (unsigned char) *s;
        if (isalnum(ch) || strchr("-._~", ch))
            *q++ = (char) ch;
        else
            q += snprintf(q, 4, "%%%02X", ch);
    }
    *q = '\0';
    return out;
}
