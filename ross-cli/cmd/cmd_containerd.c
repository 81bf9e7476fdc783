/* SPDX-License-Identifier: Apache-2.0 */
/* containerd enable, status, disable: Ross in the configuration of a containerd. */
#include <stdio.h>
#include <string.h>

#include "api/client/records_client.h"
#include "api/grpc/grpc_channel.h"
#include "cmd.h"
#include "libross/base/clock.h"
#include "libross/base/proc.h"
#include "libross/oci/platform.h"
#include "ross-cli/containerd/cd_files.h"
#include "ross-cli/containerd/cd_text.h"
#include "ross-cli/ui/listing.h"

#define CONFIG_DEFAULT     "/etc/containerd/config.toml"
#define SHIM_NAME          "containerd-shim-ross-v2"
#define PROBE_TIMEOUT_NS   (3 * NS_PER_S)
#define EXIT_NOT_WORKING   1
#define RESTART_CONTAINERD "systemctl restart containerd"

struct containerd_options {
    const char *config, *program, *format;
    bool content, differ, cri, default_runtime, default_snapshotter, dry_run;
};

#define OPT(member) offsetof(struct containerd_options, member)
#define ROW_CONFIG                                                                                 \
    {                                                                                              \
        .name = "config", .type = OPTION_STR, .offset = OPT(config), .arg = "FILE",                \
        .help = "containerd's configuration file (default " CONFIG_DEFAULT ")"                     \
    }
#define ROW_PROGRAM                                                                                \
    {                                                                                              \
        .name = "containerd", .type = OPTION_STR, .offset = OPT(program), .arg = "PROGRAM",        \
        .help = "the containerd that the file is for (default: the one on the PATH)"               \
    }
#define ROW_DRY_RUN                                                                                \
    {                                                                                              \
        .name = "dry-run", .letter = 'n', .type = OPTION_FLAG, .offset = OPT(dry_run),             \
        .help = "show what would change, and change nothing"                                       \
    }

static const struct option_row enable_rows[] = {
    ROW_CONFIG,
    ROW_PROGRAM,
    {.name = "content",
     .type = OPTION_FLAG,
     .offset = OPT(content),
     .help = "ross-contentd as content store too, in place of containerd's own"},
    {.name = "differ",
     .type = OPTION_FLAG,
     .offset = OPT(differ),
     .help = "ross-snapshotter unpacks and makes layers too (containerd 1.7 and later)"},
    {.name = "cri",
     .type = OPTION_FLAG,
     .offset = OPT(cri),
     .help = "a runtime handler '" CD_NAME "' for Kubernetes"},
    {.name = "default-runtime",
     .type = OPTION_FLAG,
     .offset = OPT(default_runtime),
     .help = "Kubernetes runs all pods with it, not only those of a RuntimeClass"},
    {.name = "default-snapshotter",
     .type = OPTION_FLAG,
     .offset = OPT(default_snapshotter),
     .help = "Kubernetes keeps all images and containers in our snapshotter"},
    ROW_DRY_RUN,
};

static const struct option_row disable_rows[] = {ROW_CONFIG, ROW_DRY_RUN};

static const struct option_row status_rows[] = {
    ROW_CONFIG,
    ROW_PROGRAM,
    {.name = "format",
     .type = OPTION_STR,
     .offset = OPT(format),
     .arg = "FORMAT",
     .help = "table, json, jsonl or a text with {{.field}}"},
};

static const char *
config_path(const struct containerd_options *opt)
{
    return opt->config ? opt->config : CONFIG_DEFAULT;
}

/* The program and its version. */
static int
find_containerd(const struct containerd_options *opt, char **ret, struct cd_want *want,
                struct err *err)
{
    const char *name = opt->program ? opt->program : "containerd";
    auto_free char *path = proc_find_program(name);
    int r;

    if (!path)
        return err_set(err, CODE_NOT_FOUND,
                       "no program '%s' is there: name containerd's with --containerd", name);
    r = cd_program_version(path, &want->major, &want->minor, err);
    if (r == 0)
        *ret = TAKE(path);
    return r;
}

static void
show_change(const struct cd_change *c, bool dry_run)
{
    const char *verb = !c->before ? "new file" : !c->after ? "removed" : "changed";

    printf("%s%s: %s\n", dry_run ? "would be " : "", verb, c->path);
    if (c->after)
        cd_text_show(stdout, c->after, "    ");
}

static void
show_changes(const struct cd_changes *c, bool dry_run)
{
    for (size_t i = 0; i < c->n; i++)
        show_change(&c->items[i], dry_run);
}

