/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of an image's config in the words of a Dockerfile. */
#include "image_change.h"

#include <string.h>
#include <strings.h>

#include "signal_name.h"

static int
refuse(const char *text, const char *why, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "--change '%.128s': %s", text, why);
}

/* A JSON array of strings as it is; anything else goes to a shell. */
static int
set_command(struct json *config, const char *key, const char *value, const char *text,
            struct err *err)
{
    AUTO_PTR(json) words = NULL;

    if (*value == '[') {
        if (json_parse(value, strlen(value), &words, NULL) < 0 || !json_is_array(words))
            return refuse(text, "that is no JSON array", err);
        for (size_t i = 0; i < json_len(words); i++)
            if (!json_str(json_at(words, i)))
                return refuse(text, "the array has something that is no text", err);
    } else {
        words = json_new_array();
        json_push(words, json_new_str("/bin/sh"));
        json_push(words, json_new_str("-c"));
        json_push(words, json_new_str(value));
    }
    json_set(config, key, TAKE(words));
    return 0;
}

/* "K=V" or "K V"; the value without quotes around it. */
static int
split_pair(const char *value, const char *text, char **ret_key, char **ret_value, struct err *err)
{
    size_t n = strcspn(value, "= ");
    const char *v = value + n + (value[n] != '\0');
    size_t len = strlen(v);

    if (!n || !value[n])
        return refuse(text, "it wants KEY=VALUE", err);
    if (len >= 2 && v[0] == v[len - 1] && (*v == '"' || *v == '\'')) {
        v++;
        len -= 2;
    }
    *ret_key = xstrndup(value, n);
    *ret_value = xstrndup(v, len);
    return 0;
}

static int
set_env(struct json *config, const char *value, const char *text, struct err *err)
{
    auto_free char *key = NULL, *v = NULL, *line = NULL;
    const struct json *old = json_find(config, "Env");
    struct json *env = json_new_array();
    size_t n;
    int r;

    r = split_pair(value, text, &key, &v, err);
    if (r < 0) {
        json_free(env);
        return r;
    }
    n = strlen(key);
    for (size_t i = 0; i < json_len(old); i++) {
        const char *one = json_str(json_at(old, i));

        if (one && (strncmp(one, key, n) != 0 || one[n] != '='))
            json_push(env, json_new_str(one));
    }
    line = xasprintf("%s=%s", key, v);
    json_push(env, json_new_str(line));
    json_set(config, "Env", env);
    return 0;
}

static struct json *
child(struct json *o, const char *key)
{
    if (!json_is_object(json_find(o, key)))
        json_set(o, key, json_new_object());
    return json_find(o, key);
}

static int
set_label(struct json *config, const char *value, const char *text, struct err *err)
{
    auto_free char *key = NULL, *v = NULL;
    int r = split_pair(value, text, &key, &v, err);

    if (r == 0)
        json_set(child(config, "Labels"), key, json_new_str(v));
    return r;
}

static int
set_port(struct json *config, const char *value, const char *text, struct err *err)
{
    size_t digits = strspn(value, "0123456789");
    auto_free char *port = value[digits] ? xstrdup(value) : xasprintf("%s/tcp", value);

    if (!digits || digits > 5 ||
        (value[digits] && strcmp(value + digits, "/tcp") != 0 &&
         strcmp(value + digits, "/udp") != 0 && strcmp(value + digits, "/sctp") != 0))
        return refuse(text, "it wants a port such as 80 or 53/udp", err);
    json_set(child(config, "ExposedPorts"), port, json_new_object());
    return 0;
}

int
image_change_apply(struct json *config, const char *text, struct err *err)
{
    static const struct {
        const char *word, *key;
    } plain[] = {{"WORKDIR", "WorkingDir"}, {"USER", "User"}, {"STOPSIGNAL", "StopSignal"}};
    size_t n = strcspn(text, " =");
    auto_free char *word = xstrndup(text, n);
    const char *value = text + n + strspn(text + n, " =");
    int signo;

    if (!*value)
        return refuse(text, "nothing follows the word", err);
    if (strcasecmp(word, "CMD") == 0)
        return set_command(config, "Cmd", value, text, err);
    if (strcasecmp(word, "ENTRYPOINT") == 0)
        return set_command(config, "Entrypoint", value, text, err);
    if (strcasecmp(word, "ENV") == 0)
        return set_env(config, value, text, err);
    if (strcasecmp(word, "LABEL") == 0)
        return set_label(config, value, text, err);
    if (strcasecmp(word, "EXPOSE") == 0)
        return set_port(config, value, text, err);
    if (strcasecmp(word, "VOLUME") == 0) {
        if (*value != '/')
            return refuse(text, "it wants an absolute path", err);
        json_set(child(config, "Volumes"), value, json_new_object());
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (strcasecmp(word, plain[i].word) != 0)
            continue;
        if (i == 0 && *value != '/')
            return refuse(text, "it wants an absolute path", err);
        if (i == 2 && signal_name_parse(value, &signo, NULL) < 0)
            return refuse(text, "that is no signal", err);
        json_set(config, plain[i].key, json_new_str(value));
        return 0;
    }
    return refuse(
        text, "known are CMD, ENTRYPOINT, ENV, LABEL, WORKDIR, USER, EXPOSE, VOLUME, STOPSIGNAL",
        err);
}
