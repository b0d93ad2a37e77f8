#!/usr/bin/python3
# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""The command of contrib/kubernetes as its README has it, with kubectl, against a server that has as much of Kubernetes' API
as the command needs: what arrives there are the objects of the file, and a second time nothing is to be changed."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../helpers"))
import kubernetes  # noqa: E402
from consumers import CONTRIB, commands, installed  # noqa: E402
from harness import check, path, run, skip  # noqa: E402

# (place in the API, name there, kind, whether it is in a namespace)
RESOURCES = (("/api/v1", "namespaces", "Namespace", False), ("/apis/apps/v1", "daemonsets", "DaemonSet", True))
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def resource_list(place):
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": place.split("/", 2)[2],
            "resources": [{"name": name, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind,
                           "verbs": ["create", "get", "patch"]}
                          for one, name, kind, namespaced in RESOURCES if one == place]}


def group(place):
    version = {"groupVersion": place.removeprefix("/apis/"), "version": "v1"}
    return {"name": "apps", "versions": [version], "preferredVersion": version}


def openapi3(place):
    """The server checks fields itself, when it is asked to."""
    paths = {}
    for _, name, kind, namespaced in (one for one in RESOURCES if one[0] == place):
        paths[f"{place}/{'namespaces/{namespace}/' if namespaced else ''}{name}/{{name}}"] = {"patch": {
            "x-kubernetes-group-version-kind":
                {"group": place.split("/")[2] if namespaced else "", "version": "v1", "kind": kind},
            "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}]}}
    return {"openapi": "3.0.0", "info": {"title": "stand-in", "version": "v1"}, "paths": paths}


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects, changed = {}, []

    def do_GET(self):
        place = self.path.split("?")[0]
        known = {
            "/version": {"major": "1", "minor": "30", "gitVersion": "v1.30.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group("/apis/apps/v1")]},
            **{one: resource_list(one) for one, *_ in RESOURCES},
            "/openapi/v3": {"paths": {one[1:]: {"serverRelativeURL": "/openapi/v3" + one} for one, *_ in RESOURCES}},
            **{"/openapi/v3" + one: openapi3(one) for one, *_ in RESOURCES},
        }
        if place in known or place in self.objects:
            self.answer(200, known.get(place) or self.objects[place])
        else:
            self.refuse(404, "NotFound", f"no {place}")

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        place = self.path.split("?")[0]
        wrong = kubernetes.complaints_of(sent)
        above = place.rsplit("/", 1)[0].replace("/apis/apps/v1", "/api/v1")
        if wrong or not any(place.endswith("/" + name) for _, name, *_ in RESOURCES):
            self.refuse(422, "Invalid", str(wrong))
        elif "/namespaces/" in place and above not in self.objects:
            self.refuse(404, "NotFound", f"no {above}")
        else:
            self.objects[f"{place}/{sent['metadata']['name']}"] = sent
            self.answer(201, sent)

    def do_PATCH(self):
        self.changed.append(self.path)
        self.refuse(422, "Invalid", "nothing is to be changed")

    def refuse(self, code, reason, message):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                           "message": message})

    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def without_note(made):
    """As it was sent, but for kubectl's note of what it sent."""
    annotations = {key: value for key, value in made["metadata"]["annotations"].items() if key != APPLIED}
    metadata = {**made["metadata"], "annotations": annotations}
    if not annotations:
        del metadata["annotations"]
    return {**made, "metadata": metadata}


def test_apply():
    try:
        import yaml
    except ImportError:
        skip("kubectl", "needs python3-yaml")
        return
    if not installed("kubectl"):
        return
    version = subprocess.run(["kubectl", "version", "--client", "-o", "json"], text=True, capture_output=True, check=False)
    minor = int(re.match(r"\d*", json.loads(version.stdout)["clientVersion"]["minor"])[0])
    if minor < 27:  # asks for the types of all fields before it sends anything
        skip("kubectl", f"needs kubectl 1.27; this is 1.{minor}")
        return
    folder, outputs = os.path.join(CONTRIB, "kubernetes"), []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever).start()
        config = path("kubeconfig")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "test",
                       "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
                       "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                       "users": [{"name": "test", "user": {}}]}, file)
        for command in 2 * commands("kubernetes"):
            outputs.append(subprocess.run(["sh", "-c", command], cwd=folder, text=True, capture_output=True, check=False,
                                          env={**os.environ, "KUBECONFIG": config, "HOME": path("")}))
        server.shutdown()
    with open(os.path.join(folder, "daemonset.yaml"), encoding="utf-8") as file:
        wanted = list(yaml.safe_load_all(file))
    named = [f"{one['kind'].lower()}{'.apps' if '/' in one['apiVersion'] else ''}/{one['metadata']['name']}" for one in wanted]
    for output, done in zip(outputs, ("created", "unchanged")):
        check(output.returncode == 0 and output.stdout.splitlines() == [f"{name} {done}" for name in named],
              f"kubectl: each object is {done}", output)
    made = [without_note(one) for one in Api.objects.values()]
    check(made == wanted and not Api.changed, "the server has the objects of the file", (made, Api.changed))


run(globals())
