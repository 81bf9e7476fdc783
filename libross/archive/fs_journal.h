/* SPDX-License-Identifier: Apache-2.0 */
/* Filesystems whose metadata becomes durable in the order in which it was changed, by one journal. */
#pragma once

#include <stdbool.h>

#include "libross/base/err.h"

/*
 * True for the filesystem of fd when it keeps one journal, in itself, whose commits are in order: making the newest
 * change durable makes all earlier ones durable, of whatever file. That is ext3 and ext4 with their journal inside; not
 * XFS and btrfs, which commit file by file, nor ext4 without a journal or with one on another device. Costs a few
 * system calls; false whenever it cannot be told.
 */
bool fs_journal_is_ordered(int fd);

/*
 * On such a filesystem: all names, sizes, owners and other metadata as they are now are on stable storage, and the
 * device's cache is flushed, so that content whose writing has ended (sync_file_range with its waits) is as well. One
 * commit, whatever the number of files.
 *
 *   dir_fd  an O_RDONLY descriptor of a directory there that belongs to the caller; its ctime moves
 */
int fs_journal_commit(int dir_fd, struct err *err);
