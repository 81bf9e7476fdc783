/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/hosts.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "libross/base/buf.h"
#include "libross/base/clock.h"
#include "libross/base/fd.h"
#include "libross/base/parse.h"
#include "libross/base/path.h"
#include "libross/config/toml.h"

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

static void
host_done(struct registry_host *h)
{
    free(h->base);
    free(h->name);
    strv_done(&h->headers);
    free(h->ca_pem);
    for (size_t i = 0; i < h->n_pairs; i++) {
        free(h->pairs[i].cert_file);
        free(h->pairs[i].key_file);
    }
    free(h->pairs);
    *h = (struct registry_host){0};
}

void
registry_hosts_done(struct registry_hosts *h)
{
    for (size_t i = 0; i < h->n; i++)
        host_done(&h->items[i]);
    free(h->items);
    free(h->host);
    *h = (struct registry_hosts){0};
}

static struct registry_host *
hosts_add(struct registry_hosts *h)
{
    h->items = xreallocarray(h->items, h->n + 1, sizeof *h->items);
    h->items[h->n] = (struct registry_host){.able = HOST_ALL};
    return &h->items[h->n++];
}

struct http_tls
registry_host_tls(const struct registry_host *h, size_t *ret_pair)
{
    size_t i = atomic_load(&((struct registry_host *) (uintptr_t) h)->pair);
    struct http_tls tls = h->tls;

    if (i < h->n_pairs) {
        tls.cert_file = h->pairs[i].cert_file;
        tls.key_file = h->pairs[i].key_file;
    }
    if (ret_pair)
        *ret_pair = i;
    return tls;
}

bool
registry_host_next_pair(const struct registry_host *h, size_t refused)
{
    struct registry_host *host = (struct registry_host *) (uintptr_t) h;

    if (h->n_pairs < 2 || refused + 1 >= h->n_pairs)
        return false;
    /* another thread may have gone on already */
    (void) atomic_compare_exchange_strong(&host->pair, &refused, refused + 1);
    return true;
}

/* Takes both. */
static int
add_pair(struct registry_host *h, char *cert_file, char *key_file, struct err *err)
{
    if (h->n_pairs == HOSTS_PAIRS_MAX) {
        free(cert_file);
        free(key_file);
        return err_set(err, CODE_INVALID_ARGUMENT, "more than %d client certificates",
                       HOSTS_PAIRS_MAX);
    }
    h->pairs = xreallocarray(h->pairs, h->n_pairs + 1, sizeof *h->pairs);
    h->pairs[h->n_pairs++] = (struct registry_pair){.cert_file = cert_file, .key_file = key_file};
    return 0;
}

static void
split_port(const char *host, size_t *ret_len, const char **ret_port)
{
    const char *close = strrchr(host, ']'), *colon = strrchr(close ? close : host, ':');

    *ret_len = colon ? (size_t) (colon - host) : strlen(host);
    *ret_port = colon ? colon + 1 : NULL;
}

bool
hosts_is_local(const char *host)
{
    size_t len;
    const char *port;

    split_port(host, &len, &port);
    return (len == 9 && strncasecmp(host, "localhost", len) == 0) ||
           (len > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= len) ||
           (len == 5 && strncmp(host, "[::1]", len) == 0);
}

/* ---- what a server's URL says ---- */

/* `url` may lack a scheme. Fills in base, name and the plain http guess. */
static int
host_set_url(struct registry_host *h, const struct hosts_options *opt, const char *url,
             bool override_path, struct err *err)
{
    const char *sep = strstr(url, "://"), *rest = sep ? sep + 3 : url, *port;
    size_t host_len = strcspn(rest, "/"), path_len, bare;
    auto_free char *host = xstrndup(rest, host_len);
    const char *scheme = "https", *path = rest + host_len, *api = "/v2", *real = host;

    if (host_len == 0 || strpbrk(rest, " \t\r\n?#@"))
        return err_set(err, CODE_INVALID_ARGUMENT, "'%s' is no URL of a registry", url);
    split_port(host, &bare, &port);
    if (sep) {
        scheme = strncasecmp(url, "http:", 5) == 0 ? "http" : "https";
        if ((size_t) (sep - url) != strlen(scheme) || strncasecmp(url, scheme, strlen(scheme)) != 0)
            return err_set(err, CODE_INVALID_ARGUMENT, "'%s' is neither http nor https", url);
    } else if (opt->plain_http) {
        scheme = "http";
    } else if (hosts_is_local(host)) {
        if (port && strcmp(port, "80") == 0)
            scheme = "http";
        else if (port && strcmp(port, "443") != 0)
            h->guess_plain = h->tls.skip_verify = true;
    }
    for (path_len = strlen(path); path_len > 0 && path[path_len - 1] == '/';)
        path_len--;
    if (override_path || (path_len >= 3 && strncmp(path + path_len - 3, "/v2", 3) == 0))
        api = "";
    if (strcasecmp(host, "docker.io") == 0)
        real = "registry-1.docker.io";
    h->base = xasprintf("%s://%s%.*s%s", scheme, real, (int) path_len, path, api);
    h->name = xstrdup(strcasecmp(host, "registry-1.docker.io") == 0 ? "docker.io" : host);
    return 0;
}

