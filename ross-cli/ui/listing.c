/* SPDX-License-Identifier: Apache-2.0 */
/* Lists as a table for people or as JSON for programs, from the same rows. The one door to libsmartcols. */
#include "listing.h"

#include <ctype.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <string.h>
#include <strings.h>

#include "libross/base/clock.h"
#include "template.h"

char *
size_format(int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double v = (double) bytes;
    size_t u = 0;

    while (v >= 999.5 && u + 1 < ARRAY_LEN(units)) {
        v /= 1000;
        u++;
    }
    return xasprintf(u && v < 9.995 ? "%.2f%s" : u && v < 99.95 ? "%.1f%s" : "%.0f%s", v, units[u]);
}

char *
duration_format(int64_t ns)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {
        {"year", 365 * 86400}, {"month", 30 * 86400}, {"week", 7 * 86400}, {"day", 86400},
        {"hour", 3600},        {"minute", 60},        {"second", 1},
    };
    int64_t s = ns / NS_PER_S, n;

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        n = s / units[i].seconds;
        /* "7 days" reads better than "1 week": the next unit up starts at two */
        if (n >= 2 || (n == 1 && units[i].seconds <= 60))
            return xasprintf("%" PRId64 " %s%s", n, units[i].name, n == 1 ? "" : "s");
    }
    return xstrdup("less than a second");
}

char *
listing_show_size(const struct json *bytes)
{
    int64_t v;

    return json_int(bytes, &v) ? size_format(v) : xstrdup("-");
}

char *
listing_show_age(const struct json *rfc3339)
{
    const char *text = json_str(rfc3339);
    auto_free char *age = NULL;
    int64_t then;

    if (!text || clock_parse(text, &then, NULL) < 0)
        return xstrdup("-");
    age = duration_format(clock_now_ns() - then);
    return xasprintf("%s ago", age);
}

char *
listing_show_short_id(const struct json *id)
{
    const char *text = json_str(id);

    if (!text)
        return xstrdup("-");
    if (strncmp(text, "sha256:", 7) == 0)
        text += 7;
    return xstrndup(text, 12);
}

static char *
cell(const struct listing_column *col, const struct json *row)
{
    const struct json *value = json_find(row, col->key);
    int64_t number;

    if (col->show)
        return col->show(value);
    if (json_str(value))
        return xstrdup(json_str(value));
    if (json_int(value, &number))
        return xasprintf("%" PRId64, number);
    return xstrdup("");
}

static int
print_table(FILE *to, const struct listing_column *columns, size_t n, const struct json *rows,
            struct err *err)
{
    struct libscols_table *table = scols_new_table();
    struct libscols_line *line;
    int r = 0;

    if (!table)
        return err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a table");
    (void) scols_table_set_stream(table, to);
    (void) scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    (void) scols_table_set_column_separator(table, "  ");
    for (size_t c = 0; c < n; c++)
        if (!scols_table_new_column(table, columns[c].header, 0, 0))
            r = err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a table");
    for (size_t i = 0; r == 0 && i < json_len(rows); i++) {
        line = scols_table_new_line(table, NULL);
        for (size_t c = 0; line && c < n; c++)
            (void) scols_line_refer_data(line, c, cell(&columns[c], json_at(rows, i)));
    }
    if (r == 0 && json_len(rows) == 0) {
        for (size_t c = 0; c < n; c++)
            fprintf(to, "%s%s", columns[c].header, c + 1 < n ? "  " : "\n");
    } else if (r == 0)
        (void) scols_print_table(table);
    scols_unref_table(table);
    return r;
}

/* ---- "table TEXT": a table of one's own columns, with tabs between them ---- */

#define TABLE_PREFIX "table "
#define CELL_MAX     ((size_t) 1024 * 1024)

