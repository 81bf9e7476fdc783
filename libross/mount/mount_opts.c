/* SPDX-License-Identifier: Apache-2.0 */
/* Option words of a mount as what the kernel takes. */
#include "mount_opts.h"

#include <string.h>
#include <sys/mount.h>

#include "libross/base/parse.h"

enum kind { SETS, CLEARS, PROPAGATES };

static const struct {
    const char *word;
    enum kind kind;
    unsigned long bits;
} words[] = {
    {"async", CLEARS, MS_SYNCHRONOUS},
    {"atime", CLEARS, MS_NOATIME},
    {"bind", SETS, MS_BIND},
    {"dev", CLEARS, MS_NODEV},
    {"diratime", CLEARS, MS_NODIRATIME},
    {"dirsync", SETS, MS_DIRSYNC},
    {"exec", CLEARS, MS_NOEXEC},
    {"mand", SETS, MS_MANDLOCK},
    {"noatime", SETS, MS_NOATIME},
    {"nodev", SETS, MS_NODEV},
    {"nodiratime", SETS, MS_NODIRATIME},
    {"noexec", SETS, MS_NOEXEC},
    {"nomand", CLEARS, MS_MANDLOCK},
    {"norelatime", CLEARS, MS_RELATIME},
    {"nostrictatime", CLEARS, MS_STRICTATIME},
    {"nosuid", SETS, MS_NOSUID},
    {"private", PROPAGATES, MS_PRIVATE},
    {"rbind", SETS, MS_BIND | MS_REC},
    {"relatime", SETS, MS_RELATIME},
    {"remount", SETS, MS_REMOUNT},
    {"ro", SETS, MS_RDONLY},
    {"rprivate", PROPAGATES, MS_PRIVATE | MS_REC},
    {"rshared", PROPAGATES, MS_SHARED | MS_REC},
    {"rslave", PROPAGATES, MS_SLAVE | MS_REC},
    {"runbindable", PROPAGATES, MS_UNBINDABLE | MS_REC},
    {"rw", CLEARS, MS_RDONLY},
    {"shared", PROPAGATES, MS_SHARED},
    {"slave", PROPAGATES, MS_SLAVE},
    {"strictatime", SETS, MS_STRICTATIME},
    {"suid", CLEARS, MS_NOSUID},
    {"sync", SETS, MS_SYNCHRONOUS},
    {"unbindable", PROPAGATES, MS_UNBINDABLE},
};

#define PREFIX_UIDMAP  "uidmap="
#define PREFIX_GIDMAP  "gidmap="
#define PREFIX_FOREIGN "X-containerd."

static bool
has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* False when it is no word of the table. */
static bool
take_word(struct mount_opts *o, const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, word) != 0)
            continue;
        if (words[i].kind == SETS)
            o->flags |= words[i].bits;
        else if (words[i].kind == CLEARS)
            o->flags &= ~words[i].bits;
        else
            o->propagation = words[i].bits;
        return true;
    }
    return false;
}

static int
check_maps(const struct mount_opts *o, struct err *err)
{
    struct idmap_range ranges[IDMAP_RANGES_MAX];
    size_t n;
    int r;

    if (!o->uidmap && !o->gidmap)
        return 0;
    if (!o->uidmap || !o->gidmap)
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "an id-mapped mount needs both uidmap and gidmap");
    r = idmap_parse(o->uidmap, ranges, &n, err);
    if (r < 0)
        return err_wrap(err, r, "uidmap");
    r = idmap_parse(o->gidmap, ranges, &n, err);
    return r < 0 ? err_wrap(err, r, "gidmap") : 0;
}

int
mount_opts_parse(const struct strv *options, struct mount_opts *ret, struct err *err)
{
    AUTO(mount_opts) o = {0};
    const char *word;
    int r;

    for (size_t i = 0; i < options->n; i++) {
        word = options->items[i];
        if (has_prefix(word, PREFIX_FOREIGN))
            return err_set(err, CODE_INVALID_ARGUMENT, "mount option '%.128s' is not known here",
                           word);
        if (has_prefix(word, PREFIX_UIDMAP))
            o.uidmap = word + strlen(PREFIX_UIDMAP);
        else if (has_prefix(word, PREFIX_GIDMAP))
            o.gidmap = word + strlen(PREFIX_GIDMAP);
        else if (strcmp(word, "loop") == 0)
            o.loop = true;
        else if (*word && strcmp(word, "defaults") != 0 && !take_word(&o, word))
            strv_add(&o.data, word);
    }
    r = check_maps(&o, err);
    if (r < 0)
        return r;
    *ret = TAKE_STRUCT(o);
    return 0;
}

void
mount_opts_done(struct mount_opts *o)
{
    strv_done(&o->data);
    *o = (struct mount_opts){0};
}

