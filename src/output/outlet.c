/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/outlet_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "output/file.h"
#include "output/frame.h"
#include "security/helper.h"

#define FLUSH_PENDING (256u << 10) /* twice what cat and most others read at a time */

/* The file is one that was just opened. */
static void begin_file(struct outlet *outlet)
{
	struct stat file;

	if (fstat(outlet->fd, &file) == 0)
		outlet->period =
			rotation_period(&outlet->options.rotation, &file, clock_realtime_ns());
}

static uint64_t broken_bytes(const struct file_state *state)
{
	return (uint64_t)(state->size - state->whole);
}

static int open_again(const struct outlet *outlet, struct file_state *state, struct error *error)
{
	const struct outlet_options *options = &outlet->options;
	int fd;

	if (!options->helper)
		return file_open(options->path, state, error);
	fd = helper_open_output(options->helper, &state->created, error);
	return fd < 0 ? fd : file_take(fd, options->path, state, error);
}

static int move(struct outlet *outlet, struct error *error)
{
	const struct outlet_options *options = &outlet->options;

	return options->helper
	               ? helper_move_output(options->helper, outlet->fd, error)
	               : rotation_move(&options->rotation, options->path, outlet->fd, error);
}

static void undo_move(const struct outlet *outlet)
{
	if (outlet->options.helper)
		helper_undo_output(outlet->options.helper);
	else
		rotation_undo(outlet->options.path);
}

static int open_next(struct outlet *outlet, struct error *error)
{
	struct file_state state = { 0 };
	int fd = open_again(outlet, &state, error), result;

	if (fd < 0)
		return fd;
	result = sink_switch_fd(outlet->sink, fd, error);
	if (result != 0) {
		close(fd);
		return result;
	}
	sink_cut_first(outlet->sink, &state);
	close(outlet->fd);
	outlet->fd = fd;
	outlet->changes.opened++;
	outlet->changes.repaired += broken_bytes(&state);
	begin_file(outlet);
	return 0;
}

static void rotate(struct outlet *outlet)
{
	struct outlet_changes *changes = &outlet->changes;
	const char *path = outlet->options.path;
	int result = sink_cut(outlet->sink);

	if (result < 0)
		error_set(&changes->error, -result, "cannot repair %s: %s", path,
		          strerror(-result));
	else
		result = move(outlet, &changes->error);
	if (result == -EAGAIN) /* another process has the file moved when it is looked at again */
		return;
	if (result == 0) {
		result = open_next(outlet, &changes->error);
		if (result != 0)
			undo_move(outlet);
	}
	if (result != 0) {
		changes->failed++;
		outlet->rotate_at_ns = clock_monotonic_ns() + NS_PER_SECOND;
	}
}

static bool is_due(const struct outlet *outlet, size_t length, struct stat *file)
{
	return !(outlet->options.helper && helper_has_ended(outlet->options.helper)) &&
	       fstat(outlet->fd, file) == 0 &&
	       rotation_is_due(&outlet->options.rotation, file, outlet->period, length,
	                       clock_realtime_ns()) &&
	       clock_monotonic_ns() >= outlet->rotate_at_ns;
}

/* See sink_on_write(). */
static size_t on_write(void *context, size_t least)
{
	struct outlet *outlet = context;
	uint64_t size = outlet->options.rotation.size, used;
	struct stat file;

	if (is_due(outlet, least, &file))
		rotate(outlet);
	if (size == 0 || fstat(outlet->fd, &file) != 0)
		return SIZE_MAX;
	used = (uint64_t)file.st_size;
	return used + least < size ? (size_t)(size - used) : least;
}

static void flush(struct outlet *outlet)
{
	sink_flush(outlet->sink);
	outlet->full = outlet->source && sink_pending(outlet->sink) > 0;
}

static void on_ready(void *context, uint32_t events)
{
	struct outlet *outlet = context;

	if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP) && !sink_is_absent(outlet->sink))
		sink_check(outlet->sink);
	else
		flush(outlet);
}

int outlet_watch(struct outlet *outlet, int fd, uint32_t events)
{
	outlet->source = loop_add_fd(outlet->loop, fd, events, on_ready, outlet);
	outlet->events = events;
	return outlet->source ? 0 : -errno;
}

