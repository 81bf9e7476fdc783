/* SPDX-License-Identifier: Apache-2.0 */
/* containerd's configuration on disk: its file, what that imports, and putting a changed one in place. */
#pragma once

#include "cd_plan.h"

struct cd_file {
    char *path;
    char *text;  /* as it is; NULL = there is none */
    char *plain; /* without our parts; NULL = then there would be none */
    size_t parts;
};

struct cd_files {
    struct cd_file main;
    struct cd_file *imports;
    size_t n_imports;
    char *drop_in; /* a name of ours that main imports by a pattern, or NULL */
};

/* Reads all of them. A missing main file is fine. */
int cd_files_read(const char *path, struct cd_files *ret, struct err *err);
void cd_files_done(struct cd_files *f);
/* Whether one of them has parts of ours; whether one of them names a proxy plugin of ours. */
bool cd_files_are_enabled(const struct cd_files *f);
bool cd_files_are_configured(const struct cd_files *f);
/* The socket of containerd by the main file, or the default; malloc'ed. */
char *cd_files_address(const struct cd_files *f);

/* One file before and after; NULL = there is none. */
struct cd_change {
    char *path, *before, *after;
};

struct cd_changes {
    struct cd_change items[2]; /* the main file, ours */
    size_t n;
};

void cd_changes_done(struct cd_changes *c);
/* What enabling would change: only files whose text differs. */
int cd_changes_enable(const struct cd_files *f, const struct cd_want *want, struct cd_changes *ret,
                      struct err *err);
/* What taking all parts of ours away would change. */
void cd_changes_disable(const struct cd_files *f, struct cd_changes *ret);
/* Puts them in place, or back; durable, mode and owner are kept. */
int cd_changes_apply(const struct cd_changes *c, struct err *err);
int cd_changes_undo(const struct cd_changes *c, struct err *err);

/* `PROGRAM --version`. */
int cd_program_version(const char *program, int *ret_major, int *ret_minor, struct err *err);
/*
 * Whether containerd understands the file as we do: asks it for the configuration that comes out.
 * FailedPrecondition with its words, or with what is missing.
 */
int cd_program_check(const char *program, const char *path, const struct cd_want *want,
                     struct err *err);
