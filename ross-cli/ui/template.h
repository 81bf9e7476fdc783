/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts with {{…}} in them, the part of Go's templates that people of docker use with --format. Pure.
 *
 *   {{.A.B}}  {{.}}                 a field of a field; names count without case when none fits exactly
 *   {{json .A}}  {{len .A}}  {{upper .A}}  {{lower .A}}  {{index .A "key" 0}}  {{join .A ","}}
 *   {{.A | json}}                   the same with the value behind
 *   {{(index .A 0).B}}              a field of what is in brackets
 *   {{range .A}}…{{else}}…{{end}}   each item of an array, each value of an object
 *   {{range $k, $v := .A}}…{{end}}  with the number or name of each; {{$v.B}}; {{$.A}} is the whole's
 *   {{eq .A "x" "y"}}  {{ne .A "x"}}  {{and .A .B}}  {{or .A .B}}  {{not .A}}  {{println .A}}
 *   {{if .A}}…{{else}}…{{end}}      true, a number but 0, anything that is not empty
 *   {{"text"}}                      itself; "\t" and "\n" are also understood outside of {{}}
 */
#pragma once

#include <stdio.h>

#include "libross/json/json.h"

#define TEMPLATE_DEPTH_MAX 16

/* Nothing is printed when it fails. InvalidArgument naming the field that there is not, or what is malformed. */
int template_print(FILE *to, const char *text, const struct json *value, struct err *err);

/* The same, appended to `out`. */
int template_append(struct buf *out, const char *text, const struct json *value, struct err *err);
