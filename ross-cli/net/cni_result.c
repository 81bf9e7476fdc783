/* SPDX-License-Identifier: Apache-2.0 */
/* What a network plugin answers, parsed strictly. */
#include "cni_result.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MAC_LEN_MAX 64

void
cni_result_done(struct cni_result *r)
{
    free(r->mac);
    strv_done(&r->nameservers);
    strv_done(&r->search);
    strv_done(&r->options);
    *r = (struct cni_result){0};
}

void
cni_text_clean(char *text)
{
    for (char *p = text; *p; p++)
        if ((unsigned char) *p < ' ' || *p == 127)
            *p = ' ';
}

int
cni_error_parse(const struct json *o, struct err *err)
{
    const char *msg = json_str(json_find(o, "msg"));
    const char *details = json_str(json_find(o, "details"));
    auto_free char *text = NULL;

    text = xasprintf("%.300s%s%.200s", msg && *msg ? msg : "it gives no reason",
                     details && *details ? "; " : "", details ? details : "");
    cni_text_clean(text);
    return err_set(err, CODE_FAILED_PRECONDITION, "%s", text);
}

static bool
is_mac(const char *text)
{
    size_t len = strlen(text);

    return len && len <= MAC_LEN_MAX && strspn(text, "0123456789abcdefABCDEF:") == len;
}

/* The index of the container's interface, -1 when no interfaces are told; its mac when it has one. */
static int
find_interface(const struct json *o, const char *ifname, char **ret_mac)
{
    const struct json *all = json_find(o, "interfaces"), *one;

    for (size_t i = 0; i < json_len(all) && i < CNI_ADDRESSES_MAX; i++) {
        const char *name, *sandbox, *mac;

        one = json_at(all, i);
        name = json_str(json_find(one, "name"));
        sandbox = json_str(json_find(one, "sandbox"));
        if (!name || strcmp(name, ifname) != 0 || !sandbox || !*sandbox)
            continue;
        mac = json_str(json_find(one, "mac"));
        *ret_mac = mac && is_mac(mac) ? xstrdup(mac) : NULL;
        return (int) i;
    }
    return -1;
}

static int
read_address(const struct json *ip, int interface, struct cni_result *res, struct err *err)
{
    const char *address = json_str(json_find(ip, "address"));
    struct cidr c;
    int64_t index;
    int r;

    if (!address)
        return err_set(err, CODE_INVALID_ARGUMENT, "an entry of 'ips' has no address");
    r = cidr_parse(address, &c, err);
    if (r < 0)
        return r;
    if (interface >= 0 && json_int(json_find(ip, "interface"), &index) && index != interface)
        return 0;
    if (c.v6 && !res->has_v6) {
        res->has_v6 = true;
        res->v6 = c;
    } else if (!c.v6 && !res->has_v4) {
        res->has_v4 = true;
        res->v4 = c;
    }
    return 0;
}

static void
read_words(const struct json *array, struct strv *into)
{
    for (size_t i = 0; i < json_len(array) && i < CNI_ADDRESSES_MAX; i++) {
        const char *word = json_str(json_at(array, i));

        if (word && *word && !strpbrk(word, " \t\r\n"))
            strv_add(into, word);
    }
}

int
cni_result_parse(const struct json *o, const char *ifname, struct cni_result *ret, struct err *err)
{
    const struct json *ips = json_find(o, "ips"), *dns = json_find(o, "dns");
    AUTO(cni_result) res = {0};
    int interface, r;

    if (!json_is_object(o) || !json_str(json_find(o, "cniVersion")))
        return err_set(err, CODE_INVALID_ARGUMENT, "it is no result of a network plugin");
    if (ips && !json_is_array(ips))
        return err_set(err, CODE_INVALID_ARGUMENT, "'ips' is no list");
    if (json_len(ips) > CNI_ADDRESSES_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "it has more than %d addresses",
                       CNI_ADDRESSES_MAX);
    interface = find_interface(o, ifname, &res.mac);
    for (size_t i = 0; i < json_len(ips); i++) {
        r = read_address(json_at(ips, i), interface, &res, err);
        if (r < 0)
            return r;
    }
    read_words(json_find(dns, "nameservers"), &res.nameservers);
    read_words(json_find(dns, "search"), &res.search);
    read_words(json_find(dns, "options"), &res.options);
    *ret = TAKE_STRUCT(res);
    return 0;
}
