/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of /etc/hosts and /etc/resolv.conf inside a container. */
#include "net_files.h"

#include <string.h>

#include "cidr.h"
#include "libross/base/buf.h"

#define TEXT_SIZE_MAX (4 * 1024 * 1024)

static void
add_line(struct buf *b, const char *address, const char *names)
{
    if (*names)
        (void) buf_printf(b, NULL, "%s\t%s\n", address, names);
}

char *
hosts_text(const char *hostname, const char *own_address, const char *own_address6,
           const struct hosts_line *peers, size_t n_peers, const struct strv *add,
           const char *gateway)
{
    AUTO(buf) b = BUF_INIT(TEXT_SIZE_MAX);

    add_line(&b, "127.0.0.1", "localhost");
    add_line(&b, "::1", "localhost ip6-localhost ip6-loopback");
    if (hostname && (own_address || !own_address6))
        add_line(&b, own_address ? own_address : "127.0.1.1", hostname);
    if (hostname && own_address6)
        add_line(&b, own_address6, hostname);
    for (size_t i = 0; add && i < add->n; i++) {
        const char *colon = strchr(add->items[i], ':');
        auto_free char *name = xstrndup(add->items[i], (size_t) (colon - add->items[i]));

        if (strcmp(colon + 1, "host-gateway") != 0)
            add_line(&b, colon + 1, name);
        else if (gateway)
            add_line(&b, gateway, name);
    }
    for (size_t i = 0; i < n_peers; i++)
        add_line(&b, peers[i].address, peers[i].names);
    return buf_take(&b);
}

static bool
is_loopback(const char *address)
{
    struct cidr c;

    if (cidr_parse_address(address, &c, NULL) < 0)
        return false;
    return c.v6 ? strcmp(address, "::1") == 0 : c.addr[0] == 127;
}

/* The words of a line after its first, when that is `key`; NULL otherwise. Cuts the line into words. */
static struct strv
words_of(const char *line, const char *key)
{
    AUTO(strv) parts = {0};
    struct strv words = {0};
    auto_free char *text = xstrndup(line, strcspn(line, "#;\r"));

    for (char *p = text; *p; p++)
        if (*p == '\t')
            *p = ' ';
    parts = strv_split(text, ' ');
    for (size_t i = 0, at = 0; i < parts.n; i++) {
        if (!*parts.items[i])
            continue;
        if (at++ == 0) {
            if (strcmp(parts.items[i], key) != 0)
                return words;
            continue;
        }
        strv_add(&words, parts.items[i]);
    }
    return words;
}

/* What the lines with `key` say; of several "search" lines the last counts. */
static struct strv
collect(const char *text, const char *key, bool last_counts)
{
    AUTO(strv) lines = strv_split(text, '\n');
    struct strv all = {0};

    for (size_t i = 0; i < lines.n; i++) {
        AUTO(strv) words = words_of(lines.items[i], key);

        if (words.n && last_counts)
            strv_done(&all);
        strv_add_all(&all, &words);
    }
    return all;
}

bool
resolv_has_outside_server(const char *text)
{
    AUTO(strv) servers = collect(text, "nameserver", false);

    for (size_t i = 0; i < servers.n; i++)
        if (!is_loopback(servers.items[i]))
            return true;
    return false;
}

static void
add_words(struct buf *b, const char *key, const struct strv *words)
{
    auto_free char *text = strv_join(words, " ");

    if (*text)
        (void) buf_printf(b, NULL, "%s %s\n", key, text);
}

char *
resolv_text(const struct resolv_options *o)
{
    AUTO(strv) servers = collect(o->host_text, "nameserver", false);
    AUTO(strv) search = collect(o->host_text, "search", true);
    AUTO(strv) options = collect(o->host_text, "options", false);
    AUTO(buf) b = BUF_INIT(TEXT_SIZE_MAX);
    bool given = o->servers->n > 0;

    add_words(&b, "search", o->search->n ? o->search : &search);
    for (size_t i = 0; i < (given ? o->servers->n : servers.n); i++) {
        const char *server = given ? o->servers->items[i] : servers.items[i];

        if (given || o->keep_loopback || !is_loopback(server))
            (void) buf_printf(&b, NULL, "nameserver %s\n", server);
    }
    add_words(&b, "options", o->options->n ? o->options : &options);
    return buf_take(&b);
}
