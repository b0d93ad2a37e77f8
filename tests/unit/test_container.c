/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/container.h"

#include "check.h"
#include "random.h"

#define ID  "1f2e3d4c5b6a79880123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define POD "pod7a1b3c5d-0000-4f4f-9999-0123456789ab"
/* systemd's cgroup driver has '_' for '-': a '-' would be a level of slices. */
#define POD_SLICE "kubepods-burstable-pod7a1b3c5d_0000_4f4f_9999_0123456789ab.slice"

static const struct {
	const char *path;
	const char *id; /* NULL: not a container */
} paths[] = {
	/* docker: cgroupfs driver, systemd driver, own parents, in docker */
	{ "/docker/" ID, ID },
	{ "/system.slice/docker-" ID ".scope", ID },
	{ "/docker.slice/docker-" ID ".scope", ID },
	{ "/docker/" ID "/system.slice/ssh.service", ID },
	{ "/docker/" ID2 "/docker/" ID, ID },
	{ "/system.slice/docker-" ID ".scope/init.scope", ID },
	{ "/../docker-" ID ".scope", ID }, /* seen from within a cgroup namespace */
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope", ID },
	{ "/actions_job/" ID, ID },
	{ "/ecs/0123456789abcdef0123456789abcdef/" ID, ID },
	{ "/ecs/task/" ID, ID },
	/* containerd: as moby, in its own namespaces, nerdctl */
	{ "/moby/" ID, ID },
	{ "/k8s.io/" ID, ID },
	{ "/system.slice/nerdctl-" ID ".scope", ID },
	/* kubernetes: cgroupfs, systemd, and one driver with the path of the other */
	{ "/kubepods/burstable/" POD "/" ID, ID },
	{ "/kubepods/" POD "/" ID, ID },
	{ "/kubelet/kubepods/besteffort/" POD "/" ID, ID },
	{ "/docker/" ID2 "/kubelet/kubepods/besteffort/" POD "/" ID, ID },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD_SLICE "/cri-containerd-" ID ".scope",
	  ID },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD_SLICE "/docker-" ID ".scope", ID },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD_SLICE "/crio-" ID ".scope", ID },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD_SLICE "/crio-" ID ".scope/container",
	  ID },
	{ "/kubepods/burstable/" POD "/crio-" ID, ID },
	{ "/system.slice/containerd.service/" POD_SLICE ":cri-containerd:" ID, ID },
	{ "/system.slice:docker:" ID, ID },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD_SLICE "/crio-conmon-" ID ".scope", NULL },
	{ "/kubepods.slice/kubepods-burstable.slice/" POD_SLICE, NULL },
	{ "/kubepods/burstable/" POD, NULL },
	/* podman */
	{ "/machine.slice/libpod-" ID ".scope", ID },
	{ "/machine.slice/libpod-" ID ".scope/container", ID },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container",
	  ID },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_" ID2
	  ".slice/libpod-" ID ".scope",
	  ID },
	{ "/libpod_parent/libpod-" ID, ID },
	{ "/system.slice/web.service/libpod-payload-" ID, ID },
	{ "/machine.slice/libpod-conmon-" ID ".scope", NULL },
	{ "/libpod_parent/conmon", NULL },
	/* systemd-nspawn; virtual machines are not containers */
	{ "/machine.slice/machine-web.scope", "web" },
	{ "/machine.slice/machine-web\\x2d1.scope/payload/init.scope", "web\\x2d1" },
	{ "/machine.slice/systemd-nspawn@web.service/payload", "web" },
	{ "/machine.slice/machine-web.scope/supervisor", NULL },
	{ "/machine.slice/systemd-nspawn@web.service/supervisor", NULL },
	{ "/machine.slice/machine-qemu\\x2d3\\x2dvm.scope/libvirt/vcpu0", NULL },
	{ "/machine.slice/machine-lxc\\x2d12\\x2dbox.scope", "lxc\\x2d12\\x2dbox" },
	{ "/machine.slice/machine-.scope", NULL },
	{ "/machine.slice", NULL },
	/* LXC, LXD, Proxmox */
	{ "/lxc/web", "web" },
	{ "/lxc/101/ns/system.slice/ssh.service", "101" },
	{ "/lxc.payload.web/system.slice/cron.service", "web" },
	{ "/lxc.payload/web", "web" },
	{ "/lxc.payload.web/docker/" ID, ID },
	{ "/lxc.monitor.web", NULL },
	{ "/lxc.monitor/web", NULL },
	{ "/lxc.payload.", NULL },
	{ "/lxc", NULL },
	{ "/lxc/", NULL },
	/* everything else */
	{ "/", NULL },
	{ "", NULL },
	{ "//", NULL },
	{ "docker", NULL },
	{ ID, NULL },
	{ "/system.slice/ssh.service", NULL },
	{ "/system.slice/docker.service", NULL },
	{ "/init.scope", NULL },
	{ "/user.slice/user-1000.slice/session-3.scope", NULL },
	{ "/user.slice/user-0.slice/user@0.service/app.slice/app-" ID ".scope", NULL },
	{ "/build/" ID, NULL }, /* 64 hex digits, but whose? */
	{ "/" ID, NULL },
	{ "/docker/buildkit", NULL },
	{ "/system.slice/docker-" ID "0.scope", NULL },
	{ "/system.slice/docker-0123456789ab.scope", NULL },
	{ "/docker/1F2E3D4C5B6A79880123456789ABCDEF0123456789abcdef0123456789abcdef", NULL },
	{ "/system.slice/notdocker-" ID ".scope", NULL },
	{ "/a:unknown:" ID, NULL },
	{ ":" ID, NULL },
};

