/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the Task API as they come from a socket, against a whole shim whose runtime cannot be found. The input
 * is a row of calls: a byte for the method, two bytes for the length, the payload.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/ttrpc/ttrpc_frame.h"
#include "api/ttrpc/ttrpc_server.h"
#include "container.h"
#include "events.h"
#include "github.com/containerd/ttrpc/request.pb-c.h"
#include "libross/base/fd.h"
#include "libross/base/log.h"
#include "libross/base/rmtree.h"
#include "runtime/task/v2/shim.pb-c.h"
#include "shim_socket.h"
#include "task_record.h"
#include "task_service.h"

#define CALLS_MAX 64
#define TURNS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct shim shim;
static int listen_fd = -1;
static struct sockaddr_un addr;

static void
told_in_vain(struct shim *s)
{
    (void) s;
}

static void
must(int r)
{
    if (r < 0)
        _exit(99);
}

static char dir[] = "/tmp/task-fuzz-XXXXXX";

static void
clean_up(void)
{
    (void) rmtree_at(AT_FDCWD, dir, NULL);
}

static void
make_once(void)
{
    static struct ttrpc_server *server;
    struct rpc_service services[TASK_SERVICES];
    auto_free char *address = NULL;

    if (server)
        return;
    must(mkdtemp(dir) ? 0 : -1);
    (void) atexit(clean_up);
    must(setenv("PATH", dir, 1)); /* no runtime, whatever is asked for */
    log_set_fd(-1);
    must(loop_new(&shim.loop, NULL));
    must(reaper_new(shim.loop, &shim.reaper, NULL));
    shim.ns = "fuzz";
    shim.id = "fuzz";
    shim.shutdown = told_in_vain;
    shim.emptied = told_in_vain;
    shim.events = events_new(shim.loop, "", "fuzz");
    shim.record = task_record_new(shim.loop, dir);
    address = xasprintf("unix://%s/s", dir);
    must(shim_socket_listen(address, &listen_fd, NULL));
    addr.sun_family = AF_UNIX;
    (void) snprintf(addr.sun_path, sizeof addr.sun_path, "%s/s", dir);
    task_services(&shim, services);
    must(ttrpc_server_new(shim.loop, listen_fd, services, TASK_SERVICES, &server, NULL));
}

static void
call_write(int fd, uint32_t stream, const ProtobufCMethodDescriptor *method, const uint8_t *payload,
           size_t n)
{
    Ttrpc__Request m = TTRPC__REQUEST__INIT;
    unsigned char head[TTRPC_HEADER_SIZE];
    struct ttrpc_header h = {.stream_id = stream, .type = TTRPC_REQUEST};
    auto_free uint8_t *packed = NULL;

    m.service = (char *) (uintptr_t) "containerd.task.v2.Task";
    m.method = (char *) (uintptr_t) method->name;
    m.payload.data = (uint8_t *) (uintptr_t) payload;
    m.payload.len = n;
    h.length = (uint32_t) ttrpc__request__get_packed_size(&m);
    packed = xmalloc(h.length + 1);
    (void) ttrpc__request__pack(&m, packed);
    ttrpc_header_format(&h, head);
    if (fd_write_all(fd, head, sizeof head) == 0)
        (void) fd_write_all(fd, packed, h.length);
}

static void
turns(int fd)
{
    char sink[4096];

    for (int i = 0; i < TURNS_MAX; i++) {
        loop_turn(shim.loop, 0);
        while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0)
            ;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCServiceDescriptor *svc = &containerd__task__v2__task__descriptor;
    auto_close int fd = -1;
    uint32_t stream = 1;

    make_once();
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &addr, sizeof addr) < 0)
        return 0;
    for (int calls = 0; size >= 3 && calls < CALLS_MAX; calls++) {
        size_t n = (size_t) data[1] << 8 | data[2];
        const ProtobufCMethodDescriptor *method = &svc->methods[data[0] % svc->n_methods];

        if (n > size - 3)
            n = size - 3;
        call_write(fd, stream, method, data + 3, n);
        stream += 2;
        data += 3 + n;
        size -= 3 + n;
        turns(fd);
    }
    (void) shutdown(fd, SHUT_RDWR);
    turns(fd);
    return 0;
}