/* An address goes into the file between quotes. */
static int
check_quotable(const char *text, struct err *err)
{
    for (const char *p = text; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char) *p < 0x20)
            return err_set(err, CODE_INVALID_ARGUMENT,
                           "'%s' holds a character that has no place in containerd's file", text);
    return 0;
}

/* What is left to do by hand. */
static void
show_next_steps(const struct containerd_options *opt, const struct cd_files *files)
{
    auto_free char *address = cd_files_address(files);
    auto_free char *shim = proc_find_program(SHIM_NAME);

    if (opt->differ && !opt->content)
        printf("the differ reads layers from containerd: set content-address = \"%s\" in "
               "/etc/ross/ross-snapshotter.toml, and run: systemctl restart ross-snapshotter\n",
               address);
    if (!shim)
        printf("'" SHIM_NAME "' is not on the PATH: containerd must find it on its own\n");
    printf("now run: " RESTART_CONTAINERD "\n");
    printf("to take it back: ross-cli containerd disable%s%s\n", opt->config ? " --config " : "",
           opt->config ? opt->config : "");
}

/* Puts the changes in place when containerd agrees; else all is as it was. */
static int
enable_changes(const struct containerd_options *opt, const char *program,
               const struct cd_changes *changes, const struct cd_want *want, struct err *err)
{
    struct err undo_err = {0};
    int r = cd_changes_apply(changes, err);

    if (r == 0)
        r = cd_program_check(program, config_path(opt), want, err);
    if (r < 0 && cd_changes_undo(changes, &undo_err) < 0)
        return err_wrap(err, r, "%s, after", undo_err.msg);
    return r;
}

static int
enable_files(const struct containerd_options *opt, const char *program, const struct cd_want *want,
             const struct cd_files *files, struct err *err)
{
    struct cd_changes changes = {0};
    int r = cd_changes_enable(files, want, &changes, err);

    if (r == 0 && !changes.n)
        printf("%s: nothing to change, containerd %d.%d is set up for Ross\n", files->main.path,
               want->major, want->minor);
    if (r == 0 && changes.n && !opt->dry_run)
        r = enable_changes(opt, program, &changes, want, err);
    if (r == 0 && changes.n) {
        printf("containerd %d.%d: %s\n", want->major, want->minor, program);
        show_changes(&changes, opt->dry_run);
        if (!opt->dry_run)
            show_next_steps(opt, files);
    }
    cd_changes_done(&changes);
    return r;
}

static int
enable_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct containerd_options *opt = options;
    auto_free char *content = xasprintf("%s/contentd-plugin.sock", s->state);
    auto_free char *snapshots = xasprintf("%s/snapshots", s->root);
    auto_free char *program = NULL, *platform = NULL;
    AUTO(oci_platform) host = {0};
    struct cd_files files = {0};
    struct cd_want want = {.snapshotter_address = s->snapshotter_address,
                           .content_address = content,
                           .snapshots_root = snapshots,
                           .content = opt->content,
                           .differ = opt->differ,
                           .cri = opt->cri,
                           .default_runtime = opt->default_runtime,
                           .default_snapshotter = opt->default_snapshotter};
    int r = check_quotable(s->snapshotter_address, err);

    (void) n_words;
    (void) words;
    platform_host(&host);
    platform = platform_format(&host);
    want.platform = platform;
    if (r == 0)
        r = check_quotable(content, err);
    if (r == 0)
        r = check_quotable(snapshots, err);
    if (r == 0)
        r = find_containerd(opt, &program, &want, err);
    if (r == 0)
        r = cd_files_read(config_path(opt), &files, err);
    if (r == 0)
        r = enable_files(opt, program, &want, &files, err);
    cd_files_done(&files);
    return r;
}

const struct command_row cmd_containerd_enable = {
    .path = "containerd enable",
    .synopsis = "[OPTION…]",
    .summary =
        "Writes Ross into containerd's configuration: snapshotter and runtime, more by options",
    .options = enable_rows,
    .n_options = ARRAY_LEN(enable_rows),
    .options_size = sizeof(struct containerd_options),
    .run = enable_run,
};

