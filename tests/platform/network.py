"""Pods that answer and pods that ask, for the tests of the network. One exec asks for any number of targets at once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.platform.site import Lab
from tests.support import checked, eventually

Json = dict[str, Any]
NAMESPACE = "network-test"
IMAGE = "ghcr.io/ai-infn/probe:0.1.0"
TCP, OTHER_TCP, UDP = 8080, 8081, 8082
SERVER = f"""
import socket, threading
def stream(port):
    listener = socket.create_server(("", port), backlog=64)
    while True:
        threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()
def echo(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)
def datagrams(port):
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO: answers are never fragmented
    opened.bind(("", port))
    while True:
        data, peer = opened.recvfrom(65536)
        opened.sendto(data, peer)
for port in ({TCP}, {OTHER_TCP}):
    threading.Thread(target=stream, args=(port,), daemon=True).start()
datagrams({UDP})
"""
ASK = """
import json, socket, sys, threading
answers = {}
def ask(name, kind, host, port, size):
    try:
        if kind == "tcp":
            with socket.create_connection((host, port), timeout=1.5) as opened:
                opened.settimeout(1.5)
                opened.sendall(b"x" * size)
                answers[name] = size == 0 or bool(opened.recv(1))
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.settimeout(1.5)
            opened.setsockopt(socket.IPPROTO_IP, 10, 2)
            opened.connect((host, port))
            opened.send(b"x" * size)
            answers[name] = len(opened.recv(65536)) == size
    except OSError as error:
        answers[name] = False
threads = [threading.Thread(target=ask, args=(name, *target)) for name, target in json.loads(sys.argv[1]).items()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(answers))
"""
TALK = """
import socket, sys, time
opened = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
opened.settimeout(1)
print("connected", flush=True)
open("/tmp/connected", "w").close()
for number in range(int(sys.argv[3])):
    opened.sendall(b"x")
    try:
        assert opened.recv(1)
    except OSError:
        print("cut after", number, flush=True)
        sys.exit(3)
    time.sleep(0.1)
print("kept", flush=True)
"""
Target = tuple[str, str, int, int]


def tcp(host: str, port: int = TCP, size: int = 1) -> Target:
    """Return a target that must send back what it gets; size 0: it need only accept the connection."""
    return ("tcp", host, port, size)


def udp(host: str, size: int = 1) -> Target:
    """Return a target of datagrams that no host on the way may fragment."""
    return ("udp", host, UDP, size)


def pod(name: str, node: str, **labels: str) -> Json:
    """Return a pod on a node that answers on TCP, OTHER_TCP and UDP."""
    container = {
        "name": "probe",
        "image": IMAGE,
        "command": ["python3", "-c", SERVER],
        "ports": [{"name": "echo", "containerPort": TCP}],
        "readinessProbe": {"tcpSocket": {"port": TCP}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name, **labels}},
        "spec": {
            "nodeName": node,
            "containers": [container],
            "securityContext": security,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
        },
    }


def policy(name: str, spec: Json) -> Json:
    """Return a NetworkPolicy."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def app(name: str) -> Json:
    """Return the selector of one pod."""
    return {"matchLabels": {"app": name}}


def open_from(command: list[str], address: str, ports: set[int]) -> set[int]:
    """Return which TCP ports of a host answer where the command runs Python."""
    targets = {str(port): tcp(address, port, size=0) for port in ports}
    return {
        int(port)
        for port, answered in json.loads(checked([*command, "-c", ASK, json.dumps(targets)])).items()
        if answered
    }


def is_ready(item: Json) -> bool:
    """Tell whether a pod is ready."""
    conditions = item["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


class Network:
    """The test's namespace in the cluster, and one SSH connection to a control plane."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        nodes = lab.objects("node")
        leaders = [node for node in nodes if "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]]
        self.workers = sorted(node["metadata"]["name"] for node in nodes if node not in leaders)[:2]
        self.node_addresses = {
            node["metadata"]["name"]: next(
                one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"
            )
            for node in nodes
        }
        self._control = lab.ssh(leaders[0]["metadata"]["name"])
        self._hosts: dict[str, Any] = {}

    def host(self, name: str) -> Any:
        """Return the connection to a host."""
        if name not in self._hosts:
            self._hosts[name] = self.lab.ssh(name)
        return self._hosts[name]

    def kubectl(self, *words: str, stdin: str | None = None, status: int | None = 0) -> str:
        """Run kubectl; status None accepts any."""
        command = shlex.join(["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "-n", NAMESPACE, *words])
        if stdin is not None:
            command = f"{command} <<'END_OF_DOCUMENT'\n{stdin}\nEND_OF_DOCUMENT"
        done = self._control.run(command)
        assert status is None or done.rc == status, f"{command[:300]}\n{done.stdout}\n{done.stderr}"
        return str(done.stdout)

    def apply(self, *items: Json) -> None:
        """Apply objects."""
        self.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def ready(self, *pods: str) -> None:
        """Wait until pods are ready."""
        self.kubectl("wait", "--for=condition=Ready", "--timeout=60s", *(f"pod/{name}" for name in pods))

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the test's pods."""
        items = json.loads(self.kubectl("get", "pods", "-o", "json"))["items"]
        return {item["metadata"]["name"]: item["status"].get("podIP", "") for item in items}

    def ask(self, client: str, targets: Mapping[str, Target]) -> dict[str, bool]:
        """Let a pod ask all targets at once; return who answered."""
        words = ("exec", "-i", client, "--", "python3", "-", json.dumps(targets))
        return dict(json.loads(self.kubectl(*words, stdin=ASK)))

    def ask_from_host(self, name: str, targets: Mapping[str, Target]) -> dict[str, bool]:
        """Let a host ask all targets at once."""
        command = shlex.join(["python3", "-", json.dumps(targets)])
        done = self.host(name).run(f"{command} <<'END_OF_DOCUMENT'\n{ASK}\nEND_OF_DOCUMENT")
        assert done.rc == 0, done.stderr
        return dict(json.loads(done.stdout))

    def becomes(self, client: str, targets: Mapping[str, Target], expected: Mapping[str, bool], seconds: float) -> None:
        """Wait until a pod's answers are as expected."""
        seen: dict[str, bool] = {}

        def as_expected() -> bool:
            seen.update(self.ask(client, targets))
            return seen == dict(expected)

        eventually(as_expected, seconds, f"{client} expects {dict(expected)}, last answers {seen}")

    def only_policies(self, *policies: Json) -> None:
        """Have exactly these policies in the namespace."""
        self.kubectl("delete", "networkpolicies", "--all")
        if policies:
            self.apply(*policies)

    def agent(self, node: str) -> Json:
        """Return the policy agent's pod on a node."""
        items = self.lab.objects(
            "pod", "-n", "kube-system", "-l", "app.kubernetes.io/name=network-policy-agent",
            "--field-selector", f"spec.nodeName={node}",
        )  # fmt: skip
        assert len(items) == 1, [item["metadata"]["name"] for item in items]
        return items[0]

    @contextmanager
    def agent_halted(self, node: str) -> Iterator[None]:
        """Let a node's policy agent stand still meanwhile, as while it is down; its rules stay."""
        agent = "pgrep --full --exact '/usr/bin/python3 -m network_policy_agent'"
        self.host(node).check_output(f"kill -STOP $({agent})")
        try:
            yield
        finally:
            self.host(node).check_output(f"kill -CONT $({agent})")
