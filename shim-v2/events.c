/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events are packed when they happen and wait in one queue. Its head alone is on its way; it leaves when containerd has
 * taken it or refuses it for good. While containerd is away the head is tried again with growing pauses, so a
 * restarted containerd hears everything that happened meanwhile, in order.
 */
#include "events.h"

#include <string.h>

#include "api/ttrpc/ttrpc_channel.h"
#include "events/task.pb-c.h"
#include "google/protobuf/any.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "libross/base/clock.h"
#include "libross/base/log.h"
#include "libross/base/mem_try.h"
#include "services/ttrpc/events/v1/events.pb-c.h"
#include "types/event.pb-c.h"
#include "types/mount.pb-c.h"

#define SEND_TIMEOUT_MS  5000
#define RETRY_FIRST_MS   100
#define RETRY_LONGEST_MS 5000

struct event {
    struct event *next;
    const char *topic; /* static */
    const char *type;  /* static */
    int64_t time_ns;
    size_t n;
    unsigned char packed[];
};

struct events {
    struct loop *loop;
    struct ttrpc_async *channel; /* NULL: nobody is told */
    char *ns;
    struct event *head, **tail;
    unsigned n, dropped;
    struct loop_timer *retry, *limit;
    int64_t pause_ms;
    bool on_its_way;
    void (*drained)(void *arg);
    void *drained_arg;
};

static void send_head(struct events *e);

struct events *
events_new(struct loop *loop, const char *address, const char *ns)
{
    struct events *e = xcalloc(1, sizeof *e);

    *e = (struct events){.loop = loop, .ns = xstrdup(ns), .pause_ms = RETRY_FIRST_MS};
    e->tail = &e->head;
    if (address && address[0])
        e->channel = ttrpc_async_new(loop, address);
    return e;
}

static void
pop(struct events *e)
{
    struct event *v = e->head;

    e->head = v->next;
    if (!e->head)
        e->tail = &e->head;
    e->n--;
    free(v);
}

void
events_free(struct events *e)
{
    if (!e)
        return;
    if (e->channel)
        ttrpc_async_free(e->channel);
    while (e->head)
        pop(e);
    loop_timer_free(e->retry);
    loop_timer_free(e->limit);
    free(e->ns);
    free(e);
}

/* ---- sending ---- */

static void
tell_drained(void *arg)
{
    struct events *e = arg;
    void (*fn)(void *) = e->drained;

    if (!fn)
        return;
    e->drained = NULL;
    fn(e->drained_arg);
}

static void
on_limit(void *arg)
{
    struct events *e = arg;

    e->limit = NULL;
    if (e->n)
        log_warn("leaving with events that nobody took", KV_INT("events", e->n));
    tell_drained(e);
}

static void
on_retry(void *arg)
{
    struct events *e = arg;

    e->retry = NULL;
    send_head(e);
}

static bool
worth_retrying(int code)
{
    return code == CODE_UNAVAILABLE || code == CODE_DEADLINE_EXCEEDED || code == CODE_CANCELED ||
           code == CODE_RESOURCE_EXHAUSTED || code == CODE_UNKNOWN || code == CODE_INTERNAL ||
           code == CODE_ABORTED;
}

static void
on_sent(int r, const struct err *err, void *arg)
{
    struct events *e = arg;

    e->on_its_way = false;
    if (r < 0 && worth_retrying(-r)) {
        if (e->pause_ms == RETRY_FIRST_MS)
            log_warn("containerd does not take events, trying again", KV_ERR(err));
        e->retry = loop_timer_add(e->loop, clock_mono_ns() + e->pause_ms * NS_PER_MS, on_retry, e);
        e->pause_ms = e->pause_ms * 2 < RETRY_LONGEST_MS ? e->pause_ms * 2 : RETRY_LONGEST_MS;
        return;
    }
    if (r < 0)
        log_error("containerd refused an event, or its answer was lost",
                  KV_STR("topic", e->head->topic), KV_ERR(err));
    e->pause_ms = RETRY_FIRST_MS;
    pop(e);
    send_head(e);
}

