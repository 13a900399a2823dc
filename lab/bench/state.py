"""The one check of the end state, the same for both sides: nodes, CoreDNS, and a service answered from every node."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.bench.guests import BenchError, Host, Shell

KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
PROBE = Path(__file__).with_name("probe.yml")
ASK = """
import json, sys, time, urllib.request
wanted, seen, end, error = int(sys.argv[1]), set(), time.monotonic() + 30, ""
while len(seen) < wanted and time.monotonic() < end:
    try:
        with urllib.request.urlopen("http://bench-probe.default.svc.cluster.local:8080", timeout=2) as answer:
            seen.add(answer.read().decode())
    except OSError as problem:
        error = str(problem)
print(json.dumps({"seen": sorted(seen), "error": error}))
"""
"""What each pod runs: asks the service by its DNS name until a pod of every node has answered."""


def wait(shell: Shell, control: Host, hosts: Sequence[Host], new: Sequence[Host] = ()) -> None:
    """Return when every node is Ready and all of CoreDNS is available; part of what the clock measures.

    May begin before ``new`` hosts join: it watches, so the answer comes with the event and costs the others nothing.
    """
    names = " ".join(f"node/{host.name}" for host in hosts)
    created = "".join(f"{KUBECTL} wait node/{host.name} --for=create --timeout=300s >/dev/null && " for host in new)
    script = f"""
    {created}{KUBECTL} wait {names} --for=condition=Ready --timeout=300s >/dev/null &&
        {KUBECTL} --namespace kube-system rollout status deployment/coredns --timeout=120s >/dev/null ||
        {{ {KUBECTL} get nodes,pods -A -o wide; exit 1; }}
    """
    shell.run(control, script, deadline=360)


@contextmanager
def watched(shell: Shell, control: Host, hosts: Sequence[Host], new: Sequence[Host]) -> Iterator[None]:
    """Watch the wanted state of a cluster that runs while the body changes it; both have ended afterwards."""
    with ThreadPoolExecutor(1) as pool:
        reached = pool.submit(wait, shell, control, hosts, new)
        yield
        reached.result()


def observe(shell: Shell, control: Host, hosts: Sequence[Host], image: str) -> dict[str, Any]:
    """What the cluster is, for comparison of the two sides; not timed. Raises BenchError when it does not work."""
    wait(shell, control, hosts)  # again: on a busy machine a pod of CoreDNS may have missed a probe since
    found = json.loads(shell.run(control, f"{KUBECTL} get nodes -o json"))
    coredns = json.loads(shell.run(control, f"{KUBECTL} --namespace kube-system get deployment coredns -o json"))
    seen = summary(found["items"], coredns)
    seen["answers"] = _probe(shell, control, hosts, image)
    problems = faults(seen, [host.name for host in hosts])
    if problems:
        raise BenchError("the end state is not the wanted one: " + "; ".join(problems))
    return seen


def summary(nodes: Sequence[Mapping[str, Any]], coredns: Mapping[str, Any]) -> dict[str, Any]:
    """The part of nodes and CoreDNS that must be equal on both sides."""
    return {
        "nodes": {node["metadata"]["name"]: _node(node) for node in nodes},
        "coredns": {
            "wanted": coredns["spec"]["replicas"],
            "available": coredns["status"].get("availableReplicas", 0),
            "image": coredns["spec"]["template"]["spec"]["containers"][0]["image"],
        },
    }


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    about = node["status"]["nodeInfo"]
    ready = [one["status"] for one in node["status"]["conditions"] if one["type"] == "Ready"]
    return {
        "ready": ready == ["True"],
        "kubelet": about["kubeletVersion"],
        "runtime": about["containerRuntimeVersion"],
        "system": about["osImage"],
    }


def faults(seen: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """What is wrong with an observed state, given the names of the hosts that should be there."""
    nodes, coredns, answers = seen["nodes"], seen["coredns"], seen["answers"]
    problems = [f"node {name} is missing" for name in names if name not in nodes]
    problems += [f"node {name} is a stranger" for name in nodes if name not in names]
    problems += [f"node {name} is not Ready" for name, node in nodes.items() if not node["ready"]]
    if coredns["available"] != coredns["wanted"]:
        problems.append(f"CoreDNS has {coredns['available']} of {coredns['wanted']} pods available")
    for name in names:
        unheard = sorted(set(names) - set(answers.get(name, [])))
        if unheard:
            problems.append(f"from a pod on {name} the service did not answer for {', '.join(unheard)}")
    return problems


def _probe(shell: Shell, control: Host, hosts: Sequence[Host], image: str) -> dict[str, list[str]]:
    """{node of the asking pod: nodes of the pods that answered}."""
    manifest = PROBE.read_text(encoding="utf-8").replace("PROBE_IMAGE", image)
    selector = "--selector app=bench-probe"
    columns = "-o 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{\"\\n\"}{end}'"
    script = f"""
cat >/tmp/bench-probe.yml <<'END'
{manifest}
END
cat >/tmp/bench-ask.py <<'END'
{ASK}
END
{KUBECTL} apply --filename /tmp/bench-probe.yml >/dev/null
{KUBECTL} rollout status daemonset/bench-probe --timeout=90s >/dev/null ||
    {{ {KUBECTL} describe daemonset/bench-probe; {KUBECTL} describe pods {selector}; exit 1; }}
{KUBECTL} get pods {selector} {columns} | while read -r pod node; do
    echo "$node $({KUBECTL} exec --stdin "$pod" -- python3 - {len(hosts)} </tmp/bench-ask.py)"
done
{KUBECTL} delete --filename /tmp/bench-probe.yml --wait=true >/dev/null
until [ -z "$({KUBECTL} get pods {selector} -o name)" ]; do sleep 0.3; done
"""
    return answers_of(shell.run(control, script))


def answers_of(text: str) -> dict[str, list[str]]:
    """Read the probe's lines, each a node's name and a JSON object with the nodes that answered it."""
    found = {}
    for line in text.splitlines():
        node, _, answer = line.partition(" ")
        found[node] = list(json.loads(answer)["seen"])
    return found


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """In which parts two observed states differ."""
    return [part for part in ("nodes", "coredns", "answers") if one[part] != other[part]]