static int
disable_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    const struct containerd_options *opt = options;
    struct cd_changes changes = {0};
    struct cd_files files = {0};
    int r = cd_files_read(config_path(opt), &files, err);

    (void) s;
    (void) n_words;
    (void) words;
    if (r == 0)
        cd_changes_disable(&files, &changes);
    if (r == 0 && !opt->dry_run)
        r = cd_changes_apply(&changes, err);
    if (r == 0)
        show_changes(&changes, opt->dry_run);
    if (r == 0 && !changes.n)
        printf("%s: nothing of ross-cli is in it%s\n", config_path(opt),
               cd_files_are_configured(&files) ? "; what it says of Ross was written by hand" : "");
    else if (r == 0 && !opt->dry_run)
        printf("now run: " RESTART_CONTAINERD "\n");
    cd_changes_done(&changes);
    cd_files_done(&files);
    return r;
}

const struct command_row cmd_containerd_disable = {
    .path = "containerd disable",
    .synopsis = "[OPTION…]",
    .summary = "Takes what enable wrote out of containerd's configuration again",
    .options = disable_rows,
    .n_options = ARRAY_LEN(disable_rows),
    .options_size = sizeof(struct containerd_options),
    .run = disable_run,
};

/* ---- status ---- */

static void
put_row(struct json *rows, const char *item, bool fine, const char *state, const char *detail)
{
    struct json *row = json_new_object();

    json_set(row, "item", json_new_str(item));
    json_set(row, "state", json_new_str(state));
    json_set(row, "detail", json_new_str(detail));
    json_set(row, "fine", json_new_bool(fine));
    json_push(rows, row);
}

/* health: asks the health service, else for a version. */
static bool
put_socket(struct json *rows, const char *item, const char *address, bool health)
{
    struct call_ctx ctx = {.ns = "default", .deadline_ns = clock_mono_ns() + PROBE_TIMEOUT_NS};
    auto_free char *version = NULL, *revision = NULL;
    AUTO_PTR(rpc_channel) ch = NULL;
    struct err err = {0};
    int r = grpc_channel_open(address, &ch, &err);

    if (r == 0 && health)
        r = health_client_check(ch, &ctx, &err);
    else if (r == 0)
        r = version_client_get(ch, &ctx, &version, &revision, &err);
    put_row(rows, item, r == 0, r == 0 ? "answers" : "does not answer", r == 0 ? address : err.msg);
    return r == 0;
}

static bool
put_configuration(struct json *rows, const struct cd_files *files)
{
    bool enabled = cd_files_are_enabled(files), configured = cd_files_are_configured(files);

    put_row(rows, "configuration", configured,
            enabled      ? "enabled"
            : configured ? "written by hand"
                         : "not enabled",
            files->main.path);
    return configured;
}

static bool
put_programs(struct json *rows, const struct containerd_options *opt)
{
    auto_free char *program = NULL, *version = NULL, *shim = proc_find_program(SHIM_NAME);
    struct cd_want want = {0};
    struct err err = {0};
    int r = find_containerd(opt, &program, &want, &err);

    if (r == 0)
        version = xasprintf("version %d.%d", want.major, want.minor);
    put_row(rows, "containerd", r == 0, r == 0 ? version : "not found", r == 0 ? program : err.msg);
    put_row(rows, "shim", shim != NULL, shim ? "installed" : "not found",
            shim ? shim : "'" SHIM_NAME "' is not on the PATH");
    return r == 0 && shim;
}

static int
status_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    static const struct listing_column columns[] = {
        {"ITEM", "item", NULL},
        {"STATE", "state", NULL},
        {"DETAIL", "detail", NULL},
    };
    const struct containerd_options *opt = options;
    auto_free char *address = NULL;
    AUTO_PTR(json) rows = json_new_array();
    struct cd_files files = {0};
    bool fine;
    int r = cd_files_read(config_path(opt), &files, err);

    (void) n_words;
    (void) words;
    if (r < 0)
        return r;
    address = cd_files_address(&files);
    fine = put_configuration(rows, &files);
    fine = put_programs(rows, opt) && fine;
    fine = put_socket(rows, "containerd socket", address, false) && fine;
    fine = put_socket(rows, "snapshotter", s->snapshotter_address, true) && fine;
    cd_files_done(&files);
    r = listing_print(stdout, columns, ARRAY_LEN(columns), rows, opt->format, err);
    return r < 0 ? r : fine ? 0 : EXIT_NOT_WORKING;
}

const struct command_row cmd_containerd_status = {
    .path = "containerd status",
    .synopsis = "[OPTION…]",
    .summary =
        "Shows whether containerd is set up for Ross and the sockets answer (exit code 1: no)",
    .options = status_rows,
    .n_options = ARRAY_LEN(status_rows),
    .options_size = sizeof(struct containerd_options),
    .run = status_run,
};
