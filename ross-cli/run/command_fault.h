/* SPDX-License-Identifier: Apache-2.0 */
/* Whose fault it is that a process could not be started. */
#pragma once

/* 126 or 127 when the runtime's words say that the command is at fault, as docker has them, else 0. */
int command_fault(const char *text);
