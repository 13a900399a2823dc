"""What the compiler and the parser of policies say, without packets."""

from __future__ import annotations

from typing import Any

import pytest
from network_policy_agent.attachments import Attachment
from network_policy_agent.compiler import (
    Admission,
    Allow,
    Cluster,
    Gate,
    Span,
    compile_node,
    with_local_addresses,
)
from network_policy_agent.objects import pod_of
from network_policy_agent.policy import block_networks, policy_of
from network_policy_agent.render import Options, render
from network_policy_agent.selectors import Requirement
from samples import Json, app, cluster, namespace_json, pod, pod_json, policy_json

TARGET = "10.244.1.2"
PEER = "10.244.2.3"
FOREIGN = "10.244.2.4"
TCP80 = (Span("TCP", 80, 80),)


def compiled(*specs: Json, **options: Any) -> Admission:
    """Return the admission of pod `target`; `peer` is its neighbour, `foreign` is in the namespace `other`."""
    pods = [
        pod("target", TARGET, ports=[{"name": "web", "containerPort": 8080}]),
        pod("peer", PEER, node="b", ports=[{"name": "web", "containerPort": 9090}]),
        pod("foreign", FOREIGN, node="b", namespace="other", labels={"app": "foreign", "role": "client"}),
    ]
    (admission,) = compile_node(cluster(pods, list(specs), **options), "a")
    return admission


def ingress(*rules: Json) -> Gate | None:
    return compiled({"podSelector": app("target"), "ingress": list(rules)}).ingress


def egress(*rules: Json) -> Gate | None:
    return compiled({"podSelector": app("target"), "policyTypes": ["Egress"], "egress": list(rules)}).egress


def test_a_pod_that_no_policy_selects_is_open() -> None:
    assert compiled({"podSelector": app("peer")}) == Admission(TARGET, None, None)


@pytest.mark.parametrize(
    ("spec", "isolated"),
    [
        ({}, (True, False)),
        ({"ingress": []}, (True, False)),
        ({"egress": [{}]}, (True, True)),
        ({"policyTypes": ["Egress"]}, (False, True)),
        ({"policyTypes": ["Ingress", "Egress"]}, (True, True)),
        ({"policyTypes": ["Ingress"], "egress": [{}]}, (True, False)),
    ],
)
def test_policy_types_default_as_the_api_says(spec: Json, isolated: tuple[bool, bool]) -> None:
    admission = compiled({"podSelector": {}, **spec})
    assert (admission.ingress is not None, admission.egress is not None) == isolated


def test_an_empty_rule_allows_everything() -> None:
    assert ingress({}) == (Allow(None, None),)


def test_an_empty_list_of_peers_means_everybody() -> None:
    assert ingress({"from": [], "ports": [{"port": 80}]}) == (Allow(None, TCP80),)


def test_rules_of_several_policies_add_up() -> None:
    one = {"podSelector": {}, "ingress": [{"from": [{"podSelector": app("peer")}]}]}
    two = {"podSelector": app("target"), "ingress": [{"ports": [{"port": 80}]}]}
    assert set(compiled(one, two).ingress or ()) == {Allow((f"{PEER}/32",), None), Allow(None, TCP80)}


def test_a_pod_selector_alone_means_the_own_namespace() -> None:
    assert ingress({"from": [{"podSelector": {}}]}) == (Allow((f"{TARGET}/32", f"{PEER}/32"), None),)


def test_a_namespace_selector_alone_means_all_pods_of_those_namespaces() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"tier": "trusted"}}}
    assert ingress({"from": [peer]}) == (Allow((f"{FOREIGN}/32",), None),)


@pytest.mark.parametrize(("role", "found"), [("client", True), ("server", False)])
def test_both_selectors_of_one_peer_must_hold(role: str, found: bool) -> None:
    peer = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"role": role}}}
    assert ingress({"from": [peer]}) == ((Allow((f"{FOREIGN}/32",), None),) if found else ())


def test_peers_that_match_nobody_allow_nobody() -> None:
    assert ingress({"from": [{"podSelector": app("nobody")}]}) == ()


def test_a_named_port_of_ingress_is_looked_up_in_the_target() -> None:
    assert ingress({"ports": [{"port": "web"}]}) == (Allow(None, (Span("TCP", 8080, 8080),)),)
    assert ingress({"ports": [{"port": "web", "protocol": "UDP"}]}) == ()


def test_a_named_port_of_egress_is_looked_up_in_each_peer() -> None:
    assert egress({"ports": [{"port": "web"}]}) == (
        Allow((f"{TARGET}/32",), (Span("TCP", 8080, 8080),)),
        Allow((f"{PEER}/32",), (Span("TCP", 9090, 9090),)),
    )


def test_a_named_port_never_opens_an_ip_block() -> None:
    assert egress({"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": "web"}]}) == ()


def test_a_protocol_without_port_means_all_its_ports() -> None:
    assert egress({"ports": [{"protocol": "SCTP"}]}) == (Allow(None, (Span("SCTP"),)),)