static void
send_head(struct events *e)
{
    struct event *v = e->head;
    Containerd__Services__Events__Ttrpc__V1__ForwardRequest req =
        CONTAINERD__SERVICES__EVENTS__TTRPC__V1__FORWARD_REQUEST__INIT;
    Containerd__Types__Envelope envelope = CONTAINERD__TYPES__ENVELOPE__INIT;
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

    if (!v) {
        if (e->drained)
            loop_post(e->loop, tell_drained, e);
        return;
    }
    if (e->on_its_way || e->retry)
        return;
    at.seconds = v->time_ns / NS_PER_S;
    at.nanos = (int32_t) (v->time_ns % NS_PER_S);
    any.type_url = (char *) (uintptr_t) v->type;
    any.value.data = v->packed;
    any.value.len = v->n;
    envelope.timestamp = &at;
    envelope.namespace_ = e->ns;
    envelope.topic = (char *) (uintptr_t) v->topic;
    envelope.event = &any;
    req.envelope = &envelope;
    e->on_its_way = true;
    ttrpc_async_call(e->channel, e->ns,
                     &containerd__services__events__ttrpc__v1__events__descriptor, "Forward", &req,
                     SEND_TIMEOUT_MS, on_sent, e);
}

void
events_drain(struct events *e, int64_t limit_ms, void (*fn)(void *arg), void *arg)
{
    e->drained = fn;
    e->drained_arg = arg;
    if (!e->n) {
        loop_post(e->loop, tell_drained, e);
        return;
    }
    e->limit = loop_timer_add(e->loop, clock_mono_ns() + limit_ms * NS_PER_MS, on_limit, e);
}

/* ---- making ---- */

static bool
has_room(struct events *e)
{
    if (e->n < EVENTS_QUEUE_MAX)
        return true;
    if (e->dropped++ == 0)
        log_error("too many events wait for containerd, dropping new ones");
    return false;
}

/* Takes v, which has room for the message. */
static void
queue_in(struct events *e, const char *topic, const ProtobufCMessage *m, struct event *v)
{
    *v = (struct event){.topic = topic,
                        .type = m->descriptor->name,
                        .time_ns = clock_now_ns(),
                        .n = protobuf_c_message_pack(m, v->packed)};
    *e->tail = v;
    e->tail = &v->next;
    e->n++;
    send_head(e);
}

/* A message of numbers and names. */
static void
queue(struct events *e, const char *topic, const void *message)
{
    if (e->channel && has_room(e))
        queue_in(e, topic, message,
                 xmalloc(sizeof(struct event) + protobuf_c_message_get_packed_size(message)));
}

/* The mounts of a rootfs are as long as a client made them: without memory for them the event does not name them. */
static void
queue_create(struct events *e, Containerd__Events__TaskCreate *m)
{
    struct event *v;

    if (!e->channel || !has_room(e))
        return;
    v = mem_try_realloc(NULL, sizeof *v + protobuf_c_message_get_packed_size(&m->base));
    if (v) {
        queue_in(e, "/tasks/create", &m->base, v);
        return;
    }
    log_warn("no memory for an event, leaving the mounts out",
             KV_STR("container", m->container_id));
    m->n_rootfs = 0;
    queue(e, "/tasks/create", m);
}

/* Generated fields are not const; packing does not change them. */
static char *
str(const char *s)
{
    return (char *) (uintptr_t) (s ? s : "");
}

