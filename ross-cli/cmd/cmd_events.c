/* SPDX-License-Identifier: Apache-2.0 */
/* events: what happened to containers, images, networks and volumes. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "libross/base/clock.h"
#include "ross-cli/run/event_log.h"
#include "ross-cli/ui/listing.h"
#include "ross-cli/ui/template.h"
#include "time_word.h"

struct events_options {
    const char *since, *until, *format;
    struct strv filters;
};

#define EVENTS(member) offsetof(struct events_options, member)

static const struct option_row events_rows[] = {
    {.name = "since",
     .type = OPTION_STR,
     .offset = EVENTS(since),
     .arg = "TIME",
     .help = "also the past from there on: RFC 3339, seconds since 1970, or how long ago: 10m"},
    {.name = "until",
     .type = OPTION_STR,
     .offset = EVENTS(until),
     .arg = "TIME",
     .help = "end then, instead of waiting for more; 0s is now"},
    {.name = "filter",
     .letter = 'f',
     .type = OPTION_STRV,
     .offset = EVENTS(filters),
     .arg = "KEY=VALUE",
     .help = "only these: type, event, container, image, network, volume; several of one key are "
             "alternatives"},
    {.name = "format",
     .type = OPTION_STR,
     .offset = EVENTS(format),
     .arg = "FORMAT",
     .help = "json (one object a line) or a text with {{.action}}, {{.name}} …"},
};

/* The names that docker and podman have for the same. */
static void
add_their_names(struct json *event)
{
    struct json *actor = json_new_object(), *attributes, *old = json_find(event, "attributes");
    const char *time = json_str(json_find(event, "time")),
               *name = json_str(json_find(event, "name"));
    const char *image = json_str(json_find(event, "image")), *id = json_str(json_find(event, "id"));
    const char *action = json_str(json_find(event, "action"));
    int64_t at_ns = 0;

    attributes = json_is_object(old) ? json_clone(old) : json_new_object();
    if (name)
        json_set(attributes, "name", json_new_str(name));
    if (image && *image)
        json_set(attributes, "image", json_new_str(image));
    json_set(actor, "ID", json_new_str(id ? id : ""));
    json_set(actor, "Attributes", attributes);
    json_set(event, "Actor", actor);
    json_set(event, "status", json_new_str(action ? action : ""));
    if (time && clock_parse(time, &at_ns, NULL) == 0)
        json_set(event, "timeNano", json_new_int(at_ns));
}

static int
print_event(const char *text, void *arg, struct err *err)
{
    const struct events_options *opt = arg;
    AUTO_PTR(json) event = NULL;
    const char *form = opt->format;
    int r;

    r = json_parse(text, strlen(text), &event, err);
    if (r < 0)
        return r;
    add_their_names(event);
    if (form && (strcmp(form, "json") == 0 || strcmp(form, "{{json .}}") == 0)) {
        auto_free char *line = json_dump(event, NULL);

        r = fputs(line, stdout) < 0 ? err_set(err, CODE_ABORTED, "nobody reads any more") : 0;
    } else
        r = template_print(stdout,
                           form
                               ? form
                               : "{{.time}} {{.type}} {{.action}} {{.id}} (name={{.name}}, "
                                 "image={{.image}}{{if .attributes}}, {{json .attributes}}{{end}})",
                           event, err);
    if (r == 0 && (fputs("\n", stdout) < 0 || fflush(stdout) != 0))
        r = err_set(err, CODE_ABORTED, "nobody reads any more");
    return r;
}

static int
events_run(struct session *s, const void *options, int n_words, char **words, struct err *err)
{
    struct events_options opt = *(const struct events_options *) options;
    struct event_query q = {.since_ns = clock_now_ns(), .filters = opt.filters};
    int r = 0;

    (void) n_words;
    (void) words;
    if (opt.since)
        r = time_word_parse("--since", opt.since, &q.since_ns, err);
    if (r == 0 && opt.until)
        r = time_word_parse("--until", opt.until, &q.until_ns, err);
    return r < 0 ? r : event_read(s, &q, print_event, &opt, err);
}

const struct command_row cmd_events = {
    .path = "events",
    .synopsis = "[OPTION…]",
    .summary = "Shows what happens to containers, images, networks and volumes, as it happens",
    .options = events_rows,
    .n_options = ARRAY_LEN(events_rows),
    .options_size = sizeof(struct events_options),
    .run = events_run,
};
