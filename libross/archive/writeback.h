/* SPDX-License-Identifier: Apache-2.0 */
/* Files that start on their way to the disk as soon as they are complete, while others are still being made. */
#pragma once

#include "libross/base/mem.h"

struct writeback;

struct writeback *writeback_new(void);
/* Takes fd, whose file is complete; closes it when its writing has begun. Waits while too many are in line. */
void writeback_add(struct writeback *w, int fd);
/* Waits until all were begun. NULL is fine. */
void writeback_free(struct writeback *w);
DEFINE_AUTO_PTR(writeback)
