/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/registry/http_curl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include "libross/base/mem.h"

struct curl_table curl;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void
curl_load(void)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
    void *lib = NULL;

    for (size_t i = 0; !lib && i < ARRAY_LEN(names); i++)
        lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!lib) {
        (void) snprintf(curl.problem, sizeof curl.problem,
                        "libcurl.so.4 is missing (Debian package libcurl4)");
        return;
    }
#define X(name)                                                                                    \
    curl.name = (__typeof__(curl_##name) *) (uintptr_t) dlsym(lib, "curl_" #name);                 \
    if (!curl.name) {                                                                              \
        (void) snprintf(curl.problem, sizeof curl.problem, "libcurl.so.4 has no curl_" #name);     \
        return;                                                                                    \
    }
    CURL_FUNCTIONS(X)
#undef X
    if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        (void) snprintf(curl.problem, sizeof curl.problem, "libcurl cannot be initialised");
}

int
curl_ready(struct err *err)
{
    (void) pthread_once(&curl_once, curl_load);
    if (curl.problem[0])
        return err_set(err, CODE_FAILED_PRECONDITION, "%s", curl.problem);
    return 0;
}
