/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/registry_login.h"

#include "ross-cli/registry/credentials.h"
#include "ross-cli/registry/registry_list.h"

char *
registry_login_host(const char *typed)
{
    return credentials_key_host(typed && *typed ? typed : "docker.io");
}

int
registry_login(const char *host, const char *user, const char *password, bool plain_http,
               const char *docker_config, struct err *err)
{
    const struct registry_options opt = {.plain_http = plain_http,
                                         .user = user,
                                         .password = password,
                                         .docker_config = docker_config};
    AUTO_PTR(registry) registry = NULL;
    AUTO_PTR(credentials) store = NULL;
    int r = registry_new(&opt, &registry, err);

    if (r == 0)
        r = registry_ping(registry, host, err);
    if (r == 0)
        r = credentials_new(docker_config, &store, err);
    if (r < 0)
        return r;
    r = credentials_store(store, host, user, password, err);
    return r < 0 ? r : 0;
}

int
registry_logout(const char *host, const char *docker_config, struct err *err)
{
    AUTO_PTR(credentials) store = NULL;
    int r = credentials_new(docker_config, &store, err);

    return r < 0 ? r : credentials_store(store, host, NULL, NULL, err);
}
