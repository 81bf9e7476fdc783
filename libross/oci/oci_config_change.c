/* SPDX-License-Identifier: Apache-2.0 */
#include "libross/oci/oci_config_change.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/base/signal_name.h"

#define PORT_MAX 65535
#define WORD_MAX ((size_t) 1024 * 1024)
#define BLANKS   " \t"

struct change {
    struct json *config;
    bool has_cmd; /* one of the lines was a CMD */
};

static int
wrong(const char *why, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "%s", why);
}

static struct json *
child(struct json *o, const char *key)
{
    if (!json_is_object(json_find(o, key)))
        json_set(o, key, json_new_object());
    return json_find(o, key);
}

/* ---- words: quotes, backslashes, variables ---- */

/* Where the variable is in Env, "" when it is not. */
static const char *
variable(const struct change *c, const char *name, size_t n)
{
    const struct json *env = json_find(c->config, "Env");

    for (size_t i = json_len(env); i-- > 0;) {
        const char *pair = json_str(json_at(env, i));

        if (pair && strncmp(pair, name, n) == 0 && pair[n] == '=')
            return pair + n + 1;
    }
    return "";
}

static size_t
name_length(const char *p)
{
    size_t n = 0;

    while (isalnum((unsigned char) p[n]) || p[n] == '_')
        n++;
    return n;
}

/* "$A", "${A}", "${A:-B}", "${A:+B}" at *p. */
static int
expand(const struct change *c, const char **p, struct buf *out, struct err *err)
{
    bool braces = (*p)[1] == '{';
    const char *name = *p + 1 + braces, *rest, *end, *value;
    size_t n = name_length(name);

    if (!n && !braces) {
        (*p)++;
        return buf_append_str(out, "$", err);
    }
    value = variable(c, name, n);
    if (!braces) {
        *p = name + n;
        return buf_append_str(out, value, err);
    }
    rest = name + n;
    end = strchr(rest, '}');
    if (!n || !end)
        return wrong("a ${NAME} does not end", err);
    *p = end + 1;
    if (rest == end)
        return buf_append_str(out, value, err);
    if (rest[0] != ':' || (rest[1] != '-' && rest[1] != '+'))
        return wrong("of the ${…} forms ${NAME}, ${NAME:-WORD} and ${NAME:+WORD} are known", err);
    if ((rest[1] == '-') == (*value != '\0'))
        return rest[1] == '-' ? buf_append_str(out, value, err) : 0;
    return buf_append(out, rest + 2, (size_t) (end - rest - 2), err);
}

/* One word, up to a blank that is not quoted; *p behind it. */
static int
next_word(const struct change *c, const char **p, struct buf *out, struct err *err)
{
    char quote = '\0';
    int r = 0;

    while (r == 0 && **p && (quote || !strchr(BLANKS, **p))) {
        char now = **p;

        if (now == quote || (!quote && (now == '"' || now == '\''))) {
            quote = now == quote ? '\0' : now;
            (*p)++;
        } else if (now == '$' && quote != '\'')
            r = expand(c, p, out, err);
        else {
            bool escaped =
                now == '\\' && quote != '\'' && (*p)[1] && (!quote || strchr("\"\\$", (*p)[1]));

            *p += escaped;
            r = buf_append(out, *p, 1, err);
            (*p)++;
        }
    }
    return r == 0 && quote ? wrong("a quote does not end", err) : r;
}

static int
split_words(const struct change *c, const char *text, struct strv *ret, struct err *err)
{
    int r = 0;

    for (text += strspn(text, BLANKS); r == 0 && *text; text += strspn(text, BLANKS)) {
        AUTO(buf) word = BUF_INIT(WORD_MAX);

        r = next_word(c, &text, &word, err);
        if (r == 0)
            strv_add_n(ret, word.len ? word.data : "", word.len);
    }
    return r;
}

/* The whole text as one word, blanks included. */
static int
whole_word(const struct change *c, const char *text, char **ret, struct err *err)
{
    AUTO(strv) words = {0};
    int r = split_words(c, text, &words, err);

    if (r == 0)
        *ret = strv_join(&words, " ");
    return r;
}

