/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/executable_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "check.h"
#include "fake_proc.h"

#define EXE  "1/exe"
#define ROOT "1/root"

static const atomic_bool go;
static const atomic_bool halt = true;

static int folder(void)
{
	char path[PATH_MAX];
	int fd;

	fake_path(path, sizeof path, EXE);
	*strrchr(path, '/') = '\0';
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fake_fail(path);
	return fd;
}

static bool is_hex(const uint8_t *sha256, const char *hex)
{
	char text[2 * EXECUTABLE_HASH_SIZE + 1];

	for (int i = 0; i < EXECUTABLE_HASH_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", sha256[i]);
	return strcmp(text, hex) == 0;
}

/* Published vectors (FIPS 180-2): the empty text and "abc". */
static void check_vectors(void)
{
	static const char abc[] =
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static const char none[] =
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	struct executable_identity identity, again;
	uint8_t sha256[EXECUTABLE_HASH_SIZE];
	char path[PATH_MAX], other[PATH_MAX];
	int dir, fd, again_fd;

	fake_put("program", "abc");
	fake_path(path, sizeof path, "program");
	fake_link(EXE, path);
	dir = folder();
	fd = executable_hash_open(dir, path, &identity);
	CHECK(fd >= 0 && identity.size == 3, "the program is opened");
	CHECK(executable_hash_read(fd, &identity, &go, sha256) == 0 && is_hex(sha256, abc),
	      "its hash is that of its content");
	CHECK(executable_hash_read(fd, &identity, &halt, sha256) == -ECANCELED,
	      "it ends when it is to stop");
	CHECK(executable_hash_open(dir, "/usr/bin/other", &again) == -ESTALE,
	      "another program than the one that is known has no hash");
	CHECK(executable_hash_open(dir, path + strlen(fake_proc), &again) == -ESTALE,
	      "nor a path that ends like it");
	fake_link(ROOT, fake_proc);
	again_fd = executable_hash_open(dir, path + strlen(fake_proc), &again);
	CHECK(again_fd >= 0 && memcmp(&again, &identity, sizeof again) == 0,
	      "the path below the root directory of the process is the same program");
	close(again_fd);
	fake_path(other, sizeof other, "other");
	unlink(other);
	CHECK(rename(path, other) == 0, "the program is moved away");
	fake_put("program", "not abc");
	CHECK(executable_hash_read(fd, &identity, &go, sha256) == -ESTALE,
	      "a file that was touched since (its time of change is new) is not taken for the "
	      "same");
	close(fd);
	fd = executable_hash_open(dir, path, &again);
	CHECK(fd >= 0 && memcmp(&again, &identity, sizeof again) != 0,
	      "what stands at the path now is another file");
	close(fd);
	unlink(path);
	fake_put("program", "");
	fd = executable_hash_open(dir, path, &identity);
	CHECK(fd >= 0 && executable_hash_read(fd, &identity, &go, sha256) == 0 &&
	              is_hex(sha256, none),
	      "an empty file has a hash, too");
	close(fd);
	close(dir);
}

static void check_refused(void)
{
	struct executable_identity identity;
	char path[PATH_MAX];
	int dir = folder(), fd;

	fake_path(path, sizeof path, "large");
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, EXECUTABLE_HASH_MAX + 1) != 0)
		fake_fail(path);
	close(fd);
	fake_link(EXE, path);
	CHECK(executable_hash_open(dir, path, &identity) == -EFBIG, "a file that is too large");
	fake_path(path, sizeof path, "pipe");
	mkfifo(path, 0600);
	fake_link(EXE, path);
	CHECK(executable_hash_open(dir, path, &identity) == -EINVAL, "what is no file");
	fake_remove(EXE);
	CHECK(executable_hash_open(dir, path, &identity) == -ENOENT, "a process that is gone");
	close(dir);
}

/* A program whose file is deleted while it runs. */
static void check_deleted(void)
{
	struct executable_identity identity;
	uint8_t before[EXECUTABLE_HASH_SIZE], after[EXECUTABLE_HASH_SIZE];
	char command[2 * PATH_MAX], path[PATH_MAX], proc[32];
	int ends[2], dir, fd;
	pid_t child;

	fake_path(path, sizeof path, "cat");
	snprintf(command, sizeof command, "cp /bin/cat %s", path);
	if (system(command) != 0 || pipe(ends) != 0)
		fake_fail(path);
	child = fork();
	if (child == 0) {
		dup2(ends[0], 0);
		close(ends[1]);
		execl(path, "cat", (char *)NULL);
		_exit(1);
	}
	close(ends[0]);
	snprintf(proc, sizeof proc, "/proc/%d", (int)child);
	dir = open(proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = -ESTALE;
	for (int tries = 0; tries < 2000 && fd == -ESTALE; tries++) { /* until it has executed */
		usleep(1000);
		fd = executable_hash_open(dir, path, &identity);
	}
	CHECK(fd >= 0 && executable_hash_read(fd, &identity, &go, before) == 0,
	      "a process has a hash as soon as it runs the program");
	close(fd);
	unlink(path);
	fd = executable_hash_open(dir, path, &identity);
	CHECK(fd >= 0 && executable_hash_read(fd, &identity, &go, after) == 0 &&
	              memcmp(before, after, sizeof after) == 0,
	      "when its file is deleted, still the same");
	close(fd);
	close(dir);
	close(ends[1]);
	waitpid(child, NULL, 0);
}

int main(void)
{
	fake_begin();
	check_vectors();
	check_refused();
	check_deleted();
	fake_remove("");
	return check_done();
}
