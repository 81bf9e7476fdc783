/* SPDX-License-Identifier: Apache-2.0 */
/* What a pull shows: one live line a layer on a terminal, plain lines elsewhere. */
#include "progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libross/base/clock.h"
#include "listing.h"

#define LINES_MAX 500 /* as many as an image may have layers */
#define REDRAW_NS (50 * NS_PER_MS)

struct line {
    enum pull_state state;
    int64_t done_bytes, total_bytes, first_bytes;
    int64_t started_ns; /* of the download */
    char id[13];
    bool known;
};

struct progress {
    FILE *to;
    bool quiet, live;
    char *name;
    enum pull_state image_state;
    struct line *lines;
    size_t n;
    size_t drawn; /* lines on the screen now */
    int64_t drawn_ns;
};

struct progress *
progress_new(FILE *to, bool quiet)
{
    struct progress *p = xcalloc(1, sizeof *p);

    p->to = to;
    p->quiet = quiet;
    p->live = !quiet && isatty(fileno(to));
    return p;
}

static void
show_rate(const struct line *l, char *out, size_t n)
{
    int64_t took = clock_mono_ns() - l->started_ns, got = l->done_bytes - l->first_bytes;
    auto_free char *done = size_format(l->done_bytes), *total = size_format(l->total_bytes);
    auto_free char *rate = NULL;

    if (took < NS_PER_S / 10 || got <= 0) {
        (void) snprintf(out, n, "%s / %s", done, total);
        return;
    }
    rate = size_format((int64_t) ((double) got * 1e9 / (double) took));
    (void) snprintf(out, n, "%s / %s  %s/s", done, total, rate);
}

static size_t
screen_rows(const struct progress *p)
{
    struct winsize ws = {0};

    return ioctl(fileno(p->to), TIOCGWINSZ, &ws) == 0 && ws.ws_row > 2 ? ws.ws_row - 1u : 23;
}

static void
draw(struct progress *p)
{
    size_t rows = screen_rows(p), from = p->n + 1 > rows ? p->n + 1 - rows : 0;
    char detail[128];

    if (p->drawn)
        fprintf(p->to, "\033[%zuA", p->drawn);
    fprintf(p->to, "\r\033[K%s: %s\n", p->name ? p->name : "", pull_state_name(p->image_state));
    p->drawn = 1;
    for (size_t i = from; i < p->n; i++) {
        const struct line *l = &p->lines[i];

        if (!l->known)
            continue;
        detail[0] = '\0';
        if (l->state == PULL_DOWNLOADING)
            show_rate(l, detail, sizeof detail);
        fprintf(p->to, "\033[K  %s  %-11s %s\n", l->id, pull_state_name(l->state), detail);
        p->drawn++;
    }
    (void) fflush(p->to);
    p->drawn_ns = clock_mono_ns();
}

static void
plain(struct progress *p, const struct pull_event *ev, const struct line *l)
{
    auto_free char *size = NULL;

    if (!l) {
        fprintf(p->to, "%s: %s\n", p->name, pull_state_name(ev->state));
    } else if (ev->state == PULL_DOWNLOADING) {
        size = size_format(l->total_bytes);
        fprintf(p->to, "%s: layer %s: downloading %s\n", p->name, l->id, size);
    } else
        fprintf(p->to, "%s: layer %s: %s\n", p->name, l->id, pull_state_name(ev->state));
    (void) fflush(p->to);
}

static struct line *
line_of(struct progress *p, const struct pull_event *ev)
{
    char hex[DIGEST_HEX_MAX];

    if (ev->n == 0 || ev->index >= LINES_MAX)
        return NULL;
    if (ev->index >= p->n) {
        p->lines = xreallocarray(p->lines, ev->index + 1, sizeof *p->lines);
        memset(p->lines + p->n, 0, (ev->index + 1 - p->n) * sizeof *p->lines);
        p->n = ev->index + 1;
    }
    if (!p->lines[ev->index].known && ev->desc) {
        p->lines[ev->index].known = true;
        p->lines[ev->index].state = PULL_RESOLVING; /* so that the first event is news */
        (void) snprintf(p->lines[ev->index].id, sizeof p->lines[ev->index].id, "%.12s",
                        digest_hex(&ev->desc->digest, hex));
    }
    return &p->lines[ev->index];
}

void
progress_event(const struct pull_event *ev, void *arg)
{
    struct progress *p = arg;
    struct line *l;
    bool news;

    if (p->quiet)
        return;
    if (!p->name && ev->name)
        p->name = xstrdup(ev->name);
    l = line_of(p, ev);
    if (l) {
        news = l->state != ev->state;
        if (news && ev->state == PULL_DOWNLOADING) {
            l->started_ns = clock_mono_ns();
            l->first_bytes = ev->done_bytes;
        }
        l->state = ev->state;
        l->done_bytes = ev->done_bytes;
        l->total_bytes = ev->total_bytes;
    } else {
        if (ev->n)
            return;
        news = true;
        p->image_state = ev->state;
    }
    if (!p->live) {
        if (news)
            plain(p, ev, l);
    } else if (news || clock_mono_ns() - p->drawn_ns > REDRAW_NS)
        draw(p);
}

void
progress_free(struct progress *p)
{
    if (!p)
        return;
    if (p->live && p->drawn)
        draw(p);
    free(p->name);
    free(p->lines);
    free(p);
}
