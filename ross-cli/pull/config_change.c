/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/pull/config_change.h"

#include <string.h>
#include <strings.h>

#include "libross/base/parse.h"
#include "libross/json/json.h"

#define PORT_MAX 65535

static int
wrong(const char *why, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "%s", why);
}

static struct strv
split_words(const char *text)
{
    struct strv words = {0};

    for (text += strspn(text, " \t"); *text; text += strspn(text, " \t")) {
        size_t n = strcspn(text, " \t");
        strv_add_n(&words, text, n);
        text += n;
    }
    return words;
}

/* ["a", "b"]: 1 and the strings; 0 when it is no list. */
static int
read_list(const char *text, struct strv *ret, struct err *err)
{
    AUTO_PTR(json) list = NULL;
    AUTO(strv) words = {0};

    if (*text != '[')
        return 0;
    if (json_parse(text, strlen(text), &list, NULL) < 0)
        return wrong("the list is not JSON: [\"word\", \"word\"]", err);
    for (size_t i = 0; i < json_len(list); i++) {
        const char *s = json_str(json_at(list, i));
        if (!s)
            return wrong("the list holds more than strings", err);
        strv_add(&words, s);
    }
    *ret = TAKE_STRUCT(words);
    return 1;
}

/* A list of words, or a line for the shell. */
static int
set_command(struct strv *to, const char *text, struct err *err)
{
    AUTO(strv) words = {0};
    int r = read_list(text, &words, err);

    if (r < 0)
        return r;
    if (r == 0) {
        strv_add(&words, "/bin/sh");
        strv_add(&words, "-c");
        strv_add(&words, text);
    }
    strv_done(to);
    *to = TAKE_STRUCT(words);
    return 0;
}

static void
set_env(struct strv *env, const char *pair)
{
    size_t name = strcspn(pair, "=") + 1;

    for (size_t i = 0; i < env->n; i++)
        if (strncmp(env->items[i], pair, name) == 0) {
            free(env->items[i]);
            env->items[i] = xstrdup(pair);
            return;
        }
    strv_add(env, pair);
}

/* "A=1 B=2", or "A one value". */
static int
add_env(struct oci_config *c, const char *text, struct err *err)
{
    AUTO(strv) words = split_words(text);

    if (!strchr(words.items[0], '=')) {
        const char *value = text + strlen(words.items[0]);
        value += strspn(value, " \t");
        if (!*value)
            return wrong("a variable is NAME=VALUE", err);
        auto_free char *pair = xasprintf("%s=%s", words.items[0], value);
        set_env(&c->env, pair);
        return 0;
    }
    for (size_t i = 0; i < words.n; i++)
        if (!strchr(words.items[i], '=') || words.items[i][0] == '=')
            return wrong("a variable is NAME=VALUE", err);
    for (size_t i = 0; i < words.n; i++)
        set_env(&c->env, words.items[i]);
    return 0;
}

static int
add_labels(struct oci_config *c, const char *text, struct err *err)
{
    AUTO(strv) words = split_words(text);

    for (size_t i = 0; i < words.n; i++)
        if (!strchr(words.items[i], '=') || words.items[i][0] == '=')
            return wrong("a label is KEY=VALUE", err);
    for (size_t i = 0; i < words.n; i++) {
        size_t n = strcspn(words.items[i], "=");
        words.items[i][n] = '\0';
        labels_set_raw(&c->labels, words.items[i], words.items[i] + n + 1);
    }
    return 0;
}

static int
add_ports(struct oci_config *c, const char *text, struct err *err)
{
    AUTO(strv) words = split_words(text), ports = {0};

    for (size_t i = 0; i < words.n; i++) {
        size_t n = strcspn(words.items[i], "/");
        const char *protocol = words.items[i][n] ? words.items[i] + n + 1 : "tcp";
        auto_free char *number = xstrndup(words.items[i], n);
        uint32_t port;
        if (parse_u32(number, &port, NULL) < 0 || port == 0 || port > PORT_MAX ||
            (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0 &&
             strcmp(protocol, "sctp") != 0))
            return wrong("a port is NUMBER or NUMBER/tcp, /udp, /sctp", err);
        strv_printf(&ports, "%u/%s", port, protocol);
    }
    for (size_t i = 0; i < ports.n; i++)
        if (!strv_has(&c->exposed_ports, ports.items[i]))
            strv_add(&c->exposed_ports, ports.items[i]);
    return 0;
}

static int
add_volumes(struct oci_config *c, const char *text, struct err *err)
{
    AUTO(strv) paths = {0};
    int r = read_list(text, &paths, err);

    if (r < 0)
        return r;
    if (r == 0)
        paths = split_words(text);
    for (size_t i = 0; i < paths.n; i++)
        if (*paths.items[i] != '/')
            return wrong("a volume is an absolute path", err);
    for (size_t i = 0; i < paths.n; i++)
        if (!strv_has(&c->volumes, paths.items[i]))
            strv_add(&c->volumes, paths.items[i]);
    return 0;
}

static int
set_text(char **to, const char *text)
{
    free(*to);
    *to = xstrdup(text);
    return 0;
}

static int
change_cmd(struct oci_config *c, const char *text, struct err *err)
{
    return set_command(&c->cmd, text, err);
}

static int
change_entrypoint(struct oci_config *c, const char *text, struct err *err)
{
    return set_command(&c->entrypoint, text, err);
}

static int
change_on_build(struct oci_config *c, const char *text, struct err *err)
{
    (void) err;
    strv_add(&c->on_build, text);
    return 0;
}

static int
change_stop_signal(struct oci_config *c, const char *text, struct err *err)
{
    return strpbrk(text, " \t") ? wrong("a signal is one word", err)
                                : set_text(&c->stop_signal, text);
}

static int
change_user(struct oci_config *c, const char *text, struct err *err)
{
    return strpbrk(text, " \t") ? wrong("a user is one word", err) : set_text(&c->user, text);
}

static int
change_working_dir(struct oci_config *c, const char *text, struct err *err)
{
    return *text != '/' ? wrong("the directory is an absolute path", err)
                        : set_text(&c->working_dir, text);
}

int
config_change(struct oci_config *c, const char *line, struct err *err)
{
    static const struct {
        const char *name;
        int (*change)(struct oci_config *c, const char *text, struct err *err);
    } known[] = {
        {"CMD", change_cmd},
        {"ENTRYPOINT", change_entrypoint},
        {"ENV", add_env},
        {"EXPOSE", add_ports},
        {"LABEL", add_labels},
        {"ONBUILD", change_on_build},
        {"STOPSIGNAL", change_stop_signal},
        {"USER", change_user},
        {"VOLUME", add_volumes},
        {"WORKDIR", change_working_dir},
    };
    const char *from = line + strspn(line, " \t"), *text = from + strcspn(from, " \t");
    size_t name = (size_t) (text - from), end;
    int r;

    text += strspn(text, " \t");
    auto_free char *rest = xstrdup(text);
    for (end = strlen(rest); end > 0 && strchr(" \t", rest[end - 1]);)
        rest[--end] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strlen(known[i].name) != name || strncasecmp(known[i].name, from, name) != 0)
            continue;
        r = *rest ? known[i].change(c, rest, err) : wrong("something must follow", err);
        return r < 0 ? err_wrap(err, r, "change '%.200s'", line) : 0;
    }
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "'%.200s' is no change: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, "
                   "STOPSIGNAL, USER, VOLUME, WORKDIR",
                   line);
}
