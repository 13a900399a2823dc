"""Wrapper modules and build flags of the Go programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.mirror import golang
from lab.mirror.golang import BuildError, GoModule, GoModuleInstead, GoProgram, go_version, wrapper_go_mod
from lab.mirror.programs_of_go import coredns_main, kubernetes

KUBERNETES = """\
// A comment.

module k8s.io/kubernetes

go 1.26.0

godebug default=go1.26

require (
\tgithub.com/spf13/cobra v1.10.2
\tk8s.io/api v0.0.0
\tk8s.io/client-go v0.0.0
)

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
\tk8s.io/client-go => ./staging/src/k8s.io/client-go
\tk8s.io/sample-controller => ./staging/src/k8s.io/sample-controller
)
"""
ETCD = """\
module go.etcd.io/etcd/server/v3

go 1.26

toolchain go1.26.5

require go.etcd.io/etcd/api/v3 v3.7.0

replace go.etcd.io/etcd/api/v3 => ../api

replace example.org/fork => example.org/other v1.2.3

tool (
\texample.org/cmd/tool
)
"""


def test_siblings_of_kubernetes_come_from_the_proxy_at_their_own_version() -> None:
    text, queries = wrapper_go_mod(KUBERNETES, GoModule("k8s.io/kubernetes", "v1.37.2", siblings="v0.37.2"))
    assert "./staging" not in text
    assert "replace k8s.io/client-go => k8s.io/client-go v0.37.2\n" in text
    assert "require k8s.io/kubernetes v1.37.2\n" in text
    assert "sample-controller" not in text
    assert queries == ["k8s.io/kubernetes@v1.37.2", "k8s.io/api@v0.37.2", "k8s.io/client-go@v0.37.2"]


def test_dependencies_and_language_version_are_those_of_the_release() -> None:
    text, _ = wrapper_go_mod(KUBERNETES, GoModule("k8s.io/kubernetes", "v1.37.2", siblings="v0.37.2"))
    for line in ("go 1.26.0", "godebug default=go1.26", "\tgithub.com/spf13/cobra v1.10.2"):
        assert line in text.splitlines()


def test_siblings_have_the_version_of_the_module_if_no_other_is_given() -> None:
    text, _ = wrapper_go_mod(ETCD, GoModule("go.etcd.io/etcd/server/v3", "v3.7.0"))
    assert "replace go.etcd.io/etcd/api/v3 => go.etcd.io/etcd/api/v3 v3.7.0\n" in text


def test_a_replacement_by_another_module_stays() -> None:
    text, _ = wrapper_go_mod(ETCD, GoModule("go.etcd.io/etcd/server/v3", "v3.7.0"))
    assert "replace example.org/fork => example.org/other v1.2.3" in text


def test_a_release_that_the_proxy_refuses_is_replaced_by_one_that_it_has() -> None:
    module = GoModuleInstead(
        "k8s.io/kubernetes", "v1.37.2", siblings="v0.37.2", instead=("github.com/spf13/cobra@v1.10.1",)
    )
    text, queries = wrapper_go_mod(KUBERNETES, module)
    assert "\tgithub.com/spf13/cobra v1.10.2\n" in text
    assert "replace github.com/spf13/cobra => github.com/spf13/cobra v1.10.1\n" in text
    assert queries[-1] == "github.com/spf13/cobra@v1.10.1"


def test_the_wrapper_has_its_own_name_and_neither_tools_nor_toolchain() -> None:
    text, _ = wrapper_go_mod(ETCD, GoModule("go.etcd.io/etcd/server/v3", "v3.7.0"))
    assert text.startswith(f"module {golang.WRAPPER}\n")
    assert "toolchain" not in text
    assert "tool" not in text


def test_downloaded_modules_become_lines_of_go_sum() -> None:
    said = golang.documents('{"Path": "a", "Version": "v1", "Sum": "h1:x=", "GoModSum": "h1:y="}\n{"Path": "b"}')
    assert golang.sum_lines(said[:1]) == "a v1 h1:x=\na v1/go.mod h1:y=\n"
    assert said[1] == {"Path": "b"}


def test_blank_imports_are_dropped_and_their_absence_is_noticed() -> None:
    source = 'import (\n\t_ "example.org/udp"\n\t_ "example.org/vxlan"\n)\n'
    assert golang.drop_imports(source, ("example.org/udp",)) == 'import (\n\t_ "example.org/vxlan"\n)\n'
    with pytest.raises(BuildError, match="correct the recipe"):
        golang.drop_imports(source, ("example.org/gone",))


@pytest.mark.parametrize(
    ("text", "version"),
    [("go version go1.26.8 linux/amd64", (1, 26)), ("go version go1.9 linux/amd64", (1, 9)), ("", (0, 0))],
)
def test_the_version_of_go_is_read_from_what_it_says(text: str, version: tuple[int, int]) -> None:
    assert go_version(text) == version


def test_a_broken_connection_is_told_from_a_refusal() -> None:
    assert golang.connection_broke('Get "https://proxy/x.zip": dial tcp 192.0.2.1:443: connect: no route to host')
    assert not golang.connection_broke("reading https://proxy/x.info: 404 Not Found")


def test_kubernetes_says_its_true_version() -> None:
    program = kubernetes("kubelet", "1.37.2")
    assert program.variables["k8s.io/component-base/version.gitVersion"] == "v1.37.2"
    assert program.variables["k8s.io/component-base/version.gitMinor"] == "37"
    assert program.module.siblings == "v0.37.2"
    assert "-X k8s.io/client-go/pkg/version.gitVersion=v1.37.2" in program.flags()[-1]


def test_the_key_of_a_program_depends_on_its_version_and_on_what_is_left_out_or_replaced() -> None:
    module = GoModule("example.org/a", "v1.0.0")
    keys = {
        GoProgram("a", module, "example.org/a").key,
        GoProgram("a", GoModule("example.org/a", "v1.0.1"), "example.org/a").key,
        GoProgram("a", GoModule("example.org/a", "v1.0.0", drop_imports=("x",)), "example.org/a").key,
        GoProgram("a", GoModuleInstead("example.org/a", "v1.0.0", instead=("example.org/b@v1",)), "example.org/a").key,
    }
    assert len(keys) == 4
    assert GoProgram("a", module, "example.org/a").key in keys


def test_the_main_package_of_coredns_imports_its_plugins() -> None:
    source = coredns_main(("cache", "kubernetes"))
    assert source.startswith("package main\n")
    assert '\t_ "github.com/coredns/coredns/plugin/kubernetes"\n' in source


def test_a_machine_without_go_takes_the_one_of_pypi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golang.shutil, "which", lambda name: None)
    monkeypatch.setattr(golang, "INSTALLED", str(tmp_path / "nothing"))
    program = tmp_path / golang.PYPI_GO.partition(" ")[0] / "lib/python3.11/site-packages/go/bin/go"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho go version go1.26.6 linux/amd64\n")
    program.chmod(0o755)
    assert not golang.new_enough("")
    assert golang.Go(tmp_path).command() == str(program)
