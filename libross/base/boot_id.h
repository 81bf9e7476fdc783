/* SPDX-License-Identifier: Apache-2.0 */
/* Which start of the machine this is: what was noted with another one is from before a reboot. */
#pragma once

struct err;

#define BOOT_ID_BYTES 64 /* the kernel's has 36 characters */

/* The kernel's id of this boot, without the newline, into ret; "" there and the error when it cannot be read. */
int boot_id_read(char ret[static BOOT_ID_BYTES], struct err *err);