@pytest.mark.parametrize(
    ("block", "networks"),
    [
        ({"cidr": "10.0.0.0/30"}, ("10.0.0.0/30",)),
        ({"cidr": "10.0.0.1/30"}, ("10.0.0.0/30",)),
        ({"cidr": "10.0.0.0/30", "except": ["10.0.0.2/32"]}, ("10.0.0.0/31", "10.0.0.3/32")),
        ({"cidr": "10.0.0.0/30", "except": ["10.0.0.0/8"]}, ()),
        ({"cidr": "10.0.0.0/30", "except": ["10.9.0.0/16"]}, ("10.0.0.0/30",)),
        ({"cidr": "10.0.0.0/30", "except": ["10.0.0.0/31", "10.0.0.2/32"]}, ("10.0.0.3/32",)),
    ],
)
def test_exceptions_are_taken_out_of_a_block(block: Json, networks: tuple[str, ...]) -> None:
    assert block_networks(block) == networks


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "fd00::/8"}}]}]}, "IPv6 ipBlock"),
        ({"ingress": [{"ports": [{"protocol": "DCCP", "port": 1}]}]}, "protocol 'DCCP'"),
        ({"ingress": [{"ports": [{"port": "web", "endPort": 9}]}]}, "endPort with a named port"),
        ({"ingress": [{"ports": [{"port": 9, "endPort": 8}]}]}, "ports 9-8"),
        ({"ingress": [{"from": [{}]}]}, "names nobody"),
        ({"ingress": [{"from": [{"serviceSelector": {}}]}]}, "field 'serviceSelector'"),
        ({"ingress": [{"where": []}]}, "field 'where'"),
        ({"ingress": [{}], "priority": 7}, "field 'priority'"),
        ({"policyTypes": ["Ingress", "Audit"]}, "policy type 'Audit'"),
        (
            {"ingress": [{"from": [{"podSelector": {"matchExpressions": [{"key": "a", "operator": "Gt"}]}}]}]},
            "operator 'Gt'",
        ),
    ],
)
def test_what_is_not_enforced_is_refused_by_name_and_allows_nothing(spec: Json, said: str) -> None:
    policy = policy_of(policy_json("p", {"podSelector": {}, **spec}))
    assert [refusal for refusal in policy.refusals if said in refusal]
    assert policy.ingress == ()


def test_a_refused_rule_leaves_the_others_in_force() -> None:
    policy = policy_of(policy_json("p", {"podSelector": {}, "ingress": [{"new": 1}, {"ports": [{"port": 80}]}]}))
    assert policy.ingress is not None
    assert len(policy.ingress) == 1
    assert policy.refusals == ("field 'new' in 'from' rule 1: the rule allows nothing",)


def test_a_pod_selector_that_is_not_understood_isolates_the_whole_namespace() -> None:
    spec = {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Near", "values": ["b"]}]}}
    assert compiled(spec).ingress == ()


@pytest.mark.parametrize(
    ("operator", "values", "labels", "matches"),
    [
        ("In", ["x"], {"k": "x"}, True),
        ("In", ["x"], {}, False),
        ("NotIn", ["x"], {"k": "x"}, False),
        ("NotIn", ["x"], {}, True),
        ("Exists", [], {"k": ""}, True),
        ("Exists", [], {}, False),
        ("DoesNotExist", [], {}, True),
        ("DoesNotExist", [], {"k": "x"}, False),
    ],
)
def test_selector_operators_mean_what_the_api_says(
    operator: str, values: list[str], labels: dict[str, str], matches: bool
) -> None:
    assert Requirement("k", operator, frozenset(values)).matches(labels) is matches


def test_pods_of_the_host_network_and_finished_pods_are_nobody() -> None:
    host = pod_json("host", TARGET)
    host["spec"]["hostNetwork"] = True
    done = pod_json("done", TARGET)
    done["status"]["phase"] = "Succeeded"
    assert pod_of(host) is None
    assert pod_of(done) is None


def test_the_network_plugins_word_comes_before_the_apis() -> None:
    pods = [pod("new", None), pod("old", TARGET), pod("known", PEER), pod("far", FOREIGN, node="b")]
    attached = {
        "uid-new": Attachment("uid-new", TARGET, "veth1"),
        "uid-far": Attachment("uid-far", "10.244.1.9", "veth2"),
    }
    local = with_local_addresses(pods, "a", attached)
    found = [(one.address, one.link) for one in local]
    assert found == [(TARGET, "veth1"), (None, None), (PEER, None), (FOREIGN, None)]


def test_equal_input_in_another_order_renders_the_same_text() -> None:
    pods = [pod("one", "10.244.1.2"), pod("two", "10.244.1.3")]
    specs = [
        {"podSelector": {}, "ingress": [{"ports": [{"port": 80}, {"port": 81}]}]},
        {"podSelector": {}, "ingress": [{"from": [{"podSelector": app("two")}]}]},
    ]
    texts = {
        render(compile_node(Cluster(tuple(order), (("team", ()),), cluster([], rules).policies), "a"), Options())
        for order in (pods, pods[::-1])
        for rules in (specs, specs[::-1])
    }
    assert len(texts) == 1


def test_pods_with_equal_rules_share_one_chain() -> None:
    pods = [pod(f"p{number}", f"10.244.1.{number}") for number in range(2, 50)]
    text = render(
        compile_node(cluster(pods, [{"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}]), "a"), Options()
    )
    assert text.count("\tchain ingress_") == 2, "one and its reply"


def test_overlapping_and_adjacent_ports_become_one_range() -> None:
    ports = [{"port": 80, "endPort": 90}, {"port": 85, "endPort": 95}, {"port": 96}, {"port": 443}]
    spec = {"podSelector": {}, "ingress": [{"ports": ports}]}
    text = render(compile_node(cluster([pod("p", TARGET)], [spec]), "a"), Options())
    assert "tcp dport { 80-96, 443 } return" in text


def test_namespaces_are_selected_by_the_label_that_the_server_sets() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}
    admission = compiled(
        {"podSelector": {}, "ingress": [{"from": [peer]}]}, namespaces=[namespace_json("team"), namespace_json("other")]
    )
    assert admission.ingress == (Allow((f"{FOREIGN}/32",), None),)
