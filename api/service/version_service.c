/* SPDX-License-Identifier: Apache-2.0 */
/* The Version service, the same in every process (reference 11.7). */
#include "version_service.h"

#include "libross/base/version.h"
#include "services/version/v1/version.pb-c.h"

static int
on_version(struct rpc_call *call, void *impl, const void *request, void *reply, struct err *err)
{
    Containerd__Services__Version__V1__VersionResponse *rp = reply;

    (void) call;
    (void) impl;
    (void) request;
    (void) err;
    rp->version = (char *) ROSS_VERSION;
    rp->revision = (char *) ROSS_REVISION;
    return 0;
}

static const struct rpc_method version_methods[] = {{"Version", RPC_UNARY, on_version}};

struct rpc_service
version_service(void)
{
    return (struct rpc_service){
        .desc = &containerd__services__version__v1__version__descriptor,
        .methods = version_methods,
        .n_methods = ARRAY_LEN(version_methods),
    };
}
