/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the metadata services ↔ records; conventions as in wire.h. */
#pragma once

#include "api/wire/wire.h"

struct Containerd__Services__Images__V1__Image;
struct Containerd__Services__Containers__V1__Container;
struct Containerd__Services__Leases__V1__Lease;
struct Containerd__Services__Namespaces__V1__Namespace;

struct Containerd__Services__Images__V1__Image *wire_image_to(struct arena *a,
                                                              const struct image *i);
/* NULL is InvalidArgument, in all of these. */
int wire_image_from(const struct Containerd__Services__Images__V1__Image *m, struct image *ret,
                    struct err *err);

struct Containerd__Services__Containers__V1__Container *
wire_container_to(struct arena *a, const struct container *c);
int wire_container_from(const struct Containerd__Services__Containers__V1__Container *m,
                        struct container *ret, struct err *err);

struct Containerd__Services__Leases__V1__Lease *wire_lease_to(struct arena *a,
                                                              const struct lease *l);
int wire_lease_from(const struct Containerd__Services__Leases__V1__Lease *m, struct lease *ret,
                    struct err *err);

struct Containerd__Services__Namespaces__V1__Namespace *
wire_namespace_to(struct arena *a, const struct namespace_ *n);
int wire_namespace_from(const struct Containerd__Services__Namespaces__V1__Namespace *m,
                        struct namespace_ *ret, struct err *err);
