/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the content contract. */
#include "content.h"

void
content_info_done(struct content_info *i)
{
    labels_done(&i->labels);
    *i = (struct content_info){0};
}

void
ingest_status_done(struct ingest_status *s)
{
    free(s->ref);
    *s = (struct ingest_status){0};
}
