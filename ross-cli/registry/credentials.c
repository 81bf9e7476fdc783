/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/credentials.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "libross/base/base64.h"
#include "libross/base/fd.h"
#include "libross/base/path.h"
#include "libross/base/proc.h"
#include "libross/json/json.h"

#define CONFIG_SIZE_MAX   (1024 * 1024)
#define HELPER_TIMEOUT_MS 60000
#define HUB_HOST          "docker.io"
#define HUB_KEY           "https://index.docker.io/v1/"

struct credentials {
    char *dir;         /* NULL when there is no home */
    struct json *root; /* an object */
};

static void
wipe_free(char *s)
{
    if (s)
        explicit_bzero(s, strlen(s));
    free(s);
}

void
credential_done(struct credential *c)
{
    wipe_free(c->user);
    wipe_free(c->password);
    wipe_free(c->identity_token);
    wipe_free(c->registry_token);
    *c = (struct credential){0};
}

char *
credential_basic(const char *user, const char *password)
{
    char *pair = xasprintf("%s:%s", user, password);
    char *encoded = base64_encode(pair, strlen(pair));
    char *value = xasprintf("Basic %s", encoded);

    wipe_free(pair);
    wipe_free(encoded);
    return value;
}

/* ---- the file ---- */

static char *
config_dir(const char *dir)
{
    const char *env = getenv("DOCKER_CONFIG"), *home = getenv("HOME");

    if (dir)
        return xstrdup(dir);
    if (env && *env)
        return xstrdup(env);
    return home && *home ? path_join(home, ".docker") : NULL;
}

int
credentials_new(const char *dir, struct credentials **ret, struct err *err)
{
    AUTO_PTR(credentials) c = xcalloc(1, sizeof *c);
    auto_free char *path = NULL, *text = NULL;
    size_t len = 0;
    int r = 0;

    c->dir = config_dir(dir);
    if (c->dir) {
        path = path_join(c->dir, "config.json");
        r = fd_read_file_at(AT_FDCWD, path, CONFIG_SIZE_MAX, &text, &len, err);
        if (r < 0 && r != -CODE_NOT_FOUND)
            return r;
    }
    if (!text || len == 0) {
        c->root = json_new_object();
    } else {
        r = json_parse(text, len, &c->root, err);
        explicit_bzero(text, len);
        if (r < 0)
            return err_wrap(err, r, "%s", path);
        if (!json_is_object(c->root))
            return err_set(err, CODE_INVALID_ARGUMENT, "%s: not a JSON object", path);
    }
    if (err)
        *err = (struct err){0};
    *ret = TAKE(c);
    return 0;
}

void
credentials_free(struct credentials *c)
{
    if (!c)
        return;
    json_free(c->root);
    free(c->dir);
    free(c);
}

char *
credentials_key_host(const char *key)
{
    const char *scheme = strstr(key, "://");
    const char *p = scheme ? scheme + 3 : key;
    size_t n = strcspn(p, "/");

    if ((n == 15 && strncasecmp(p, "index.docker.io", n) == 0) ||
        (n == 20 && strncasecmp(p, "registry-1.docker.io", n) == 0))
        return xstrdup(HUB_HOST);
    return xstrndup(p, n);
}

/* The value in an object of the file whose key means `host`; an exact key wins. */
static const struct json *
find_for_host(const struct json *object, const char *host, const char **ret_key)
{
    const struct json *exact = json_find(object, host);
    const char *key;
    struct json *value;

    *ret_key = host;
    if (exact)
        return exact;
    for (void *i = NULL; json_next(object, &i, &key, &value);) {
        auto_free char *means = credentials_key_host(key);
        if (strcasecmp(means, host) == 0) {
            *ret_key = key;
            return value;
        }
    }
    return NULL;
}

static const char *
server_key(const char *host)
{
    return strcmp(host, HUB_HOST) == 0 ? HUB_KEY : host;
}

/* ---- helpers ---- */

static const char *
helper_name(const struct credentials *c, const char *host)
{
    const char *key, *name = json_str(find_for_host(json_find(c->root, "credHelpers"), host, &key));

    if (name && *name)
        return name;
    name = json_str(json_find(c->root, "credsStore"));
    return name && *name ? name : NULL;
}

/* Runs "docker-credential-NAME verb"; 1 with its output, 0 when it knows nothing of the server. */
static int
helper_run(const char *name, const char *verb, const char *input, struct buf *out, struct err *err)
{
    auto_free char *program = xasprintf("docker-credential-%s", name);
    const char *argv[] = {program, verb, NULL};
    struct proc_spawn spec = PROC_SPAWN_INIT;
    AUTO(buf) in = BUF_INIT(CREDENTIAL_SECRET_MAX);
    int status = 0, r;

    if (strchr(name, '/'))
        return err_set(err, CODE_INVALID_ARGUMENT, "'%s' is no name of a credential helper", name);
    spec.argv = argv;
    r = buf_append_str(&in, input, err);
    if (r < 0)
        return r;
    r = proc_run(&spec, &in, out, NULL, HELPER_TIMEOUT_MS, &status, err);
    explicit_bzero(in.data, in.len);
    if (r < 0)
        return err_wrap(err, r, "credential helper %s", program);
    if (status == 0)
        return 1;
    if (out->data && strstr(out->data, "credentials not found"))
        return 0;
    return err_set(err, CODE_FAILED_PRECONDITION, "credential helper %s %s failed: %.200s", program,
                   verb, out->data ? out->data : "no message");
}

