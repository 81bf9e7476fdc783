/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the Snapshots service ↔ values of the snapshots contract; conventions as in wire.h. */
#pragma once

#include "api/wire/wire.h"
#include "libross/contract/snapshots.h"

struct Containerd__Services__Snapshots__V1__Info;

struct Containerd__Services__Snapshots__V1__Info *
wire_snapshot_info_to(struct arena *a, const struct snapshot_info *i);
/* NULL gives a nameless one. */
int wire_snapshot_info_from(const struct Containerd__Services__Snapshots__V1__Info *m,
                            struct snapshot_info *ret, struct err *err);
