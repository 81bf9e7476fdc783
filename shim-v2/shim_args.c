/* SPDX-License-Identifier: Apache-2.0 */
/* Parses the shim's command line. */
#include "shim_args.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "libross/base/mem.h"
#include "libross/base/parse.h"

struct flag {
    const char *name;
    bool is_bool;
    size_t offset;
};

static const struct flag flags[] = {
    {"namespace", false, offsetof(struct shim_args, ns)},
    {"address", false, offsetof(struct shim_args, address)},
    {"publish-binary", false, offsetof(struct shim_args, publish_binary)},
    {"id", false, offsetof(struct shim_args, id)},
    {"bundle", false, offsetof(struct shim_args, bundle)},
    {"socket", false, offsetof(struct shim_args, socket)},
    {"state", false, offsetof(struct shim_args, state)},
    {"debug", true, offsetof(struct shim_args, debug)},
    {"v", true, offsetof(struct shim_args, version)},
    {"version", true, offsetof(struct shim_args, version)},
    {"info", true, offsetof(struct shim_args, info)},
};

static const struct flag *
flag_find(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0)
            return &flags[i];
    return NULL;
}

static int
bool_set(const char *name, const char *value, bool *ret, struct err *err)
{
    int r;

    if (!value) {
        *ret = true;
        return 0;
    }
    if (strcasecmp(value, "t") == 0 || strcasecmp(value, "f") == 0) {
        *ret = tolower((unsigned char) value[0]) == 't';
        return 0;
    }
    r = parse_bool(value, ret, err);
    return r < 0 ? err_wrap(err, r, "-%s", name) : 0;
}

/* Handles argv[i], which starts with a dash. Returns how many words it took. */
static int
flag_take(int argc, char **argv, int i, struct shim_args *out, struct err *err)
{
    const char *name = argv[i] + (argv[i][1] == '-' ? 2 : 1);
    const char *eq = strchr(name, '=');
    size_t len = eq ? (size_t) (eq - name) : strlen(name);
    const struct flag *f;
    void *field;
    int r;

    if (len == 0 || name[0] == '-')
        return err_set(err, CODE_INVALID_ARGUMENT, "bad flag syntax: %s", argv[i]);
    f = flag_find(name, len);
    if (!f)
        return err_set(err, CODE_INVALID_ARGUMENT, "flag provided but not defined: -%.*s",
                       (int) len, name);
    field = (char *) out + f->offset;
    if (f->is_bool) {
        r = bool_set(f->name, eq ? eq + 1 : NULL, field, err);
        return r < 0 ? r : 1;
    }
    if (eq) {
        *(const char **) field = eq + 1;
        return 1;
    }
    if (i + 1 >= argc)
        return err_set(err, CODE_INVALID_ARGUMENT, "flag needs an argument: -%s", f->name);
    *(const char **) field = argv[i + 1];
    return 2;
}

static int
action_take(const char *word, enum shim_action *ret, struct err *err)
{
    if (!word)
        *ret = SHIM_SERVE;
    else if (strcmp(word, "start") == 0)
        *ret = SHIM_START;
    else if (strcmp(word, "delete") == 0)
        *ret = SHIM_DELETE;
    else
        return err_set(err, CODE_INVALID_ARGUMENT, "unknown action '%s': it is start or delete",
                       word);
    return 0;
}

int
shim_id_validate(const char *what, const char *id, struct err *err)
{
    size_t n = strlen(id);
    bool word = false; /* the character before was a letter or digit */

    if (n == 0)
        return err_set(err, CODE_INVALID_ARGUMENT, "%s is empty", what);
    if (n > SHIM_ID_MAX)
        return err_set(err, CODE_INVALID_ARGUMENT, "%s is longer than %d characters", what,
                       SHIM_ID_MAX);
    for (size_t i = 0; i < n; i++) {
        bool alnum = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'z') ||
                     (id[i] >= 'A' && id[i] <= 'Z');

        if (!alnum && !(word && strchr("._-", id[i]) && id[i + 1] != '\0'))
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "%s '%s' is not made of letters and digits with single . _ - between",
                           what, id);
        word = alnum;
    }
    return 0;
}

int
shim_args_parse(int argc, char **argv, struct shim_args *ret, struct err *err)
{
    struct shim_args out = {.ns = "",
                            .address = "",
                            .id = "",
                            .bundle = "",
                            .publish_binary = "",
                            .socket = "",
                            .state = ""};
    int i = 1, r;

    while (i < argc && argv[i][0] == '-' && argv[i][1] != '\0') {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        r = flag_take(argc, argv, i, &out, err);
        if (r < 0)
            return r;
        i += r;
    }
    r = action_take(i < argc ? argv[i] : NULL, &out.action, err);
    if (r < 0)
        return r;
    if (!out.version && !out.info) {
        r = shim_id_validate("shim namespace", out.ns, err);
        if (r < 0)
            return r;
        r = shim_id_validate("shim id", out.id, err);
        if (r < 0)
            return r;
    }
    *ret = out;
    return 0;
}