/* ["a", "b"]: 1 and the strings; 0 when it is no list. */
static int
read_list(const char *text, struct strv *ret, struct err *err)
{
    AUTO_PTR(json) list = NULL;

    if (*text != '[')
        return 0;
    if (json_parse(text, strlen(text), &list, NULL) < 0)
        return wrong("the list is not JSON: [\"word\", \"word\"]", err);
    for (size_t i = 0; i < json_len(list); i++) {
        if (!json_str(json_at(list, i)))
            return wrong("the list holds more than strings", err);
        strv_add(ret, json_str(json_at(list, i)));
    }
    return 1;
}

/* ---- the instructions ---- */

static int
set_command(struct change *c, const char *key, const char *text, struct err *err)
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
    json_set(c->config, key, json_new_strv(&words));
    return 0;
}

static int
change_cmd(struct change *c, const char *text, struct err *err)
{
    c->has_cmd = true;
    return set_command(c, "Cmd", text, err);
}

static int
change_entrypoint(struct change *c, const char *text, struct err *err)
{
    /* the image's CMD was made for another entrypoint */
    if (!c->has_cmd)
        json_del(c->config, "Cmd");
    return set_command(c, "Entrypoint", text, err);
}

static void
set_env(struct json *config, const char *pair)
{
    const struct json *old = json_find(config, "Env");
    struct json *env = json_new_array();
    size_t name = strcspn(pair, "=") + 1;
    bool found = false;

    for (size_t i = 0; i < json_len(old); i++) {
        const char *one = json_str(json_at(old, i));
        bool same = one && strncmp(one, pair, name) == 0;

        if (one && !(same && found))
            json_push(env, json_new_str(same ? pair : one));
        found |= same;
    }
    if (!found)
        json_push(env, json_new_str(pair));
    json_set(config, "Env", env);
}

/* "A=1 B=2" as it is; "A one value" becomes one "A=one value". */
static int
read_pairs(const struct change *c, const char *text, const char *rule, struct strv *ret,
           struct err *err)
{
    size_t n = strcspn(text, BLANKS "=\"'");
    const char *value = text + n + strspn(text + n, BLANKS);
    auto_free char *rest = NULL;
    int r;

    if (n && strchr(BLANKS, text[n]) && *value) {
        r = whole_word(c, value, &rest, err);
        if (r == 0)
            strv_printf(ret, "%.*s=%s", (int) n, text, rest);
        return r;
    }
    r = split_words(c, text, ret, err);
    for (size_t i = 0; r == 0 && i < ret->n; i++)
        if (!strchr(ret->items[i], '=') || ret->items[i][0] == '=')
            r = wrong(rule, err);
    return r;
}

static int
change_env(struct change *c, const char *text, struct err *err)
{
    AUTO(strv) pairs = {0};
    int r = read_pairs(c, text, "a variable is NAME=VALUE", &pairs, err);

    for (size_t i = 0; r == 0 && i < pairs.n; i++)
        set_env(c->config, pairs.items[i]);
    return r;
}

static int
change_label(struct change *c, const char *text, struct err *err)
{
    AUTO(strv) pairs = {0};
    int r = read_pairs(c, text, "a label is KEY=VALUE", &pairs, err);

    for (size_t i = 0; r == 0 && i < pairs.n; i++) {
        char *equals = strchr(pairs.items[i], '=');

        *equals = '\0';
        json_set(child(c->config, "Labels"), pairs.items[i], json_new_str(equals + 1));
    }
    return r;
}

/* "80", "8000-8010/udp" */
static int
add_ports(struct json *ports, const char *word, struct err *err)
{
    size_t n = strcspn(word, "/");
    const char *protocol = word[n] ? word + n + 1 : "tcp";
    auto_free char *first = xstrndup(word, n);
    char *dash = strchr(first, '-');
    uint32_t from, to;

    if (dash)
        *dash = '\0';
    if (parse_u32(first, &from, NULL) < 0 || parse_u32(dash ? dash + 1 : first, &to, NULL) < 0 ||
        from == 0 || to > PORT_MAX || to < from ||
        (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0 &&
         strcmp(protocol, "sctp") != 0))
        return wrong("a port is NUMBER or FIRST-LAST, with /tcp, /udp, /sctp or nothing", err);
    for (; from <= to; from++) {
        auto_free char *key = xasprintf("%u/%s", from, protocol);

        json_set(ports, key, json_new_object());
    }
    return 0;
}

