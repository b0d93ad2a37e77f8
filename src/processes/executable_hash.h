/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 of the file that a process runs. The file is reached through the process and
 * not by its path, which may lead elsewhere by now.
 */
#ifndef SOCKLINE_PROCESSES_EXECUTABLE_HASH_H
#define SOCKLINE_PROCESSES_EXECUTABLE_HASH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define EXECUTABLE_HASH_SIZE 32
#define EXECUTABLE_HASH_MAX  (INT64_C(512) << 20) /* bytes; a larger file has no hash */

/*
 * Which file, and with which content: a file that is written to gets another time of
 * change (st_ctime), which no program can set, whatever it makes of st_mtime.
 */
struct executable_identity {
	uint64_t device, inode, size;
	int64_t modified_ns, changed_ns;
};

/*
 * Opens the file that is executed below the directory /proc/PID, O_PATH: no byte is read
 * and no disk is waited for. The caller closes it. -ESTALE: it is not the executable (with
 * or without " (deleted)" in its link) that the caller knows the process by, so the process
 * has executed another since; -EFBIG; -ENOENT and -ESRCH: the process is gone; -EACCES.
 */
int executable_hash_open(int proc_pid, const char *executable,
                         struct executable_identity *identity);

/*
 * Reads the whole file and may wait for the disk. 0; -ESTALE: its content changed
 * meanwhile; -ECANCELED: *stop was set; or -errno.
 */
int executable_hash_read(int fd, const struct executable_identity *identity,
                         const atomic_bool *stop, uint8_t sha256[EXECUTABLE_HASH_SIZE]);

#endif
