/* SPDX-License-Identifier: Apache-2.0 */
#include "ross-cli/images/image_remove.h"

#include "api/client/records_client.h"
#include "ross-cli/images/image_describe.h"
#include "ross-cli/run/event_log.h"

int
image_untag(struct session *s, const struct image *image, bool last, bool sync, struct err *err)
{
    struct rpc_channel *ch;
    int r = session_contentd(s, &ch, err);

    if (r == 0)
        r = images_client_delete(ch, &s->ctx, image->name, sync, err);
    if (r < 0)
        return r;
    event_image(s, image->name, &image->target.digest, "untag");
    if (last)
        event_image(s, image->name, &image->target.digest, "delete");
    return 0;
}

int
image_remove(struct session *s, const struct image *image, bool sync, struct err *err)
{
    AUTO(strv) names = {0};
    int r = image_names(s, image, &names, err);

    return r < 0 ? r : image_untag(s, image, names.n <= 1, sync, err);
}
