/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the threads of a pull write how far they are, and the calling thread reads it to tell the user. States are
 * told at once, mere bytes ten times a second.
 */
#pragma once

#include "ross-cli/pull/pull.h"

struct board;

struct board *board_new(const char *name);
void board_free(struct board *b);

/* Any thread. */
void board_image(struct board *b, enum pull_state state);
void board_layers(struct board *b, const struct oci_desc *layers, size_t n); /* once; copies */
void board_layer(struct board *b, size_t i, enum pull_state state);
void board_bytes(struct board *b, size_t i, int64_t done);
void board_end(struct board *b); /* nothing more will come */

/*
 * Until board_end: calls fn (may be NULL) for what changed, and on_cancel once when *cancelled (may be NULL) is
 * set, which is looked at ten times a second.
 */
void board_pump(struct board *b, pull_event_fn fn, void *arg, const atomic_bool *cancelled,
                void (*on_cancel)(void *arg), void *cancel_arg);
