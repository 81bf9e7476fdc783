/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs after `run` must know of a container, as labels of its record. */
#include "container_labels.h"

#include <ctype.h>
#include <string.h>

#include "container_restart.h"
#include "libross/base/buf.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/signal_name.h"

#define LOG_URI_MAX 4000 /* a label with its key has 4096 bytes */

char *
container_log_path(const char *dir)
{
    return path_join(dir, "log");
}

/* Percent-encoded, as shims decode it; malloc'ed. */
static char *
encode_path(const char *path)
{
    static const char hex[] = "0123456789abcdef";
    char *out = xmalloc(3 * strlen(path) + 1), *to = out;

    for (const unsigned char *p = (const unsigned char *) path; *p; p++) {
        if (isalnum(*p) || strchr("/-_.~", *p)) {
            *to++ = (char) *p;
            continue;
        }
        *to++ = '%';
        *to++ = hex[*p >> 4];
        *to++ = hex[*p & 15];
    }
    *to = '\0';
    return out;
}

static int
log_option(const char *text, struct strv *query, struct err *err)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t) (equals - text) : 0;
    int64_t number = 0;
    int r = 0;

    if (len == strlen("max-size") && strncmp(text, "max-size", len) == 0)
        r = parse_size(equals + 1, &number, err);
    else if (len == strlen("max-file") && strncmp(text, "max-file", len) == 0) {
        r = parse_i64(equals + 1, &number, err);
        if (r == 0 && (number < 1 || number > 1000))
            r = err_set(err, CODE_INVALID_ARGUMENT, "max-file must be from 1 to 1000");
    } else if (strcmp(text, "full=drop") != 0 && strcmp(text, "full=block") != 0)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "--log-opt '%.64s' is not known, use max-size=SIZE, max-file=N or "
                       "full=drop|block",
                       text);
    if (r < 0)
        return err_wrap(err, r, "--log-opt");
    if (number)
        strv_printf(query, "%.*s=%lld", (int) len, text, (long long) number);
    else
        strv_add(query, text);
    return 0;
}

static int
set_log(const struct run_options *opt, const char *dir, struct labels *l, struct err *err)
{
    auto_free char *path = container_log_path(dir), *encoded = encode_path(path);
    auto_free char *text = NULL, *uri = NULL;
    AUTO(strv) query = {0};
    int r;

    strv_add(&query, "format=cri");
    for (size_t i = 0; i < opt->log_opts.n; i++) {
        r = log_option(opt->log_opts.items[i], &query, err);
        if (r < 0)
            return r;
    }
    text = strv_join(&query, "&");
    uri = xasprintf("ross-log://%s?%s", encoded, text);
    if (strlen(uri) > LOG_URI_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "the path '%.64s…' is too long for a log", path);
    labels_set(l, LABEL_LOG_URI, uri);
    return 0;
}

static int
set_stop(const struct run_options *opt, const struct oci_config *config, struct labels *l,
         struct err *err)
{
    uint32_t seconds;
    int signo, r;

    if (opt->stop_signal) {
        r = signal_name_parse(opt->stop_signal, &signo, err);
        if (r < 0)
            return err_wrap(err, r, "--stop-signal");
        labels_set(l, LABEL_STOP_SIGNAL, opt->stop_signal);
    } else if (config->stop_signal && signal_name_parse(config->stop_signal, &signo, NULL) == 0)
        labels_set(l, LABEL_STOP_SIGNAL, config->stop_signal);
    if (!opt->stop_timeout)
        return 0;
    r = parse_u32(opt->stop_timeout, &seconds, err);
    if (r < 0)
        return err_wrap(err, r, "--stop-timeout");
    labels_set(l, LABEL_STOP_TIMEOUT, opt->stop_timeout);
    return 0;
}

bool
container_label_is_ours(const char *key)
{
    return strncmp(key, "ross/", 5) == 0 || strcmp(key, LABEL_STOP_SIGNAL) == 0;
}

int
container_labels_set(const struct run_options *opt, const struct oci_config *config,
                     const char *dir, struct labels *l, struct err *err)
{
    struct restart_policy policy;
    int r;

    r = set_stop(opt, config, l, err);
    if (r == 0)
        r = set_log(opt, dir, l, err);
    if (r < 0)
        return r;
    if (opt->rm)
        labels_set(l, LABEL_AUTO_REMOVE, "true");
    if (opt->restart) {
        r = restart_policy_parse(opt->restart, &policy, err);
        if (r == 0 && opt->rm && policy.kind != RESTART_NO)
            r = err_set(err, CODE_INVALID_ARGUMENT,
                        "--restart and --rm cannot both be: choose one of them");
        if (r < 0)
            return r;
        labels_set(l, LABEL_RESTART, opt->restart);
    }
    if (opt->interactive)
        labels_set(l, LABEL_INTERACTIVE, "true");
    return 0;
}