static bool text_is(const char *text, size_t length, const char *expected)
{
	return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

static void test_paths(void)
{
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		size_t length = strlen(paths[i].path);
		const char *path = (const char *)check_guarded(paths[i].path, length);
		const char *id = "untouched";
		size_t id_length = 0;
		bool found = container_id(path, length, &id, &id_length);

		if (paths[i].id)
			CHECK(found && text_is(id, id_length, paths[i].id) && id >= path &&
			              id + id_length <= path + length,
			      "id in %s", paths[i].path);
		else
			CHECK(!found && strcmp(id, "untouched") == 0, "none in %s", paths[i].path);
	}
}

static const struct {
	const char *name;
	const char *text;
	const char *path; /* NULL: none */
	const char *id;
} texts[] = {
	{ "v2", "0::/system.slice/ssh.service\n", "/system.slice/ssh.service", NULL },
	{ "v2 without its LF", "0::/user.slice", "/user.slice", NULL },
	{ "v2, root", "0::/\n", "/", NULL },
	{ "v2, container", "0::/system.slice/docker-" ID ".scope\n",
	  "/system.slice/docker-" ID ".scope", ID },
	{ "removed", "0::/system.slice/docker-" ID ".scope (deleted)\n",
	  "/system.slice/docker-" ID ".scope", ID },
	{ "v1: systemd's line", "12:pids:/a\n1:name=systemd:/b\n", "/b", NULL },
	{ "v1: first that is not the root",
	  "9:name=systemd:/\n8:pids:/\n4:memory:/x/y\n3:cpuset:/z\n", "/x/y", NULL },
	{ "hybrid, v2 in use", "2:cpu:/cpu\n1:name=systemd:/old\n0::/new\n", "/new", NULL },
	{ "hybrid, v2 at its root", "2:cpu:/cpu\n1:name=systemd:/system.slice/x.service\n0::/\n",
	  "/system.slice/x.service", NULL },
	{ "hybrid, the runtime on v1 alone",
	  "4:memory:/docker/" ID "\n1:name=systemd:/docker/" ID
	  "\n0::/system.slice/containerd.service\n",
	  "/system.slice/containerd.service", ID },
	{ "all at the root", "2:cpu:/\n1:name=systemd:/\n0::/\n", "/", NULL },
	{ "colons in the path", "0::/a:b::c\n", "/a:b::c", NULL },
	{ "several controllers", "5:cpu,cpuacct:/lxc/c1\n", "/lxc/c1", "c1" },
	{ "outside of the namespace", "0::/../../x\n", "/../../x", NULL },
	{ "empty", "", NULL, NULL },
	{ "only an LF", "\n", NULL, NULL },
	{ "no path", "0::\n", NULL, NULL },
	{ "one colon", "0:x\n", NULL, NULL },
	{ "not a path", "0::x\n", NULL, NULL },
	{ "rubbish, then a line", "rubbish\n0::/x\n", "/x", NULL },
};

static void test_texts(void)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t length = strlen(texts[i].text), path_length = 0, id_length = 0;
		const char *text = (const char *)check_guarded(texts[i].text, length);
		const char *path = "untouched", *id = "untouched";
		bool found = container_cgroup_path(text, length, &path, &path_length);

		if (texts[i].path)
			CHECK(found && text_is(path, path_length, texts[i].path), "path: %s",
			      texts[i].name);
		else
			CHECK(!found && strcmp(path, "untouched") == 0, "no path: %s",
			      texts[i].name);
		found = container_find(text, length, &id, &id_length);
		if (texts[i].id)
			CHECK(found && text_is(id, id_length, texts[i].id), "id: %s",
			      texts[i].name);
		else
			CHECK(!found && strcmp(id, "untouched") == 0, "no id: %s", texts[i].name);
	}
}

/* Pieces that mean something, in any order: what is found lies inside, nothing is read beyond. */
static void test_random(struct random *random)
{
	static const char *const pieces[] = {
		"/",
		":",
		"\n",
		"0::",
		"1:name=systemd:",
		"docker",
		"docker-",
		ID,
		".scope",
		"lxc",
		"lxc.payload.",
		"machine-",
		"kubepods",
		"supervisor",
		" (deleted)",
		"cri-containerd",
		"x",
	};
	bool inside = true;

	for (int round = 0; round < 20000 && inside; round++) {
		char text[2048] = "";
		size_t length = 0, found_length;
		uint32_t count = random_below(random, 12);
		const char *found, *copy;

		for (uint32_t i = 0; i < count; i++) {
			const char *piece =
				pieces[random_below(random, sizeof pieces / sizeof *pieces)];

			length = (size_t)(stpcpy(text + length, piece) - text);
		}
		copy = text;
		if (container_cgroup_path(copy, length, &found, &found_length))
			inside &= found_length > 0 && found >= copy &&
			          found + found_length <= copy + length;
		if (container_find(copy, length, &found, &found_length))
			inside &= found_length > 0 && found >= copy &&
			          found + found_length <= copy + length;
		if (container_id(copy, length, &found, &found_length))
			inside &= found_length > 0 && found >= copy &&
			          found + found_length <= copy + length;
	}
	CHECK(inside, "what is found in random texts lies inside them");
}

int main(void)
{
	struct random random = random_begin();

	test_paths();
	test_texts();
	test_random(&random);
	return check_done();
}