/* ---- certificates ---- */

static int
pem_append(struct buf *b, int dir_fd, const char *name, struct err *err)
{
    auto_free char *text = NULL;
    size_t len;
    int r = fd_read_file_at(dir_fd, name, HOSTS_CA_SIZE_MAX, &text, &len, err);

    if (r == 0)
        r = buf_append(b, text, len, err);
    if (r == 0)
        r = buf_append_str(b, "\n", err);
    return r < 0 ? err_wrap(err, r, "certificate '%s'", name) : 0;
}

/* The system's certificates and these. */
static int
host_trust(struct registry_host *h, int dir_fd, const struct strv *files, struct err *err)
{
    AUTO(buf) b = BUF_INIT(HOSTS_CA_SIZE_MAX);
    int r = 0;

    if (files->n == 0)
        return 0;
    for (size_t i = 0; r == 0 && i < files->n; i++)
        r = pem_append(&b, dir_fd, files->items[i], err);
    if (r < 0)
        return r;
    /* A system without certificates trusts these alone. */
    (void) pem_append(&b, AT_FDCWD, SYSTEM_CA_FILE, NULL);
    h->ca_pem = buf_take(&b);
    return 0;
}

static char *
name_in(const char *dir, const char *name)
{
    return *name == '/' ? xstrdup(name) : path_join(dir, name);
}

/* "me.cert" where there is "me.key" beside it. */
static int
docker_pairs(struct registry_host *h, const char *dir, int dir_fd, struct strv *certs,
             struct err *err)
{
    int r = 0;

    strv_sort(certs);
    for (size_t i = 0; r == 0 && i < certs->n; i++) {
        const char *cert = certs->items[i];
        auto_free char *key = xasprintf("%.*s.key", (int) (strlen(cert) - 5), cert);
        if (faccessat(dir_fd, key, R_OK, 0) == 0)
            r = add_pair(h, path_join(dir, cert), path_join(dir, key), err);
    }
    return r;
}

/* Docker's layout: *.crt are CAs, X.cert with X.key are ours. */
static int
host_docker_certs(struct registry_host *h, const char *dir, int dir_fd, struct err *err)
{
    AUTO(strv) cas = {0}, certs = {0};
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d) {
        (void) fd_close(fd);
        return 0;
    }
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n > 4 && strcmp(e->d_name + n - 4, ".crt") == 0)
            strv_add(&cas, e->d_name);
        else if (n > 5 && strcmp(e->d_name + n - 5, ".cert") == 0)
            strv_add(&certs, e->d_name);
    }
    (void) closedir(d);
    strv_sort(&cas);
    r = docker_pairs(h, dir, dir_fd, &certs, err);
    return r < 0 ? r : host_trust(h, dir_fd, &cas, err);
}

/* ---- hosts.toml ---- */

static int
wrong(const struct toml *v, const char *key, const char *want, struct err *err)
{
    return err_set(err, CODE_INVALID_ARGUMENT, "line %d: '%s' must be %s", toml_line(v), key, want);
}

/* A string or a list of strings. */
static int
read_strings(const struct toml *v, const char *key, struct strv *ret, struct err *err)
{
    if (toml_str(v)) {
        strv_add(ret, toml_str(v));
        return 0;
    }
    if (toml_type(v) != TOML_ARRAY)
        return wrong(v, key, "a string or a list of strings", err);
    for (size_t i = 0; i < toml_len(v); i++) {
        if (!toml_str(toml_at(v, i)))
            return wrong(v, key, "a string or a list of strings", err);
        strv_add(ret, toml_str(toml_at(v, i)));
    }
    return 0;
}