/* "fd:N" -> N; -EINVAL. */
static int number_of(const char *path, struct error *error)
{
	const char *number = path + strlen(OUTLET_DESCRIPTOR);
	long long fd = -1;

	if (strspn(number, "0123456789") == strlen(number) && number[0] != '\0')
		fd = strtoll(number, NULL, 10); /* LLONG_MAX when it is too large */
	return fd < 0 || fd > INT_MAX
	               ? error_set(error, EINVAL, "-o %s: not the number of a descriptor", path)
	               : (int)fd;
}

/* ... which is open for writing; -EINVAL. */
static int descriptor_of(const char *path, struct error *error)
{
	int fd = number_of(path, error), flags;

	if (fd < 0)
		return fd;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return error_set(error, EINVAL, "-o %s is not open for writing", path);
	return fd;
}

static bool is_descriptor(const char *path)
{
	return strncmp(path, OUTLET_DESCRIPTOR, strlen(OUTLET_DESCRIPTOR)) == 0;
}

int outlet_check(const char *path, struct error *error)
{
	int result = 0;

	if (is_descriptor(path))
		result = number_of(path, error);
	else if (peer_is_address(path))
		result = peer_check(path, error);
	return result < 0 ? -EINVAL : 0;
}

bool outlet_is_file(const char *path)
{
	return path && !is_descriptor(path) && !peer_is_address(path);
}

static int open_descriptor(struct outlet *outlet, struct file_state *state, struct error *error)
{
	const char *path = outlet->options.path;

	if (!path)
		return STDOUT_FILENO;
	if (outlet->options.blocks)
		return outlet->fd = file_open_capture(path, &state->created, error);
	if (is_descriptor(path))
		return descriptor_of(path, error);
	outlet->compressed = file_is_compressed(path);
	return outlet->fd = file_open(path, state, error);
}

static int open_sink(struct outlet *outlet, uint64_t *repaired, struct error *error)
{
	const struct outlet_options *options = &outlet->options;
	struct file_state state = { 0 };
	int result, fd = open_descriptor(outlet, &state, error);

	if (fd < 0)
		return fd;
	outlet->created = state.created;
	outlet->gathers = outlet->compressed || options->blocks;
	result = sink_new(&outlet->sink, fd, options->capacity, error);
	if (result == 0 && options->blocks)
		sink_take_blocks(outlet->sink);
	if (result == 0)
		sink_cut_first(outlet->sink, &state);
	if (repaired)
		*repaired = broken_bytes(&state);
	if (result == 0 && outlet->fd >= 0 && rotation_is_wanted(&options->rotation)) {
		begin_file(outlet);
		sink_on_write(outlet->sink, on_write, outlet);
	}
	if (result == 0 && outlet->compressed &&
	    sink_compress(outlet->sink, options->compress_level) != 0)
		result = error_set(error, ENOMEM, "no memory for compression");
	if (result != 0 || sink_fd(outlet->sink) < 0)
		return result;
	/* EPOLLERR and EPOLLHUP always come: the reader that goes away is noticed when idle too. */
	result = outlet_watch(outlet, sink_fd(outlet->sink), 0);
	return result == 0 || result == -EPERM
	               ? 0
	               : error_set(error, -result, "epoll: %s", strerror(-result));
}

int outlet_new(struct outlet **result, struct loop *loop, const struct outlet_options *options,
               uint64_t *repaired, struct error *error)
{
	struct outlet *outlet = calloc(1, sizeof *outlet);
	int code;

	if (!outlet)
		return error_set(error, ENOMEM, "out of memory");
	outlet->options = *options;
	outlet->fd = -1;
	outlet->loop = loop;
	code = options->path && !options->blocks && peer_is_address(options->path)
	               ? outlet_open_peer(outlet, error)
	               : open_sink(outlet, repaired, error);
	if (code != 0) {
		outlet_discard(outlet);
		outlet_free(outlet);
		return code;
	}
	*result = outlet;
	return 0;
}

void outlet_discard(struct outlet *outlet)
{
	if (outlet && outlet->fd >= 0 && outlet->created)
		file_discard(outlet->options.path, outlet->fd);
}