void
event_create(struct events *e, const char *id, const char *bundle, const struct mount_list *rootfs,
             const struct event_io *io, const char *checkpoint, uint32_t pid)
{
    Containerd__Events__TaskCreate m = CONTAINERD__EVENTS__TASK_CREATE__INIT;
    Containerd__Events__TaskIO mio = CONTAINERD__EVENTS__TASK_IO__INIT;
    Containerd__Types__Mount *mounts = xcalloc(rootfs->n + 1, sizeof *mounts);
    Containerd__Types__Mount **list = xcalloc(rootfs->n + 1, sizeof *list);

    for (size_t i = 0; i < rootfs->n; i++) {
        containerd__types__mount__init(&mounts[i]);
        mounts[i].type = str(rootfs->items[i].type);
        mounts[i].source = str(rootfs->items[i].source);
        mounts[i].target = str(rootfs->items[i].target);
        mounts[i].n_options = rootfs->items[i].options.n;
        mounts[i].options = rootfs->items[i].options.items;
        list[i] = &mounts[i];
    }
    mio.stdin = str(io->stdin_path);
    mio.stdout = str(io->stdout_path);
    mio.stderr = str(io->stderr_path);
    mio.terminal = io->terminal;
    m.container_id = str(id);
    m.bundle = str(bundle);
    m.n_rootfs = rootfs->n;
    m.rootfs = list;
    m.io = &mio;
    m.checkpoint = str(checkpoint);
    m.pid = pid;
    queue_create(e, &m);
    free(mounts);
    free(list);
}

void
event_start(struct events *e, const char *id, uint32_t pid)
{
    Containerd__Events__TaskStart m = CONTAINERD__EVENTS__TASK_START__INIT;

    m.container_id = str(id);
    m.pid = pid;
    queue(e, "/tasks/start", &m);
}

void
event_exec_added(struct events *e, const char *id, const char *exec_id)
{
    Containerd__Events__TaskExecAdded m = CONTAINERD__EVENTS__TASK_EXEC_ADDED__INIT;

    m.container_id = str(id);
    m.exec_id = str(exec_id);
    queue(e, "/tasks/exec-added", &m);
}

void
event_exec_started(struct events *e, const char *id, const char *exec_id, uint32_t pid)
{
    Containerd__Events__TaskExecStarted m = CONTAINERD__EVENTS__TASK_EXEC_STARTED__INIT;

    m.container_id = str(id);
    m.exec_id = str(exec_id);
    m.pid = pid;
    queue(e, "/tasks/exec-started", &m);
}

static Google__Protobuf__Timestamp
timestamp(int64_t ns)
{
    Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

    t.seconds = ns / NS_PER_S;
    t.nanos = (int32_t) (ns % NS_PER_S);
    return t;
}

void
event_exit(struct events *e, const struct event_exit *x)
{
    Containerd__Events__TaskExit m = CONTAINERD__EVENTS__TASK_EXIT__INIT;
    Google__Protobuf__Timestamp at = timestamp(x->exited_at_ns);

    m.container_id = str(x->container);
    m.id = str(x->id);
    m.pid = x->pid;
    m.exit_status = x->status;
    m.exited_at = &at;
    queue(e, "/tasks/exit", &m);
}

void
event_delete(struct events *e, const struct event_exit *x)
{
    Containerd__Events__TaskDelete m = CONTAINERD__EVENTS__TASK_DELETE__INIT;
    Google__Protobuf__Timestamp at = timestamp(x->exited_at_ns);

    m.container_id = str(x->container);
    m.id = str(x->id);
    m.pid = x->pid;
    m.exit_status = x->status;
    m.exited_at = &at;
    queue(e, "/tasks/delete", &m);
}

void
event_oom(struct events *e, const char *id)
{
    Containerd__Events__TaskOOM m = CONTAINERD__EVENTS__TASK_OOM__INIT;

    m.container_id = str(id);
    queue(e, "/tasks/oom", &m);
}

void
event_paused(struct events *e, const char *id)
{
    Containerd__Events__TaskPaused m = CONTAINERD__EVENTS__TASK_PAUSED__INIT;

    m.container_id = str(id);
    queue(e, "/tasks/paused", &m);
}

void
event_resumed(struct events *e, const char *id)
{
    Containerd__Events__TaskResumed m = CONTAINERD__EVENTS__TASK_RESUMED__INIT;

    m.container_id = str(id);
    queue(e, "/tasks/resumed", &m);
}

void
event_checkpointed(struct events *e, const char *id, const char *path)
{
    Containerd__Events__TaskCheckpointed m = CONTAINERD__EVENTS__TASK_CHECKPOINTED__INIT;

    m.container_id = str(id);
    m.checkpoint = str(path);
    queue(e, "/tasks/checkpointed", &m);
}