static int
read_capabilities(struct registry_host *h, const struct toml *v, struct err *err)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"pull", HOST_PULL},
                 {"resolve", HOST_RESOLVE},
                 {"push", HOST_PUSH},
                 {"referrers", HOST_REFERRERS}};
    struct strv names = {0};
    int r;

    if (!v)
        return 0;
    r = read_strings(v, "capabilities", &names, err);
    h->able = 0;
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        unsigned bit = 0;
        for (size_t k = 0; k < ARRAY_LEN(known); k++)
            if (strcmp(known[k].name, names.items[i]) == 0)
                bit = known[k].bit;
        if (!bit)
            r = wrong(v, "capabilities", "of pull, resolve, push and referrers", err);
        h->able |= bit;
    }
    strv_done(&names);
    return r;
}

/* [certificate, key], or one file with both. */
static int
read_pair(struct registry_host *h, const struct toml *v, const char *dir, struct err *err)
{
    AUTO(strv) names = {0};
    int r = read_strings(v, "client", &names, err);

    if (r == 0 && (names.n < 1 || names.n > 2))
        r = wrong(v, "client", "files, or [certificate, key] pairs", err);
    if (r < 0)
        return r;
    return add_pair(h, name_in(dir, names.items[0]), name_in(dir, names.items[names.n - 1]), err);
}

/* A file, a list of files, or a list of [certificate, key] pairs. */
static int
read_client(struct registry_host *h, const struct toml *v, const char *dir, struct err *err)
{
    int r = 0;

    if (!v)
        return 0;
    if (toml_type(v) != TOML_ARRAY)
        return read_pair(h, v, dir, err);
    for (size_t i = 0; r == 0 && i < toml_len(v); i++)
        r = read_pair(h, toml_at(v, i), dir, err);
    return r;
}

/* How long connecting may take: "5s". */
static int
read_dial_timeout(struct registry_host *h, const struct toml *v, struct err *err)
{
    int64_t ns;

    if (!v)
        return 0;
    if (!toml_str(v) || parse_duration(toml_str(v), &ns, NULL) < 0 || ns < NS_PER_MS)
        return wrong(v, "dial_timeout", "a duration such as \"5s\"", err);
    h->tls.connect_timeout_ms = ns / NS_PER_MS;
    return 0;
}

static int
read_headers(struct registry_host *h, const struct toml *v, struct err *err)
{
    for (size_t i = 0; i < toml_len(v); i++) {
        const struct toml *item = toml_at(v, i);
        struct strv values = {0};
        int r = read_strings(item, toml_key(item), &values, err);
        for (size_t k = 0; r == 0 && k < values.n; k++) {
            if (strpbrk(toml_key(item), ":\r\n ") || strpbrk(values.items[k], "\r\n"))
                r = wrong(item, toml_key(item), "one line", err);
            else
                strv_printf(&h->headers, "%s: %s", toml_key(item), values.items[k]);
        }
        strv_done(&values);
        if (r < 0)
            return r;
    }
    return 0;
}

static int
read_bool(const struct toml *table, const char *key, bool *ret, struct err *err)
{
    const struct toml *v = toml_find(table, key);

    return v && !toml_bool(v, ret) ? wrong(v, key, "true or false", err) : 0;
}

/* One server from its table; `url` as in the file. */
static int
read_host(struct registry_host *h, const struct hosts_options *opt, const char *url,
          const struct toml *table, const char *dir, int dir_fd, struct err *err)
{
    bool override_path = false;
    struct strv cas = {0};
    int r = read_bool(table, "override_path", &override_path, err);

    if (r == 0)
        r = host_set_url(h, opt, url, override_path, err);
    if (r == 0)
        r = read_bool(table, "skip_verify", &h->tls.skip_verify, err);
    if (r == 0)
        r = read_capabilities(h, toml_find(table, "capabilities"), err);
    if (r == 0)
        r = read_client(h, toml_find(table, "client"), dir, err);
    if (r == 0)
        r = read_dial_timeout(h, toml_find(table, "dial_timeout"), err);
    if (r == 0)
        r = read_headers(h, toml_find(table, "header"), err);
    if (r == 0 && toml_find(table, "ca"))
        r = read_strings(toml_find(table, "ca"), "ca", &cas, err);
    if (r == 0)
        r = host_trust(h, dir_fd, &cas, err);
    strv_done(&cas);
    return r;
}

