/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snapshots-conformance ADDRESS SNAPSHOTTER [WORD…]: the conformance suite over a socket.
 *
 *   rebase         the peer takes a parent at commit
 *   containerd1    the peer is a containerd 1.x
 *   lease=ID       an existing lease for what is made
 *   another word   only this case
 */
#include <stdio.h>
#include <string.h>

#include "api/client/snapshots_client.h"
#include "api/grpc/grpc_channel.h"
#include "libross/contract/snapshots_conformance.h"

int
main(int argc, char **argv)
{
    struct snapshots_conformance opt = {.ns = "conformance", .to = stdout};
    AUTO_PTR(rpc_channel) ch = NULL;
    struct err err = {0};
    unsigned failed, run;

    if (argc < 3) {
        (void) fprintf(stderr, "usage: %s ADDRESS SNAPSHOTTER [WORD…]\n", argv[0]);
        return 2;
    }
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "rebase") == 0)
            opt.rebase = true;
        else if (strcmp(argv[i], "containerd1") == 0)
            opt.bad_filter_is_unknown = true;
        else if (strncmp(argv[i], "lease=", strlen("lease=")) == 0)
            opt.lease = argv[i] + strlen("lease=");
        else
            opt.only = argv[i];
    }
    if (grpc_channel_open(argv[1], &ch, &err) < 0) {
        (void) fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    opt.s = snapshots_client_new(ch, argv[2]);
    failed = snapshots_conformance_run(&opt, &run);
    snapshots_free(opt.s);
    (void) printf("%u cases, %u failed\n", run, failed);
    return failed || !run;
}
