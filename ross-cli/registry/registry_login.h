/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping credentials for a registry, where docker keeps them. */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"

/*
 * Checks user and password with the registry, then stores them (docker_config: directory, NULL = default).
 * Unauthenticated when they are refused; nothing is stored then.
 */
int registry_login(const char *host, const char *user, const char *password, bool plain_http,
                   const char *docker_config, struct err *err);
/* 1 when there was a login to forget. */
int registry_logout(const char *host, const char *docker_config, struct err *err);
/*
 * The host that a person means: "docker.io" for nothing and for the old URLs of it; scheme and path dropped.
 * malloc'ed.
 */
char *registry_login_host(const char *typed);
