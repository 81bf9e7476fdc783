/* SPDX-License-Identifier: Apache-2.0 */
/* Getting images: from a registry or from files, with everything that pull needs of the session. */
#include "image_get.h"

#include <signal.h>

#include "event_log.h"

static atomic_bool interrupted;

static void
on_interrupt(int signo)
{
    (void) signo;
    atomic_store(&interrupted, true);
}

int
image_services(struct session *s, struct pull_services *ret, struct err *err)
{
    struct pull_services svc = {
        .snapshotter = s->snapshotter, .ns = s->ctx.ns, .rebase = !s->foreign};
    int r;

    r = session_contentd(s, &svc.records, err);
    if (r == 0)
        r = session_content(s, &svc.content, err);
    if (r == 0)
        r = session_snapshots(s, &svc.snapshots, err);
    if (r == 0)
        r = session_snapshotter(s, &svc.diff, err);
    if (r < 0)
        return r;
    svc.lock_dir = s->state;
    *ret = svc;
    return 0;
}

int
image_get(struct session *s, const struct registry_options *registry,
          const struct pull_options *opt, struct pull_result *ret, struct err *err)
{
    const struct sigaction act = {.sa_handler = on_interrupt};
    struct pull_options with_cancel = *opt;
    struct sigaction old_int, old_term;
    sigset_t both, old_mask;
    AUTO_PTR(registry) reg = NULL;
    struct pull_services svc;
    int r;

    r = image_services(s, &svc, err);
    if (r == 0)
        r = registry_new(registry, &reg, err);
    if (r < 0)
        return r;
    (void) sigaction(SIGINT, &act, &old_int);
    (void) sigaction(SIGTERM, &act, &old_term);
    /* this thread takes them, also where `run` has them blocked */
    (void) sigemptyset(&both);
    (void) sigaddset(&both, SIGINT);
    (void) sigaddset(&both, SIGTERM);
    (void) pthread_sigmask(SIG_UNBLOCK, &both, &old_mask);
    with_cancel.cancelled = &interrupted;
    r = pull_image(&svc, reg, &with_cancel, ret, err);
    (void) pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
    (void) sigaction(SIGINT, &old_int, NULL);
    (void) sigaction(SIGTERM, &old_term, NULL);
    if (r == 0)
        event_image(s, ret->name, &ret->target.digest, "pull");
    return r;
}
