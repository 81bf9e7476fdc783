/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion scripts. Each consists of rows, one for every name that a command line can have reached ("", "image",
 * "image pull", and aliases), and of a fixed part that walks over the words, finds the row and offers what it has.
 */
#include "completion.h"

#include <string.h>

#include "completion_shells.h"
#include "libross/base/mem.h"
#include "libross/base/strv.h"

/* ---- what is completed ---- */

const char *
completion_option_kind(const struct option_row *o)
{
    static const struct {
        const char *arg, *kind;
    } known[] = {
        {"FILE", "file"},   {"SOCKET", "file"},      {"PATH", "file"},
        {"DIR", "dir"},     {"SRC:DST[:ro]", "dir"}, {"LEVEL", "trace|debug|info|warn|error"},
        {"IMAGE", "image"}, {"REF", "image"},        {"CONTAINER", "container"},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (o->arg && strcmp(o->arg, known[i].arg) == 0)
            return known[i].kind;
    if (o->arg && strchr(o->arg, '|') &&
        strspn(o->arg, "abcdefghijklmnopqrstuvwxyz0123456789-|") == strlen(o->arg))
        return o->arg;
    return "-";
}

const char *
completion_word_kind(const struct command_row *c)
{
    static const struct {
        const char *word, *kind;
    } known[] = {
        {"CONTAINER", "container"}, {"IMAGE", "image"}, {"REF", "image"},
        {"FILE", "file"},           {"DIR", "file"},    {"PATH", "file"},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strstr(c->synopsis, known[i].word))
            return known[i].kind;
    return "-";
}

/* ---- names ---- */

/* One name of a command: its path or an alias. */
struct name {
    const char *text;
    size_t len;
    const struct command_row *command;
};

struct names {
    struct name *items;
    size_t n;
};

static void
names_add(struct names *names, const char *text, size_t len, const struct command_row *c)
{
    names->items = xreallocarray(names->items, names->n + 1, sizeof *names->items);
    names->items[names->n++] = (struct name){.text = text, .len = len, .command = c};
}

static void
names_collect(const struct completion_table *t, struct names *ret)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct command_row *c = t->commands[i];
        const char *end;

        if (c->hidden)
            continue;
        names_add(ret, c->path, strlen(c->path), c);
        for (const char *a = c->aliases; a; a = *end ? end + 2 : NULL) {
            end = strchrnul(a, ',');
            names_add(ret, a, (size_t) (end - a), c);
        }
    }
}

/* Everything that is a name or its beginning, each once; "" first. */
static struct strv
prefixes(const struct names *names)
{
    struct strv all = {0};

    strv_add(&all, "");
    for (size_t i = 0; i < names->n; i++)
        for (size_t k = 1; k <= names->items[i].len; k++) {
            auto_free char *p = NULL;

            if (k < names->items[i].len && names->items[i].text[k] != ' ')
                continue;
            p = xasprintf("%.*s", (int) k, names->items[i].text);
            if (!strv_has(&all, p))
                strv_add(&all, p);
        }
    return all;
}

/* ---- rows ---- */

static void
row_subs(const struct names *names, const char *prefix, struct completion_row *row)
{
    size_t len = strlen(prefix);

    for (size_t i = 0; i < names->n; i++) {
        const struct name *n = &names->items[i];
        const char *word = n->text + len + (len > 0);
        auto_free char *sub = NULL;

        if (n->len == len && strncmp(n->text, prefix, len) == 0)
            row->command = n->command;
        if (n->len <= len || strncmp(n->text, prefix, len) != 0 || (len && n->text[len] != ' '))
            continue;
        sub = xasprintf("%.*s", (int) strcspn(word, " ,"), word);
        if (strv_has(&row->subs, sub))
            continue;
        strv_add(&row->subs, sub);
        /* a group's word has no summary of its own */
        strv_add(&row->sub_helps, strlen(sub) == n->len - (size_t) (word - n->text)
                                      ? n->command->summary
                                      : "commands of this group");
    }
}

static void
row_write(FILE *to, const struct completion_shell *shell, const struct completion_table *t,
          const struct names *names, const char *prefix)
{
    struct completion_row row = {.name = prefix};

    row_subs(names, prefix, &row);
    if (row.command) {
        row.options = row.command->options;
        row.n_options = command_options_n(row.command);
    } else if (!*prefix) {
        row.options = t->options;
        row.n_options = t->n_options;
    }
    shell->row(to, &row);
    strv_done(&row.subs);
    strv_done(&row.sub_helps);
}

int
completion_write(FILE *to, const char *name, const struct completion_table *t, struct err *err)
{
    const struct completion_shell *shell = NULL;
    AUTO(strv) all = {0};
    struct names names = {0};

    for (size_t i = 0; i < completion_shells_n; i++)
        if (strcmp(completion_shells[i].name, name) == 0)
            shell = &completion_shells[i];
    if (!shell)
        return err_set(err, CODE_INVALID_ARGUMENT, "shell '%.64s' is not bash, zsh or fish", name);
    names_collect(t, &names);
    all = prefixes(&names);
    fputs(shell->head, to);
    for (size_t i = 0; i < all.n; i++)
        row_write(to, shell, t, &names, all.items[i]);
    fputs(shell->tail, to);
    free(names.items);
    return 0;
}
