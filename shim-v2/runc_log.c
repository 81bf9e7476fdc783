/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the last error in a runtime's log. */
#include "runc_log.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "libross/base/fd.h"
#include "libross/json/json.h"

static bool
is_error(const char *level)
{
    return level && (strcmp(level, "error") == 0 || strcmp(level, "fatal") == 0 ||
                     strcmp(level, "panic") == 0);
}

static char *
line_error(const char *line, size_t n)
{
    AUTO_PTR(json) root = NULL;
    const char *msg, *end;

    if (json_parse(line, n, &root, NULL) < 0 || !is_error(json_str(json_find(root, "level"))))
        return NULL;
    msg = json_str(json_find(root, "msg"));
    if (!msg)
        return NULL;
    while (isspace((unsigned char) *msg))
        msg++;
    end = msg + strlen(msg);
    while (end > msg && isspace((unsigned char) end[-1]))
        end--;
    return end > msg ? xstrndup(msg, (size_t) (end - msg)) : NULL;
}

char *
runc_log_last_error(const char *text, size_t n)
{
    while (n > 0) {
        const char *nl;
        char *found;

        if (text[n - 1] == '\n') {
            n--;
            continue;
        }
        nl = memrchr(text, '\n', n);
        found = line_error(nl ? nl + 1 : text, nl ? (size_t) (text + n - nl - 1) : n);
        if (found || !nl)
            return found;
        n = (size_t) (nl - text);
    }
    return NULL;
}

char *
runc_log_error_since(const char *path, int64_t offset)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    auto_free char *text = NULL;
    struct stat st;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    if (st.st_size - offset > RUNC_LOG_READ_MAX)
        offset = st.st_size - RUNC_LOG_READ_MAX;
    text = xmalloc(RUNC_LOG_READ_MAX);
    n = fd_pread_full(fd, text, RUNC_LOG_READ_MAX, offset);
    return n > 0 ? runc_log_last_error(text, (size_t) n) : NULL;
}

int64_t
runc_log_size(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : 0;
}