int outlet_begin_anew(struct outlet *outlet, struct error *error)
{
	if (outlet->fd >= 0 && ftruncate(outlet->fd, 0) < 0)
		return error_set(error, errno, "cannot empty %s: %s", outlet->options.path,
		                 strerror(errno));
	return 0;
}

void outlet_free(struct outlet *outlet)
{
	if (!outlet)
		return;
	loop_remove(outlet->source);
	sink_free(outlet->sink);
	peer_free(outlet->peer);
	if (outlet->fd >= 0)
		close(outlet->fd);
	free(outlet);
}

struct sink *outlet_sink(struct outlet *outlet)
{
	return outlet->sink;
}

static size_t pending_max(const struct outlet *outlet)
{
	return outlet->compressed ? FRAME_LINES_MAX : FLUSH_PENDING;
}

enum sink_state outlet_turn(struct outlet *outlet, bool busy)
{
	int64_t now = clock_monotonic_ns();
	bool may_wait = busy || outlet->gathers;
	struct stat file;
	uint32_t events;

	if (!outlet->full && (!may_wait || sink_pending(outlet->sink) >= pending_max(outlet) ||
	                      now - outlet->flushed_ns >= outlet->options.flush_interval_ns)) {
		if (outlet->peer)
			outlet_keep_unread(outlet);
		flush(outlet);
		outlet->flushed_ns = now;
	}
	if (outlet->fd >= 0 && outlet->options.rotation.interval_ns > 0 && is_due(outlet, 0, &file))
		rotate(outlet);
	events = outlet->full || sink_is_absent(outlet->sink) ? EPOLLOUT : 0;
	events |= outlet->peer ? EPOLLRDHUP : 0;
	if (outlet->source && events != outlet->events) {
		outlet->events = events;
		loop_modify(outlet->source, events);
	}
	return sink_get_state(outlet->sink);
}

/* To the end of the file's interval; -1 = it has none. */
static int64_t rotation_timeout_ns(const struct outlet *outlet)
{
	int64_t interval_ns = outlet->options.rotation.interval_ns, left_ns;

	if (outlet->fd < 0 || interval_ns == 0)
		return -1;
	left_ns = (outlet->period + 1) * interval_ns - clock_realtime_ns();
	/* It is over: the file is empty, or could not be moved. */
	return left_ns > 0 ? left_ns : NS_PER_SECOND;
}

int64_t outlet_timeout_ns(const struct outlet *outlet)
{
	int64_t left_ns =
		outlet->flushed_ns + outlet->options.flush_interval_ns - clock_monotonic_ns();
	int64_t interval_left_ns = rotation_timeout_ns(outlet);

	if (outlet->peer)
		return outlet_peer_timeout_ns(outlet);
	if (!outlet->gathers || sink_pending(outlet->sink) == 0)
		return interval_left_ns;
	if (interval_left_ns >= 0 && interval_left_ns < left_ns)
		return interval_left_ns;
	return left_ns > 0 ? left_ns : 0;
}

bool outlet_is_late(const struct outlet *outlet)
{
	return !outlet->gathers && !sink_is_absent(outlet->sink) && sink_pending(outlet->sink) > 0;
}

int outlet_reopen(struct outlet *outlet, uint64_t *repaired, struct error *error)
{
	struct file_state state = { 0 };
	int fd, result;

	if (outlet->fd < 0)
		return 0;
	fd = open_again(outlet, &state, error);
	if (fd < 0)
		return fd;
	result = sink_replace_fd(outlet->sink, fd, clock_monotonic_ns() + NS_PER_SECOND, error);
	if (result != 0) {
		close(fd);
		return result;
	}
	sink_cut_first(outlet->sink, &state);
	*repaired = broken_bytes(&state);
	close(outlet->fd);
	outlet->fd = fd;
	begin_file(outlet);
	return 0;
}

bool outlet_take_changes(struct outlet *outlet, struct outlet_changes *changes)
{
	*changes = outlet->changes;
	outlet->changes = (struct outlet_changes){ 0 };
	return changes->opened > 0 || changes->failed > 0;
}
