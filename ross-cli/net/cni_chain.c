/* SPDX-License-Identifier: Apache-2.0 */
/* Running the network plugins of a configuration list. */
#include "cni_chain.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cni_result.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"

#define STDERR_SIZE_MAX (64 * 1024)
#define STDERR_SHOWN    200

const char *
cni_path(void)
{
    const char *given = getenv("CNI_PATH");

    return given && *given ? given : "/opt/cni/bin:/usr/lib/cni:/usr/libexec/cni";
}

/* malloc'ed, or NULL */
static char *
find_plugin(const char *path, const char *type)
{
    AUTO(strv) dirs = strv_split(path ? path : cni_path(), ':');

    for (size_t i = 0; i < dirs.n; i++) {
        auto_free char *file = path_join(dirs.items[i], type);

        if (dirs.items[i][0] == '/' && access(file, X_OK) == 0)
            return TAKE(file);
    }
    return NULL;
}

bool
cni_has_plugin(const char *path, const char *type)
{
    auto_free char *file = find_plugin(path, type);

    return file != NULL;
}

int
cni_list_check(const struct json *list, struct err *err)
{
    static const char *const versions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0"};
    const char *version = json_str(json_find(list, "cniVersion"));
    const char *name = json_str(json_find(list, "name"));
    const struct json *plugins = json_find(list, "plugins");
    bool known = false;

    for (size_t i = 0; version && i < ARRAY_LEN(versions); i++)
        known = known || strcmp(version, versions[i]) == 0;
    if (!known)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "its cniVersion is '%.32s'; versions 0.3.0 to 1.0.0 are understood",
                       version ? version : "");
    if (!name || !*name)
        return err_set(err, CODE_INVALID_ARGUMENT, "it has no name");
    if (!json_is_array(plugins) || !json_len(plugins) || json_len(plugins) > CNI_PLUGINS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "it needs 1 to %d plugins", CNI_PLUGINS_MAX);
    for (size_t i = 0; i < json_len(plugins); i++) {
        const char *type = json_str(json_find(json_at(plugins, i), "type"));

        if (!type || !path_is_name(type))
            return err_set(err, CODE_INVALID_ARGUMENT, "plugin %zu of it has no proper type",
                           i + 1);
    }
    return 0;
}

/* The configuration of one plugin as it goes to its standard input. */
static struct json *
plugin_config(const struct json *list, const struct json *plugin, const struct cni_call *call,
              const struct json *previous)
{
    const struct json *wanted = json_find(plugin, "capabilities");
    struct json *config = json_clone(plugin), *values = NULL, *flag;
    const char *key;
    void *i = NULL;

    json_set(config, "cniVersion", json_clone(json_find(list, "cniVersion")));
    json_set(config, "name", json_clone(json_find(list, "name")));
    while (json_next(wanted, &i, &key, &flag)) {
        const struct json *value = json_is_true(flag) ? json_find(call->capabilities, key) : NULL;

        if (!value)
            continue;
        values = values ? values : json_new_object();
        json_set(values, key, json_clone(value));
    }
    if (values)
        json_set(config, "runtimeConfig", values);
    if (previous)
        json_set(config, "prevResult", json_clone(previous));
    return config;
}

/* The last words on its standard error, when it answered nothing that can be understood. */
static int
fail_with_stderr(struct buf *errout, int status, struct err *err)
{
    const char *text = errout->data ? errout->data : "";
    size_t len = strlen(text);
    auto_free char *shown = xstrdup(len > STDERR_SHOWN ? text + len - STDERR_SHOWN : text);

    cni_text_clean(shown);
    return err_set(err, CODE_INTERNAL, "it ended with %d and no answer%s%s", status,
                   *shown ? ": " : "", shown);
}

