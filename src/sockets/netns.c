/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t number_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? (uint32_t)status.st_ino : 0;
}

uint32_t netns_self(void)
{
	struct stat status;

	return stat("/proc/thread-self/ns/net", &status) == 0 ? (uint32_t)status.st_ino : 0;
}

bool netns_may_enter(void)
{
	int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	bool may = own >= 0 && setns(own, CLONE_NEWNET) == 0;

	if (own >= 0)
		close(own);
	return may;
}

int netns_open_path(const char *path, uint32_t *number, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return error_set(error, errno, "%s: %s", path, strerror(errno));
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return error_set(error, EINVAL, "%s: not a network namespace", path);
	}
	*number = number_of(fd);
	return fd;
}

uint32_t netns_owner(int fd)
{
	int user_namespace = ioctl(fd, NS_GET_USERNS);
	uid_t uid = 0;

	if (user_namespace < 0)
		return 0;
	if (ioctl(user_namespace, NS_GET_OWNER_UID, &uid) != 0)
		uid = 0;
	close(user_namespace);
	return uid;
}

int netns_of_socket(int socket)
{
	int fd = ioctl(socket, SIOCGSKNS);

	return fd >= 0 ? fd : -errno;
}

struct seen {
	uint32_t *numbers;
	size_t count, capacity;
};

/* True when the number is new. Few namespaces, many processes: a linear search does. */
static bool add(struct seen *seen, uint32_t number)
{
	for (size_t i = seen->count; i-- > 0;)
		if (seen->numbers[i] == number)
			return false;
	if (seen->count == seen->capacity) {
		size_t capacity = seen->capacity ? 2 * seen->capacity : 16;
		uint32_t *grown = realloc(seen->numbers, capacity * sizeof *grown);

		if (!grown)
			return false;
		seen->numbers = grown;
		seen->capacity = capacity;
	}
	seen->numbers[seen->count++] = number;
	return true;
}

static void offer(struct seen *seen, const char *path, netns_callback *callback, void *context)
{
	struct stat status;

	if (stat(path, &status) == 0 && add(seen, (uint32_t)status.st_ino))
		callback(context, (uint32_t)status.st_ino, path);
}

/* Files that are bind mounts of namespaces; what else lies there fails to open as one. */
static void each_in(const char *folder, struct seen *seen, netns_callback *callback, void *context)
{
	DIR *names = opendir(folder);
	struct dirent *entry;
	char path[PATH_MAX];

	if (!names)
		return;
	while ((entry = readdir(names))) {
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.')
			offer(seen, path, callback, context);
	}
	closedir(names);
}

int netns_each(netns_callback *callback, void *context)
{
	DIR *proc = opendir("/proc");
	struct seen seen = { 0 };
	struct dirent *entry;
	char path[48];

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		int pid = (int)strtol(entry->d_name, NULL, 10);

		snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
		if (pid > 0)
			offer(&seen, path, callback, context);
	}
	closedir(proc);
	each_in("/run/netns", &seen, callback, context);
	each_in("/run/docker/netns", &seen, callback, context);
	free(seen.numbers);
	return 0;
}

void netns_each_named(netns_callback *callback, void *context)
{
	struct seen seen = { 0 };

	each_in("/run/netns", &seen, callback, context);
	each_in("/run/docker/netns", &seen, callback, context);
	free(seen.numbers);
}

/* "  lo: 90 1 0 0 0 0 0 0 90 1 0 ...": bytes and packets received, six more, the same of sent. */
static uint64_t count_line(const char *line)
{
	enum { RECEIVED = 1, SENT = 9, NUMBERS };
	unsigned long long numbers[NUMBERS];
	const char *at = strrchr(line, ':');
	char *end;

	if (!at)
		return 0;
	at++;
	for (int i = 0; i < NUMBERS; i++, at = end) {
		numbers[i] = strtoull(at, &end, 10);
		if (end == at)
			return 0;
	}
	return strstr(line, " lo:") ? numbers[RECEIVED] : numbers[RECEIVED] + numbers[SENT];
}

uint64_t netns_count_packets(void)
{
	int fd = netns_open_net(NETNS_NET_DIR, "dev");
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	uint64_t count = 0;
	char line[512];

	while (file && fgets(line, sizeof line, file))
		count += count_line(line);
	if (file)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	return count;
}