/* Tabs, and those that a shell left as backslash and t. */
static struct strv
split_columns(const char *text)
{
    struct strv columns = {0};

    for (;;) {
        const char *tab = strchr(text, '\t'), *escaped = strstr(text, "\\t");
        const char *end = tab && (!escaped || tab < escaped) ? tab : escaped;

        strv_add_n(&columns, text, end ? (size_t) (end - text) : strlen(text));
        if (!end)
            return columns;
        text = end + (end == tab ? 1 : 2);
    }
}

/* The header of the column that has the text's first field, else that field in capitals; malloc'ed. */
static char *
header_of(const char *text, const struct listing_column *columns, size_t n)
{
    const char *dot = strchr(text, '.');
    auto_free char *field = NULL;

    if (!dot)
        return xstrdup("");
    field = xstrndup(dot + 1, strspn(dot + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_"));
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(columns[i].key, field) == 0)
            return xstrdup(columns[i].header);
    for (char *c = field; *c; c++)
        *c = (char) toupper((unsigned char) *c);
    return TAKE(field);
}

static int
add_line(struct libscols_table *table, const struct strv *columns, const struct json *row,
         struct err *err)
{
    struct libscols_line *line = scols_table_new_line(table, NULL);
    int r = line ? 0 : err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a table");

    for (size_t c = 0; r == 0 && c < columns->n; c++) {
        AUTO(buf) cell_text = BUF_INIT(CELL_MAX);

        r = template_append(&cell_text, columns->items[c], row, err);
        if (r == 0)
            (void) scols_line_refer_data(
                line, c, xstrndup(cell_text.len ? cell_text.data : "", cell_text.len));
    }
    return r;
}

static int
print_own_table(FILE *to, const struct listing_column *columns, size_t n, const struct json *rows,
                const char *text, struct err *err)
{
    AUTO(strv) own = split_columns(text);
    struct libscols_table *table = scols_new_table();
    int r = table ? 0 : err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a table");

    if (r < 0)
        return r;
    (void) scols_table_set_stream(table, to);
    (void) scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    (void) scols_table_set_column_separator(table, "  ");
    for (size_t c = 0; r == 0 && c < own.n; c++) {
        auto_free char *header = header_of(own.items[c], columns, n);

        if (!scols_table_new_column(table, header, 0, 0))
            r = err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a table");
        else if (json_len(rows) == 0)
            fprintf(to, "%s%s", header, c + 1 < own.n ? "  " : "\n");
    }
    for (size_t i = 0; r == 0 && i < json_len(rows); i++)
        r = add_line(table, &own, json_at(rows, i), err);
    if (r == 0 && json_len(rows))
        (void) scols_print_table(table);
    scols_unref_table(table);
    return r;
}

int
listing_print(FILE *to, const struct listing_column *columns, size_t n, const struct json *rows,
              const char *format, struct err *err)
{
    int r;

    if (!format || strcmp(format, "table") == 0)
        return print_table(to, columns, n, rows, err);
    if (strcmp(format, "json") == 0) {
        auto_free char *text = json_dump_pretty(rows);
        fprintf(to, "%s\n", text);
        return 0;
    }
    if (strcmp(format, "jsonl") == 0) {
        for (size_t i = 0; i < json_len(rows); i++) {
            auto_free char *text = json_dump(json_at(rows, i), NULL);
            fprintf(to, "%s\n", text);
        }
        return 0;
    }
    if (!strstr(format, "{{"))
        return err_set(err, CODE_INVALID_ARGUMENT,
                       "unknown format '%s', use table, json, jsonl or a text with {{.field}}",
                       format);
    if (strncmp(format, TABLE_PREFIX, strlen(TABLE_PREFIX)) == 0)
        return print_own_table(to, columns, n, rows, format + strlen(TABLE_PREFIX), err);
    for (size_t i = 0; i < json_len(rows); i++) {
        r = template_print(to, format, json_at(rows, i), err);
        if (r < 0)
            return r;
        fputs("\n", to);
    }
    return 0;
}
