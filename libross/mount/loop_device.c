/* SPDX-License-Identifier: Apache-2.0 */
/* Image files as block devices. */
#include "loop_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "libross/base/fd.h"

#define TRIES_MAX 100 /* others take the device that was free a moment ago */

static int
configure(int device, int file, const char *name, bool read_only)
{
    struct loop_config config = {.fd = (uint32_t) file};
    size_t len = strlen(name);

    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
    if (len >= sizeof config.info.lo_file_name)
        len = sizeof config.info.lo_file_name - 1;
    memcpy(config.info.lo_file_name, name, len);
    return ioctl(device, LOOP_CONFIGURE, &config);
}

int
loop_device_open(const char *file, bool read_only, char path[static LOOP_DEVICE_PATH_MAX],
                 int *ret_fd, struct err *err)
{
    int mode = read_only ? O_RDONLY : O_RDWR, n;
    auto_close int control = -1, image = -1, device = -1;

    image = open(file, mode | O_CLOEXEC | O_NOCTTY);
    if (image < 0 && errno == ENOENT)
        return err_set(err, CODE_FAILED_PRECONDITION, "image file '%.256s' does not exist", file);
    if (image < 0)
        return err_sys(err, errno, "open image file '%.256s'", file);
    control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return err_sys(err, errno, "open /dev/loop-control");
    for (int i = 0; i < TRIES_MAX; i++) {
        n = ioctl(control, LOOP_CTL_GET_FREE);
        if (n < 0)
            return err_sys(err, errno, "find a free loop device");
        (void) snprintf(path, LOOP_DEVICE_PATH_MAX, "/dev/loop%d", n);
        device = open(path, mode | O_CLOEXEC);
        if (device < 0)
            return err_sys(err, errno, "open '%s'", path);
        if (configure(device, image, file, read_only) == 0) {
            *ret_fd = TAKE_FD(device);
            return 0;
        }
        if (errno != EBUSY)
            return err_sys(err, errno, "attach '%.256s' to '%s'", file, path);
        device = fd_close(device);
    }
    return err_set(err, CODE_RESOURCE_EXHAUSTED, "no loop device is free for '%.256s'", file);
}
