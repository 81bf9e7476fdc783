/* SPDX-License-Identifier: Apache-2.0 */
/* health, version: what is running and what is installed. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>

#include "api/client/records_client.h"
#include "api/grpc/grpc_channel.h"
#include "cmd.h"
#include "libross/base/clock.h"
#include "libross/base/version.h"
#include "ross-cli/run/runtime_pick.h"
#include "ross-cli/ui/listing.h"

#define HEALTH_TIMEOUT_NS (3 * NS_PER_S)

struct format_options {
    const char *format;
};

static const struct option_row format_rows[] = {
    {.name = "format",
     .type = OPTION_STR,
     .offset = offsetof(struct format_options, format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
};

/* One service: who listens, which version, whether it serves. Nothing is started. */
static struct json *
probe(const struct session *s, const char *name, const char *address)
{
    struct call_ctx ctx = {.ns = s->ctx.ns, .deadline_ns = clock_mono_ns() + HEALTH_TIMEOUT_NS};
    auto_free char *version = NULL, *revision = NULL;
    AUTO_PTR(rpc_channel) ch = NULL;
    struct json *row = json_new_object();
    struct err err = {0};
    int r;

    json_set(row, "service", json_new_str(name));
    json_set(row, "address", json_new_str(address));
    r = grpc_channel_open(address, &ch, &err);
    if (r == 0)
        r = health_client_check(ch, &ctx, &err);
    if (r == 0 && version_client_get(ch, &ctx, &version, &revision, NULL) < 0)
        version = NULL; /* the snapshotter need not answer Version */
    json_set(row, "version", json_new_str(version ? version : ""));
    json_set(row, "state",
             json_new_str(r == 0                   ? "serving"
                          : r == -CODE_UNAVAILABLE ? "not running (started when needed)"
                                                   : err.msg));
    json_set(row, "healthy", json_new_bool(r == 0));
    return row;
}

static int
health_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column columns[] = {
        {"SERVICE", "service", NULL},
        {"ADDRESS", "address", NULL},
        {"VERSION", "version", NULL},
        {"STATE", "state", NULL},
    };
    const struct format_options *opt = options;
    AUTO_PTR(json) rows = json_new_array();

    (void) n_words;
    (void) words;
    json_push(rows, probe(s, "contentd", s->contentd_address));
    if (strcmp(s->contentd_address, s->snapshotter_address) != 0)
        json_push(rows, probe(s, "snapshotter", s->snapshotter_address));
    return listing_print(stdout, columns, ARRAY_LEN(columns), rows, opt->format, err);
}

const struct command_row cmd_health = {
    .path = "health",
    .synopsis = "[OPTION…]",
    .summary = "Shows each service: address, version, state",
    .options = format_rows,
    .n_options = ARRAY_LEN(format_rows),
    .options_size = sizeof(struct format_options),
    .run = health_run,
};

static int
version_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column columns[] = {
        {"COMPONENT", "component", NULL},
        {"VERSION", "version", NULL},
        {"REVISION", "revision", NULL},
        {"WHERE", "path", NULL},
    };
    const struct format_options *opt = options;
    auto_free char *runtime = NULL, *why = NULL;
    AUTO_PTR(json) rows = json_new_array();
    struct utsname host;
    struct json *row;

    (void) s;
    (void) n_words;
    (void) words;
    row = json_new_object();
    json_set(row, "component", json_new_str("ross-cli"));
    json_set(row, "version", json_new_str(ROSS_VERSION));
    json_set(row, "revision", json_new_str(ROSS_REVISION));
    json_set(row, "path", json_new_str(""));
    json_push(rows, row);
    if (runtime_pick(NULL, &runtime, &why, NULL) == 0) {
        row = json_new_object();
        json_set(row, "component", json_new_str("runtime"));
        json_set(row, "version", json_new_str(""));
        json_set(row, "revision", json_new_str(why ? why : ""));
        json_set(row, "path", json_new_str(runtime));
        json_push(rows, row);
    }
    if (uname(&host) == 0) {
        row = json_new_object();
        json_set(row, "component", json_new_str("kernel"));
        json_set(row, "version", json_new_str(host.release));
        json_set(row, "revision", json_new_str(""));
        json_set(row, "path", json_new_str(""));
        json_push(rows, row);
    }
    return listing_print(stdout, columns, ARRAY_LEN(columns), rows, opt->format, err);
}

const struct command_row cmd_version = {
    .path = "version",
    .synopsis = "[OPTION…]",
    .summary = "Shows our version, the runtime in use and the kernel",
    .options = format_rows,
    .n_options = ARRAY_LEN(format_rows),
    .options_size = sizeof(struct format_options),
    .run = version_run,
};