static int
run_program(const char *program, const char *command, const struct cni_call *call,
            const struct buf *input, struct json **ret, struct err *err)
{
    const char *path = call->path ? call->path : cni_path();
    const char *const argv[] = {program, NULL};
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    AUTO(buf) out = BUF_INIT(CNI_OUTPUT_SIZE_MAX);
    AUTO(buf) errout = BUF_INIT(STDERR_SIZE_MAX);
    AUTO_PTR(json) answer = NULL;
    AUTO(strv) env = {0};
    int status, r;

    strv_printf(&env, "CNI_COMMAND=%s", command);
    strv_printf(&env, "CNI_CONTAINERID=%s", call->container_id);
    strv_printf(&env, "CNI_NETNS=%s", call->netns);
    strv_printf(&env, "CNI_IFNAME=%s", call->ifname);
    strv_printf(&env, "CNI_PATH=%s", path);
    strv_add(&env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    spawn.argv = argv;
    spawn.envp = (const char *const *) env.items;
    spawn.new_pgrp = true;
    r = proc_run(&spawn, input, &out, &errout, call->timeout_ms ? call->timeout_ms : CNI_TIMEOUT_MS,
                 &status, err);
    if (r < 0)
        return r;
    if (status == 0 && strspn(out.data ? out.data : "", " \t\r\n") == out.len)
        return 0; /* DEL says nothing */
    if (out.len >= CNI_OUTPUT_SIZE_MAX)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "it answers more than %d bytes",
                       CNI_OUTPUT_SIZE_MAX);
    r = json_parse(out.data ? out.data : "", out.len, &answer, err);
    if (status)
        return r < 0 ? fail_with_stderr(&errout, status, err) : cni_error_parse(answer, err);
    if (r < 0)
        return err_wrap(err, r, "its answer");
    *ret = TAKE(answer);
    return 0;
}

/* *ret stays NULL when the plugin says nothing. */
static int
run_plugin(const struct json *list, const struct json *plugin, const char *command,
           const struct cni_call *call, const struct json *previous, struct json **ret,
           struct err *err)
{
    const char *type = json_str(json_find(plugin, "type"));
    AUTO_PTR(json) config = plugin_config(list, plugin, call, previous);
    auto_free char *program = find_plugin(call->path, type), *text = NULL;
    AUTO(buf) input = BUF_INIT(CNI_CONFIG_SIZE_MAX + CNI_OUTPUT_SIZE_MAX);
    size_t len;
    int r;

    if (!program)
        return err_set(err, CODE_NOT_FOUND,
                       "the network plugin '%s' is not installed; on Debian it is in the package "
                       "%s",
                       type, CNI_PLUGIN_PACKAGE);
    text = json_dump(config, &len);
    r = buf_append(&input, text, len, err);
    if (r == 0)
        r = run_program(program, command, call, &input, ret, err);
    return r < 0 ? err_wrap(err, r, "network plugin '%s' (%s)", type, command) : 0;
}

/* Plugins n - 1 to 0. */
static int
del_first(const struct json *list, size_t n, const struct cni_call *call, const struct json *result,
          struct err *err)
{
    const struct json *plugins = json_find(list, "plugins");
    struct err ignored;
    int failed = 0;

    while (n-- > 0) {
        AUTO_PTR(json) answer = NULL;
        int r;

        ignored = (struct err){0};
        r = run_plugin(list, json_at(plugins, n), "DEL", call, result, &answer,
                       failed ? &ignored : err);
        if (r < 0 && !failed)
            failed = r;
    }
    return failed;
}

int
cni_chain_add(const struct json *list, const struct cni_call *call, struct json **ret_result,
              struct err *err)
{
    const struct json *plugins = json_find(list, "plugins");
    AUTO_PTR(json) previous = NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_len(plugins); i++) {
        struct json *answer = NULL;

        r = run_plugin(list, json_at(plugins, i), "ADD", call, previous, &answer, err);
        if (r == 0 && !answer)
            r = err_set(err, CODE_INTERNAL, "network plugin '%s' answers nothing to ADD",
                        json_str(json_find(json_at(plugins, i), "type")));
        if (r < 0) {
            json_free(answer);
            (void) del_first(list, i + 1, call, previous, NULL);
            return r;
        }
        json_free(previous);
        previous = answer;
    }
    *ret_result = TAKE(previous);
    return 0;
}

int
cni_chain_del(const struct json *list, const struct cni_call *call, const struct json *result,
              struct err *err)
{
    return del_first(list, json_len(json_find(list, "plugins")), call, result, err);
}