static int
change_expose(struct change *c, const char *text, struct err *err)
{
    AUTO(strv) words = {0};
    int r = split_words(c, text, &words, err);

    for (size_t i = 0; r == 0 && i < words.n; i++)
        r = add_ports(child(c->config, "ExposedPorts"), words.items[i], err);
    return r;
}

static int
change_volume(struct change *c, const char *text, struct err *err)
{
    AUTO(strv) paths = {0};
    int r = read_list(text, &paths, err);

    if (r == 0)
        r = split_words(c, text, &paths, err);
    for (size_t i = 0; r >= 0 && i < paths.n; i++) {
        if (*paths.items[i] != '/')
            return wrong("a volume is an absolute path", err);
        json_set(child(c->config, "Volumes"), paths.items[i], json_new_object());
    }
    return r < 0 ? r : 0;
}

static int
change_on_build(struct change *c, const char *text, struct err *err)
{
    size_t n = strcspn(text, BLANKS);

    if (strncasecmp(text, "ONBUILD", n) == 0 || strncasecmp(text, "FROM", n) == 0)
        return wrong("ONBUILD and FROM cannot follow ONBUILD", err);
    if (!json_is_array(json_find(c->config, "OnBuild")))
        json_set(c->config, "OnBuild", json_new_array());
    json_push(json_find(c->config, "OnBuild"), json_new_str(text));
    return 0;
}

static int
change_stop_signal(struct change *c, const char *text, struct err *err)
{
    auto_free char *word = NULL;
    int r = whole_word(c, text, &word, err), signo;

    if (r == 0 && signal_name_parse(word, &signo, NULL) < 0)
        return wrong("that is no signal", err);
    if (r == 0)
        json_set(c->config, "StopSignal", json_new_str(word));
    return r;
}

static int
change_user(struct change *c, const char *text, struct err *err)
{
    auto_free char *word = NULL;
    int r = whole_word(c, text, &word, err);

    if (r == 0 && strpbrk(word, BLANKS))
        return wrong("a user is one word", err);
    if (r == 0)
        json_set(c->config, "User", json_new_str(word));
    return r;
}

/* A relative one begins where the last one was. */
static int
change_working_dir(struct change *c, const char *text, struct err *err)
{
    const char *old = json_str(json_find(c->config, "WorkingDir"));
    auto_free char *word = NULL, *joined = NULL, *clean = NULL;
    int r = whole_word(c, text, &word, err);

    if (r != 0)
        return r;
    joined = *word == '/' ? xstrdup(word) : xasprintf("%s/%s", old ? old : "", word);
    clean = path_clean(joined);
    json_set(c->config, "WorkingDir", json_new_str(clean));
    return 0;
}

static int
change_one(struct change *c, const char *line, struct err *err)
{
    static const struct {
        const char *name;
        int (*change)(struct change *c, const char *text, struct err *err);
    } known[] = {
        {"CMD", change_cmd},       {"ENTRYPOINT", change_entrypoint},
        {"ENV", change_env},       {"EXPOSE", change_expose},
        {"LABEL", change_label},   {"ONBUILD", change_on_build},
        {"USER", change_user},     {"STOPSIGNAL", change_stop_signal},
        {"VOLUME", change_volume}, {"WORKDIR", change_working_dir},
    };
    const char *from = line + strspn(line, BLANKS), *text = from + strcspn(from, BLANKS);
    size_t name = (size_t) (text - from), end;
    int r;

    text += strspn(text, BLANKS);
    auto_free char *rest = xstrdup(text);
    for (end = strlen(rest); end > 0 && strchr(BLANKS, rest[end - 1]);)
        rest[--end] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strlen(known[i].name) != name || strncasecmp(known[i].name, from, name) != 0)
            continue;
        r = *rest ? known[i].change(c, rest, err) : wrong("something must follow", err);
        return r < 0 ? err_wrap(err, r, "--change '%.200s'", line) : 0;
    }
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "--change '%.200s' is no change: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, "
                   "STOPSIGNAL, USER, VOLUME, WORKDIR",
                   line);
}

int
oci_config_change(struct json *config, const struct strv *lines, struct err *err)
{
    struct change c = {.config = config};
    int r = 0;

    if (lines->n > OCI_CHANGES_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "more than %d changes", OCI_CHANGES_MAX);
    for (size_t i = 0; r == 0 && i < lines->n; i++)
        r = change_one(&c, lines->items[i], err);
    return r;
}
