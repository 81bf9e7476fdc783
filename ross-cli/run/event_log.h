/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened to containers, images, networks and volumes, as those who did it wrote it down: ROOT/events/NS.jsonl,
 * one object a line:
 *
 *   {"time":"RFC 3339","type":"container","action":"start","id":"…","name":"…","image":"…","attributes":{…}}
 *
 * Types and actions are docker's:
 *
 *   container  create start die kill stop restart pause unpause attach rename update commit destroy
 *              exec_create exec_start exec_die
 *   image      pull push tag untag delete load import save
 *   network    create connect disconnect destroy
 *   volume     create mount unmount destroy
 *
 * Without a daemon there is nobody else to ask. Lines are appended with one write each; a file of EVENT_LOG_MAX bytes
 * becomes NS.jsonl.1, and the one before it goes. An event that cannot be written is lost: it does not stop what it
 * tells of.
 */
#pragma once

#include "libross/contract/records.h"
#include "ross-cli/session/session.h"

#define EVENT_LOG_MAX (4 * 1024 * 1024)

/* key NULL = no attribute */
void event_container(const struct session *s, const struct container *c, const char *action,
                     const char *key, uint32_t value);
/* Its task has started or ended: also the networks that it joins or leaves, and the volumes it has. */
void event_container_start(const struct session *s, const struct container *c);
void event_container_die(const struct session *s, const struct container *c, uint32_t exit_code);
/* exit_code: of "exec_die", else NULL */
void event_exec(const struct session *s, const struct container *c, const char *action,
                const char *exec_id, const uint32_t *exit_code);
/* target: what the name stands for; NULL = not known */
void event_image(const struct session *s, const char *name, const struct digest *target,
                 const char *action);
/* c: who joins or leaves, else NULL */
void event_network(const struct session *s, const char *network, const char *action,
                   const struct container *c);
void event_volume(const struct session *s, const char *volume, const char *action);

struct event_query {
    int64_t since_ns, until_ns; /* 0 = what is new from now on; 0 = for ever */
    struct strv
        filters; /* "type=container", "event=die", "container=NAME", "network=NAME" …; of one key any fits */
};
/* text: the whole line, without its end. Negative ends the reading. */
typedef int (*event_fn)(const char *text, void *arg, struct err *err);
/*
 * The past from since_ns on, then what comes, until until_ns. InvalidArgument for an unknown filter.
 */
int event_read(const struct session *s, const struct event_query *q, event_fn fn, void *arg,
               struct err *err);
