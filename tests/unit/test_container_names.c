/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/container_names.h"

#include <sys/stat.h>

#include "check.h"
#include "fake_proc.h"
#include "random.h"

#define ID    "1f2e3d4c5b6a79880123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define OCI                                                                                        \
	"{\"ociVersion\":\"1.1.0\",\"process\":{\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"/bin/"  \
	"sh\"],"                                                                                   \
	"\"env\":[\"PATH=/usr/bin\",\"PASSWORD=hunter2\"],\"cwd\":\"/"                             \
	"\"},\"root\":{\"path\":\"rootfs\"},"                                                      \
	"\"hostname\":\"web-7d9\",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"}],"

/* Shortened from files of docker 26, containerd 1.7, nerdctl 1.7, CRI-O 1.30 and podman 4.9. */
static const char docker[] =
	"{\"StreamConfig\":{},\"State\":{\"Running\":true,\"Pid\":4242,\"ExitCode\":0},\"ID\":\"" ID
	"\",\"Created\":\"2026-11-22T10:11:12.123456789Z\",\"Path\":\"/"
	"docker-entrypoint.sh\",\"Args\":"
	"[\"nginx\"],\"Config\":{\"Hostname\":\"1f2e3d4c5b6a\",\"Env\":[\"TOKEN=hunter2\"],"
	"\"Image\":"
	"\"nginx:1.27\",\"Labels\":{\"maintainer\":\"NGINX\"}},\"Image\":\"sha256:abc\",\"Name\":"
	"\"/web\",\"Driver\":\"overlay2\",\"RestartCount\":0}";
static const char dockershim[] =
	"{\"ID\":\"" ID "\",\"Config\":{\"Image\":\"sha256:0123\",\"Labels\":{"
	"\"io.kubernetes.container.name\":\"web\",\"io.kubernetes.pod.name\":\"web-7d9\","
	"\"io.kubernetes.pod.namespace\":\"shop\"}},\"Name\":\"/k8s_web_web-7d9_shop_0\"}";
static const char containerd[] = OCI
	"\"annotations\":{\"io.kubernetes.cri.container-name\":\"web\","
	"\"io.kubernetes.cri.container-type\":\"container\",\"io.kubernetes.cri.image-name\":"
	"\"docker.io/library/nginx:1.27\",\"io.kubernetes.cri.sandbox-id\":\"" OTHER "\","
	"\"io.kubernetes.cri.sandbox-name\":\"web-7d9\",\"io.kubernetes.cri.sandbox-namespace\":"
	"\"shop\"},\"linux\":{}}";
static const char sandbox[] =
	OCI "\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
	    "\"io.kubernetes.cri.sandbox-id\":\"" ID
	    "\",\"io.kubernetes.cri.sandbox-name\":\"web-7d9\","
	    "\"io.kubernetes.cri.sandbox-namespace\":\"shop\"},\"linux\":{}}";
static const char nerdctl[] = OCI "\"annotations\":{\"nerdctl/name\":\"web\",\"nerdctl/namespace\":"
				  "\"default\"},\"linux\":{}}";
static const char moby[] = OCI "\"linux\":{\"cgroupsPath\":\"system.slice:docker:" ID "\"}}";
static const char crio[] = OCI
	"\"annotations\":{\"io.kubernetes.cri-o.ContainerType\":\"container\","
	"\"io.kubernetes.cri-o.ImageName\":\"quay.io/shop/web:3\",\"io.kubernetes.container.name\":"
	"\"web\",\"io.kubernetes.pod.name\":\"web-7d9\",\"io.kubernetes.pod.namespace\":\"shop\"}}";
static const char podman[] =
	"[{\"id\":\"" OTHER "\",\"names\":[\"db\"],\"image\":\"99\",\"layer\":\"98\",\"metadata\":"
	"\"{\\\"image-name\\\":\\\"docker.io/library/postgres:17\\\",\\\"name\\\":\\\"db\\\"}\"},"
	"{\"id\":\"" ID "\",\"names\":[\"web\"],\"image\":\"97\",\"layer\":\"96\",\"metadata\":"
	"\"{\\\"image-name\\\":\\\"docker.io/library/nginx:1.27\\\",\\\"image-id\\\":\\\"97\\\","
	"\\\"name\\\":\\\"web\\\",\\\"created-at\\\":1732270272}\",\"created\":"
	"\"2026-11-22T10:11:12Z\",\"flags\":{\"MountLabel\":\"\"}}]";
static const char podman_bare[] = "[{\"id\":\"" ID "\",\"names\":[\"web\"]}]";

