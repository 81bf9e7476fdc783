/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the small files of cgroups. */
#include "cgroup_file.h"

#include <fcntl.h>
#include <string.h>

#include "libross/base/fd.h"

static bool starved;

void
cgroup_files_begin(void)
{
    starved = false;
}

int
cgroup_files_end(struct err *err)
{
    return starved ? err_set(err, CODE_RESOURCE_EXHAUSTED, "no memory for a file of the cgroup")
                   : 0;
}

char *
cgroup_file_read(struct arena *a, const char *dir, const char *name)
{
    auto_free char *path = xasprintf("%s/%s", dir, name);
    auto_free char *text = NULL;
    char *ret = NULL;
    size_t n;
    int r = fd_read_file_at(AT_FDCWD, path, CGROUP_FILE_MAX, &text, &n, NULL);

    if (r == 0) {
        n = strnlen(text, n);
        ret = arena_try_alloc(a, n + 1);
    }
    if (ret) {
        memcpy(ret, text, n);
        ret[n] = '\0';
    }
    if (r == -CODE_RESOURCE_EXHAUSTED || (r == 0 && !ret))
        starved = true;
    return ret;
}

bool
cgroup_u64_parse(const char *s, const char **ret_end, uint64_t *ret)
{
    uint64_t v = 0;
    const char *p = s;

    if (strncmp(s, "max", 3) == 0) {
        *ret_end = s + 3;
        *ret = UINT64_MAX;
        return true;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t) (*p - '0');

        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    if (p == s)
        return false;
    *ret_end = p;
    *ret = v;
    return true;
}

uint64_t
cgroup_file_u64(struct arena *a, const char *dir, const char *name)
{
    const char *text = cgroup_file_read(a, dir, name), *end;
    uint64_t v;

    return text && cgroup_u64_parse(text, &end, &v) ? v : 0;
}

bool
cgroup_keys_read(const char *text, const struct cgroup_key *keys, size_t n, void *into)
{
    bool any = false;

    while (text && *text) {
        const char *nl = strchrnul(text, '\n');
        const char *space = memchr(text, ' ', (size_t) (nl - text)), *end;
        uint64_t v;

        for (size_t i = 0; space && i < n; i++)
            if (strlen(keys[i].key) == (size_t) (space - text) &&
                memcmp(keys[i].key, text, (size_t) (space - text)) == 0 &&
                cgroup_u64_parse(space + 1, &end, &v)) {
                *(uint64_t *) ((char *) into + keys[i].offset) = v;
                any = true;
            }
        text = *nl ? nl + 1 : nl;
    }
    return any;
}

char *
cgroup_line(char **at)
{
    return *at ? strsep(at, "\n") : NULL;
}

char *
cgroup_word(char **at)
{
    char *word;

    while (*at) {
        word = strsep(at, " \t");
        if (*word)
            return word;
    }
    return NULL;
}