uint64_t
mount_opts_attrs(unsigned long flags, uint64_t *ret_clear)
{
    static const struct {
        unsigned long flag;
        uint64_t attr;
    } same[] = {
        {MS_RDONLY, MOUNT_ATTR_RDONLY},         {MS_NOSUID, MOUNT_ATTR_NOSUID},
        {MS_NODEV, MOUNT_ATTR_NODEV},           {MS_NOEXEC, MOUNT_ATTR_NOEXEC},
        {MS_NODIRATIME, MOUNT_ATTR_NODIRATIME},
    };
    uint64_t set = 0;

    *ret_clear = 0;
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        if (flags & same[i].flag)
            set |= same[i].attr;
    /* the three kinds of access time are one field of the attributes; as mount(2), the strict one wins */
    if (flags & (MS_STRICTATIME | MS_NOATIME | MS_RELATIME))
        *ret_clear = MOUNT_ATTR__ATIME;
    if (flags & MS_STRICTATIME)
        set |= MOUNT_ATTR_STRICTATIME;
    else if (flags & MS_NOATIME)
        set |= MOUNT_ATTR_NOATIME;
    return set;
}

/* Digits up to `end`, at most 32 bits. */
static bool
range_number(const char **p, char end, uint32_t *ret)
{
    const char *stop = *p + strspn(*p, "0123456789");
    char digits[16];

    if (stop == *p || (size_t) (stop - *p) >= sizeof digits || (*stop != end && end != '\0'))
        return false;
    memcpy(digits, *p, (size_t) (stop - *p));
    digits[stop - *p] = '\0';
    if (parse_u32(digits, ret, NULL) < 0)
        return false;
    *p = stop + (end != '\0');
    return true;
}

int
idmap_parse(const char *text, struct idmap_range ret[static IDMAP_RANGES_MAX], size_t *ret_n,
            struct err *err)
{
    struct idmap_range range;
    const char *p = text;
    size_t n = 0;

    for (;; p++) {
        if (n == IDMAP_RANGES_MAX || !range_number(&p, ':', &range.container_id) ||
            !range_number(&p, ':', &range.host_id) || !range_number(&p, '\0', &range.size) ||
            (*p && *p != ','))
            break;
        /* the last id, 2^32 - 1, means "none" */
        if (!range.size || range.size > UINT32_MAX - range.container_id ||
            range.size > UINT32_MAX - range.host_id)
            break;
        ret[n++] = range;
        if (!*p) {
            *ret_n = n;
            return 0;
        }
    }
    return err_set(err, CODE_INVALID_ARGUMENT,
                   "'%.128s' is no id map of the form container:host:size[,…]", text);
}

#define PREFIX_LOWERDIR "lowerdir="

/* Length of the part of the names in `dirs` up to and with the last '/' that they share before their last component. */
static size_t
shared_length(const struct strv *dirs)
{
    const char *first = dirs->items[0];
    size_t len = strlen(first), k;

    for (size_t i = 0; i < dirs->n; i++) {
        for (k = 0; k < len && first[k] == dirs->items[i][k]; k++)
            ;
        len = k;
        /* not the whole of a name: something must be left */
        if (!dirs->items[i][len] && len)
            len--;
        while (len && first[len - 1] != '/')
            len--;
    }
    return len;
}

bool
mount_opts_shorten_overlay(const struct strv *data, char **ret_dir, char **ret_data)
{
    AUTO(strv) dirs = {0};
    AUTO(strv) relative = {0};
    AUTO(strv) out = {0};
    size_t at, len;
    char *lower;

    for (at = 0; at < data->n && !has_prefix(data->items[at], PREFIX_LOWERDIR); at++)
        ;
    /* an escaped name would have to be taken apart */
    if (at == data->n || strchr(data->items[at], '\\'))
        return false;
    dirs = strv_split(data->items[at] + strlen(PREFIX_LOWERDIR), ':');
    for (size_t i = 0; i < dirs.n; i++)
        if (dirs.items[i][0] != '/' || dirs.items[i][strlen(dirs.items[i]) - 1] == '/')
            return false;
    len = shared_length(&dirs);
    if (!len)
        return false;
    for (size_t i = 0; i < dirs.n; i++)
        strv_add(&relative, dirs.items[i] + len);
    for (size_t i = 0; i < data->n; i++) {
        if (i != at) {
            strv_add(&out, data->items[i]);
            continue;
        }
        lower = strv_join(&relative, ":");
        strv_printf(&out, PREFIX_LOWERDIR "%s", lower);
        free(lower);
    }
    *ret_dir = xstrndup(dirs.items[0], len > 1 ? len - 1 : 1);
    *ret_data = strv_join(&out, ",");
    return true;
}