static const struct {
	const char *what;
	enum container_names_format format;
	const char *text;
	const char *name, *image, *runtime, *namespace, *pod;
} files[] = {
	{ "docker", CONTAINER_NAMES_DOCKER, docker, "web", "nginx:1.27", "docker", NULL, NULL },
	{ "docker under Kubernetes", CONTAINER_NAMES_DOCKER, dockershim, "web", "sha256:0123",
	  "docker", "shop", "web-7d9" },
	{ "containerd", CONTAINER_NAMES_CONTAINERD, containerd, "web",
	  "docker.io/library/nginx:1.27", "containerd", "shop", "web-7d9" },
	{ "the sandbox of a pod", CONTAINER_NAMES_CONTAINERD, sandbox, NULL, NULL, "containerd",
	  "shop", "web-7d9" },
	{ "nerdctl", CONTAINER_NAMES_CONTAINERD, nerdctl, "web", NULL, "containerd", NULL, NULL },
	{ "CRI-O", CONTAINER_NAMES_CRIO, crio, "web", "quay.io/shop/web:3", "cri-o", "shop",
	  "web-7d9" },
	{ "podman", CONTAINER_NAMES_PODMAN, podman, "web", "docker.io/library/nginx:1.27", "podman",
	  NULL, NULL },
	{ "podman without metadata", CONTAINER_NAMES_PODMAN, podman_bare, "web", NULL, "podman",
	  NULL, NULL },
};

static const struct {
	const char *what;
	enum container_names_format format;
	const char *text;
} nothing[] = {
	{ "docker's spec in containerd's folder", CONTAINER_NAMES_CONTAINERD, moby },
	{ "podman's spec in CRI-O's folder", CONTAINER_NAMES_CRIO, moby },
	{ "an empty text", CONTAINER_NAMES_DOCKER, "" },
	{ "half a file", CONTAINER_NAMES_DOCKER, "{\"ID\":\"" ID "\",\"Name\":\"/we" },
	{ "another container's file", CONTAINER_NAMES_DOCKER,
	  "{\"ID\":\"" OTHER "\",\"Name\":\"/x\"}" },
	{ "no object", CONTAINER_NAMES_DOCKER, "[1,2]" },
	{ "no list", CONTAINER_NAMES_PODMAN, "{\"id\":\"" ID "\"}" },
	{ "null", CONTAINER_NAMES_PODMAN, "null" },
	{ "annotations that are no object", CONTAINER_NAMES_CONTAINERD, "{\"annotations\":[3]}" },
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The text ends where memory ends. */
static struct container_facts *parse(enum container_names_format format, const char *text)
{
	size_t length = strlen(text);

	return container_names_parse(format, (const char *)check_guarded(text, length), length, ID);
}

static void check_files(void)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		struct container_facts *facts = parse(files[i].format, files[i].text);

		if (!CHECK(facts, "%s: is read", files[i].what))
			continue;
		CHECK(same(facts->name, files[i].name), "%s: name", files[i].what);
		CHECK(same(facts->image, files[i].image), "%s: image", files[i].what);
		CHECK(same(facts->runtime, files[i].runtime), "%s: runtime", files[i].what);
		CHECK(same(facts->namespace, files[i].namespace), "%s: namespace", files[i].what);
		CHECK(same(facts->pod, files[i].pod), "%s: pod", files[i].what);
		container_facts_unref(facts);
	}
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
		CHECK(!parse(nothing[i].format, nothing[i].text), "%s says nothing",
		      nothing[i].what);
}

static void check_names(void)
{
	static const char head[] = "{\"ID\":\"" ID "\",\"Name\":\"";
	char text[sizeof head + CONTAINER_NAMES_TEXT_MAX + 8];
	static const char *const bad[] = { "/", "", "a\\u0000b", "\xff\xfe", "\xed\xa0\x80" };
	struct container_facts *facts;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "%s%s\"}", head, bad[i]);
		facts = parse(CONTAINER_NAMES_DOCKER, text);
		CHECK(!facts || !facts->name, "bad name %zu is none", i);
		container_facts_unref(facts);
	}
	snprintf(text, sizeof text, "%s%0*d\"}", head, CONTAINER_NAMES_TEXT_MAX + 1, 0);
	facts = parse(CONTAINER_NAMES_DOCKER, text);
	CHECK(facts && !facts->name, "a name that is too long is none, and not its beginning");
	container_facts_unref(facts);
}

static void check_ids(void)
{
	CHECK(container_names_is_id(ID), "64 digits are an id");
	CHECK(!container_names_is_id("web"), "a name is no id");
	CHECK(!container_names_is_id("../../../etc/passwd"), "a path is no id");
	CHECK(!container_names_is_id(ID "0"), "65 digits are no id");
	CHECK(!container_names_read("/nonexistent", ID), "no folder, no names");
}