static int
helper_get(const char *name, const char *host, struct credential *ret, struct err *err)
{
    AUTO(buf) out = BUF_INIT(CREDENTIAL_SECRET_MAX);
    AUTO_PTR(json) root = NULL;
    int r = helper_run(name, "get", server_key(host), &out, err);

    if (r <= 0)
        return r;
    r = json_parse(out.data, out.len, &root, NULL);
    explicit_bzero(out.data, out.len);
    const char *user = json_str(json_find(root, "Username"));
    const char *secret = json_str(json_find(root, "Secret"));
    if (r < 0 || !user || !secret)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "credential helper docker-credential-%s did not answer with Username and "
                       "Secret",
                       name);
    if (strcmp(user, "<token>") == 0) {
        ret->identity_token = xstrdup(secret);
    } else {
        ret->user = xstrdup(user);
        ret->password = xstrdup(secret);
    }
    return 1;
}

/* ---- looking up ---- */

static int
entry_read(const struct json *entry, const char *key, struct credential *ret, struct err *err)
{
    const char *auth = json_str(json_find(entry, "auth"));
    const char *identity = json_str(json_find(entry, "identitytoken"));
    const char *token = json_str(json_find(entry, "registrytoken"));
    const char *user = json_str(json_find(entry, "username"));
    const char *password = json_str(json_find(entry, "password"));

    if (auth && *auth) {
        size_t n = 0;
        char *pair = base64_decode(auth, &n), *colon = pair ? memchr(pair, ':', n) : NULL;
        if (!colon || strlen(pair) != n) {
            free(pair);
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "config.json: auths.%s.auth is not base64 of user:password", key);
        }
        ret->user = xstrndup(pair, (size_t) (colon - pair));
        ret->password = xstrdup(colon + 1);
        explicit_bzero(pair, n);
        free(pair);
    } else if (user && password) {
        ret->user = xstrdup(user);
        ret->password = xstrdup(password);
    }
    if (identity && *identity)
        ret->identity_token = xstrdup(identity);
    if (token && *token)
        ret->registry_token = xstrdup(token);
    return ret->user || ret->identity_token || ret->registry_token;
}

int
credentials_find(const struct credentials *c, const char *host, struct credential *ret,
                 struct err *err)
{
    const char *helper = helper_name(c, host), *key;
    struct credential found = {0};
    int r;

    if (helper) {
        r = helper_get(helper, host, &found, err);
        if (r != 0) {
            *ret = found;
            return r;
        }
    }
    const struct json *entry = find_for_host(json_find(c->root, "auths"), host, &key);
    if (!entry)
        return 0;
    r = entry_read(entry, key, &found, err);
    if (r <= 0) {
        credential_done(&found);
        return r;
    }
    *ret = found;
    return 1;
}

/* ---- storing ---- */

static int
config_write(struct credentials *c, struct err *err)
{
    auto_close int dir = -1;
    char *text = json_dump_pretty(c->root);
    int r = path_open_dir(c->dir, 0700, &dir, err);

    if (r == 0)
        r = fd_write_file_at(dir, "config.json", text, strlen(text), 0600, err);
    wipe_free(text);
    return r < 0 ? err_wrap(err, r, "%s/config.json", c->dir) : 0;
}

static int
helper_store(const char *name, const char *host, const char *user, const char *password,
             struct err *err)
{
    AUTO(buf) out = BUF_INIT(CREDENTIAL_SECRET_MAX);

    if (!user)
        return helper_run(name, "erase", server_key(host), &out, err);
    struct json *o = json_new_object();
    json_set(o, "ServerURL", json_new_str(server_key(host)));
    json_set(o, "Username", json_new_str(user));
    json_set(o, "Secret", json_new_str(password));
    char *text = json_dump(o, NULL);
    json_free(o);
    int r = helper_run(name, "store", text, &out, err);
    wipe_free(text);
    return r;
}

int
credentials_store(struct credentials *c, const char *host, const char *user, const char *password,
                  struct err *err)
{
    const char *helper = helper_name(c, host), *key = host;
    struct json *auths = json_find(c->root, "auths");
    int r;

    if (helper) {
        r = helper_store(helper, host, user, password, err);
        return r < 0 ? r : r > 0;
    }
    if (!c->dir)
        return err_set(err, CODE_FAILED_PRECONDITION,
                       "no place for config.json: neither DOCKER_CONFIG nor HOME is set");
    bool known = find_for_host(auths, host, &key) != NULL;
    if (!user) {
        if (!known)
            return 0;
        json_del(auths, key);
        r = config_write(c, err);
        return r < 0 ? r : 1;
    }
    if (!json_is_object(auths)) {
        json_set(c->root, "auths", json_new_object());
        auths = json_find(c->root, "auths");
    }
    char *pair = xasprintf("%s:%s", user, password);
    char *encoded = base64_encode(pair, strlen(pair));
    struct json *entry = json_new_object();
    json_set(entry, "auth", json_new_str(encoded));
    json_set(auths, known ? key : server_key(host), entry);
    wipe_free(pair);
    wipe_free(encoded);
    r = config_write(c, err);
    return r < 0 ? r : 1;
}