static int
read_hosts(struct registry_hosts *hosts, const struct hosts_options *opt, const struct toml *root,
           const char *dir, int dir_fd, struct err *err)
{
    const struct toml *table = toml_find(root, "host"), *server = toml_find(root, "server");
    int r;

    if (server && !toml_str(server))
        return wrong(server, "server", "a string", err);
    if (toml_len(table) >= HOSTS_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "more than %d hosts", HOSTS_MAX - 1);
    for (size_t i = 0; i < toml_len(table); i++) {
        const struct toml *item = toml_at(table, i);
        struct registry_host *h = hosts_add(hosts);
        h->mirror = true;
        r = read_host(h, opt, toml_key(item), item, dir, dir_fd, err);
        if (r < 0)
            return r;
    }
    return read_host(hosts_add(hosts), opt, server ? toml_str(server) : hosts->host, root, dir,
                     dir_fd, err);
}

/* ---- finding the directory ---- */

/* The first of the three names in one root; malloc'ed or NULL. */
static char *
find_dir_in(const char *root, const char *host)
{
    const char *port;
    size_t len;

    split_port(host, &len, &port);
    for (int form = 0; form < 3; form++) {
        auto_free char *name = form == 0 && port ? xasprintf("%.*s_%s_", (int) len, host, port)
                               : form <= 1       ? xstrdup(host)
                                                 : xstrdup("_default");
        auto_free char *dir = path_join(root, name);
        struct stat st;
        if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
            return TAKE(dir);
    }
    return NULL;
}

static char *
find_dir(const char *dirs, const char *host)
{
    struct strv roots = strv_split(dirs, ':');
    char *found = NULL;

    /* A name in a reference cannot hold a slash; whoever gives us one gets no file. */
    for (size_t i = 0; !found && !strchr(host, '/') && i < roots.n; i++)
        if (roots.items[i][0])
            found = find_dir_in(roots.items[i], host);
    strv_done(&roots);
    return found;
}

static int
load_dir(const struct hosts_options *opt, const char *dir, struct registry_hosts *hosts,
         struct err *err)
{
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_PTR(toml) root = NULL;
    auto_free char *text = NULL;
    size_t len = 0;
    int r;

    if (fd < 0)
        return err_set(err, CODE_PERMISSION_DENIED, "cannot open the directory");
    r = fd_read_file_at(fd, "hosts.toml", TOML_SIZE_MAX, &text, &len, err);
    if (r == -CODE_NOT_FOUND) {
        struct registry_host *h = hosts_add(hosts);
        r = host_set_url(h, opt, hosts->host, false, err);
        return r < 0 ? r : host_docker_certs(h, dir, fd, err);
    }
    if (r == 0)
        r = toml_parse(text, len, &root, err);
    if (r == 0)
        r = read_hosts(hosts, opt, root, dir, fd, err);
    return r < 0 ? err_wrap(err, r, "hosts.toml") : 0;
}

int
hosts_load(const struct hosts_options *opt, const char *host, struct registry_hosts *ret,
           struct err *err)
{
    struct registry_hosts hosts = {.host = xstrdup(host)};
    auto_free char *dir = find_dir(opt->dirs ? opt->dirs : HOSTS_DIRS, host);
    int r;

    if (dir) {
        r = load_dir(opt, dir, &hosts, err);
        r = r < 0 ? err_wrap(err, r, "%s", dir) : 0;
    } else {
        r = host_set_url(hosts_add(&hosts), opt, host, false, err);
    }
    if (r < 0) {
        registry_hosts_done(&hosts);
        return r;
    }
    for (size_t i = 0; i < hosts.n; i++) {
        struct registry_host *h = &hosts.items[i];
        h->tls.skip_verify = h->tls.skip_verify || opt->skip_verify;
        h->tls.ca_pem = h->ca_pem;
        /* Certificates say that TLS is meant, and that it is to be checked. */
        if (h->ca_pem && h->guess_plain) {
            h->guess_plain = false;
            h->tls.skip_verify = opt->skip_verify;
        }
    }
    *ret = hosts;
    return 0;
}