#define DOCKER_FILE  "var/lib/docker/containers/" ID "/config.v2.json"
#define PODMAN_FILE  "var/lib/containers/storage/overlay-containers/containers.json"
#define VOLATILE     "/volatile-containers.json"
#define STORAGE_FILE "var/lib/containers/storage/overlay-containers/" ID "/userdata/config.json"
#define TASKS        "run/containerd/io.containerd.runtime.v2.task/"

static void check_read(const char *what, const char *file, const char *text, const char *runtime)
{
	struct container_facts *facts;

	fake_put(file, text);
	facts = container_names_read(fake_proc, ID);
	CHECK(facts && same(facts->runtime, runtime) && same(facts->name, "web"), "%s: is found",
	      what);
	container_facts_unref(facts);
	fake_remove(file);
}

static void check_folders(void)
{
	char path[512], other[512];

	fake_begin();
	CHECK(!container_names_read(fake_proc, ID), "an empty folder has no names");
	check_read("docker", DOCKER_FILE, docker, "docker");
	check_read("CRI-O", STORAGE_FILE, crio, "cri-o");
	check_read("CRI-O in /run",
	           "run/containers/storage/overlay-containers/" ID "/userdata/config.json", crio,
	           "cri-o");
	fake_put(STORAGE_FILE, moby);
	check_read("podman", PODMAN_FILE, podman, "podman");
	check_read("podman run --rm", "var/lib/containers/storage/overlay-containers" VOLATILE,
	           podman, "podman");
	fake_remove(STORAGE_FILE);
	check_read("podman that forgets at a reboot",
	           "run/containers/storage/overlay-containers" VOLATILE, podman, "podman");
	check_read("podman without overlay",
	           "var/lib/containers/storage/vfs-containers/containers.json", podman, "podman");
	check_read("podman on btrfs", "var/lib/containers/storage/btrfs-containers" VOLATILE,
	           podman, "podman");
	check_read("CRI-O on zfs",
	           "run/containers/storage/zfs-containers/" ID "/userdata/config.json", crio,
	           "cri-o");
	fake_put(PODMAN_FILE, "[]");
	check_read("podman, which keeps a list of none beside it",
	           "var/lib/containers/storage/overlay-containers" VOLATILE, podman, "podman");
	fake_remove(PODMAN_FILE);
	check_read("docker of a snap",
	           "var/snap/docker/common/var-lib-docker/containers/" ID "/config.v2.json", docker,
	           "docker");
	check_read("containerd of Kubernetes", TASKS "k8s.io/" ID "/config.json", containerd,
	           "containerd");
	check_read("nerdctl", TASKS "default/" ID "/config.json", nerdctl, "containerd");
	check_read("k3s",
	           "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
	           containerd, "containerd");
	check_read("k0s",
	           "run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
	           containerd, "containerd");
	check_read(
		"MicroK8s",
		"var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID
		"/config.json",
		containerd, "containerd");
	fake_put("elsewhere", docker);
	fake_path(path, sizeof path, "elsewhere");
	fake_path(other, sizeof other, DOCKER_FILE);
	CHECK(symlink(path, other) == 0 && !container_names_read(fake_proc, ID),
	      "a link is not followed");
	unlink(other);
	CHECK(mkfifo(other, 0600) == 0 && !container_names_read(fake_proc, ID),
	      "a FIFO is not waited for");
	unlink(other);
	fake_put(DOCKER_FILE, docker);
	CHECK(truncate(other, CONTAINER_NAMES_FILE_MAX + 1) == 0 &&
	              !container_names_read(fake_proc, ID),
	      "a file that is too large is not read");
	fake_remove("");
}

/* What changes by chance is read or not, and nothing of the environment ever comes out. */
static void check_random(void)
{
	struct random random = random_begin();
	int leaks = 0;

	for (int i = 0; i < 20000; i++) {
		uint32_t which = random_below(&random, sizeof files / sizeof *files);
		size_t length = strlen(files[which].text);
		struct container_facts *facts;
		char *text = strdup(files[which].text);

		for (uint32_t changes = random_below(&random, 4); changes > 0; changes--)
			text[random_below(&random, (uint32_t)length)] =
				"{}[]\",:\\x0"[random_below(&random, 10)];
		facts = container_names_parse(files[which].format, text,
		                              random_below(&random, (uint32_t)length + 1), ID);
		leaks += facts && facts->name && strstr(facts->name, "hunter2");
		container_facts_unref(facts);
		free(text);
	}
	CHECK(leaks == 0, "20,000 changed files are read or refused");
}

int main(void)
{
	check_files();
	check_names();
	check_ids();
	check_folders();
	check_random();
	return check_done();
}
