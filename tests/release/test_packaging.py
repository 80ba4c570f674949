"""What other systems are given to run watcher: it says what the image and the settings know, and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from watcher.container import _name_servers
from watcher.model.version import VERSION
from watcher.ops import nginx
from watcher.settings.load import load

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
SINGLE = [
    PACKAGING / name for name in ("portainer/stack.yaml", "truenas/compose.yaml", "casaos/docker-compose.yml")
]
BASE = PACKAGING / "kubernetes"
KUBERNETES = (
    "1.29",
    "1.31",
    "1.37",
)  # the oldest that a distribution still cares for, and the newest whose schemas are here
# Variables that are no settings: what the image's own start and `watcher prepare` read.
OWN = {
    "WATCHER_UID",
    "WATCHER_GID",
    "WATCHER_DATA",
    "WATCHER_APP",
    "WATCHER_PUBLISHED",
    "WATCHER_SOCKET",
    "POD_IP",
    "TZ",
}


def test_the_main_file_has_what_a_container_replaces_in_it() -> None:
    """`watcher.container web` makes its own of Compose's; and the names that are asked for are those of the machine."""
    text = (ROOT / "etc/nginx/compose.conf").read_text()
    assert [text.count(words) for words in ("resolver 127.0.0.11", "/static;", nginx.FIGURES)] == [1, 1, 1]
    resolv = "search a b\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\noptions ndots:5\n"
    assert _name_servers(resolv) == ["10.0.0.2", "[fe80::1]"]


def settings_are_known(variables: dict[str, str], tmp_path: Path) -> None:
    """Each variable is one that watcher reads; a misspelt setting is refused by name."""
    assert {name for name in variables if "__" not in name} <= OWN
    for name, value in variables.items():
        if name.endswith("_FILE"):
            (tmp_path / "secret").write_text("a secret")
            variables = {**variables, name: str(tmp_path / "secret")}
        assert value is not None
    (tmp_path / "watcher.toml").touch()
    load({"WATCHER_CONFIG": str(tmp_path / "watcher.toml"), **{k: v for k, v in variables.items() if "__" in k}})


def documents() -> list[tuple[str, dict[str, Any]]]:
    """Every object of the base."""
    names = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    return [(name, document) for name in names for document in yaml.safe_load_all((BASE / name).read_text())]


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_object(version: str) -> None:
    """By the schemas of its own API, where no field may be unknown."""
    kinds = set()
    for _, document in documents():
        kubernetes_validate.validate(document, version, strict=True)
        kinds.add(document["kind"])
    assert {"Deployment", "StatefulSet", "Service", "PersistentVolumeClaim", "NetworkPolicy"} <= kinds


def test_what_is_wrong_in_an_object_is_seen() -> None:
    """The schemas are no formality."""
    wrong = dict(documents()[0][1], spec={"replicas": "two"})
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)


def test_the_base_fits_together(tmp_path: Path) -> None:
    """Selectors find pods, services and policies name ports that are there, volumes are claimed, settings are known."""
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    assert {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"} == set(kustomization["resources"])
    objects = [document for _, document in documents()]
    pods = [
        document["spec"]["template"] for document in objects if document["kind"] in {"Deployment", "StatefulSet"}
    ]
    claims = {document["metadata"]["name"] for document in objects if document["kind"] == "PersistentVolumeClaim"}
    (settings,) = kustomization["configMapGenerator"]
    variables = dict(line.split("=", 1) for line in settings["literals"])
    settings_are_known(variables, tmp_path)
    host, _, port = variables["WATCHER_APP"].partition(":")
    assert host == f"api.{kustomization['namespace']}.svc.cluster.local"
    for pod in pods:
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert not spec["automountServiceAccountToken"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert container["image"] == kustomization["images"][0]["name"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert {source["configMapRef"]["name"] for source in container.get("envFrom", [])} <= {settings["name"]}
            assert {variable["name"] for variable in container.get("env", [])} <= OWN
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["resources"]["limits"]["memory"]
        for container in spec["containers"]:
            assert {"startupProbe", "livenessProbe"} <= container.keys()
        claimed = {
            volume["persistentVolumeClaim"]["claimName"]
            for volume in spec["volumes"]
            if "persistentVolumeClaim" in volume
        }
        assert claimed <= claims
    for document in objects:
        spec = document["spec"]
        selector = (
            spec.get("podSelector", spec.get("selector")) if document["kind"] != "PersistentVolumeClaim" else None
        )
        if selector is None:
            continue
        labels = selector.get("matchLabels", selector)
        chosen = [pod for pod in pods if labels.items() <= pod["metadata"]["labels"].items()]
        assert len(chosen) == 1, document["metadata"]["name"]
        ports = {
            port["name"]: port["containerPort"]
            for c in chosen[0]["spec"]["containers"]
            for port in c.get("ports", [])
        }
        if document["kind"] == "Service":
            assert {port["targetPort"] for port in spec.get("ports", [])} <= ports.keys()
            if document["metadata"]["name"] == host.split(".")[0]:
                assert str(ports["uwsgi"]) == port
    policies = [document for document in objects if document["kind"] == "NetworkPolicy"]
    guarded = [policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for policy in policies]
    assert sorted(guarded) == ["api", "ingest"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_builds_the_base() -> None:
    """Every object of it is valid as it would be sent, in its namespace, with the image that is meant."""
    built = subprocess.run(["kubectl", "kustomize", str(BASE)], capture_output=True, text=True, check=True).stdout
    objects = list(yaml.safe_load_all(built))
    assert len(objects) == len(documents()) + 1  # the settings
    for document in objects:
        kubernetes_validate.validate(document, KUBERNETES[-1], strict=True)
        assert document["metadata"]["namespace"] == "watcher"
    assert set(re.findall(r"image: (\S+)", built)) == {f"registry.example.net/watcher:{VERSION}"}


@pytest.mark.containers
@pytest.mark.skipif(shutil.which("docker") is None, reason="Docker's client is not installed")
@pytest.mark.parametrize("path", [*SINGLE, PACKAGING / "swarm/stack.yaml"], ids=lambda p: p.parent.name)
def test_compose_reads_it(path: Path) -> None:
    """Without a warning: no unknown field, no variable without a default."""
    command = ["docker", "compose", "-f", str(path), "config", "--quiet"]
    # Under a kernel in user space the client and its plugin sometimes keep each other busy for ever by their signals.
    quiet = {**os.environ, "GODEBUG": "asyncpreemptoff=1"}
    done = subprocess.run(command, capture_output=True, text=True, env=quiet, timeout=60)
    if "is not a docker command" in done.stderr:
        pytest.skip("there is no Docker Compose here")
    warnings = [line for line in done.stderr.splitlines() if "`version` is obsolete" not in line]
    assert (done.returncode, warnings) == (0, [])


@pytest.mark.parametrize("path", [*SINGLE, PACKAGING / "swarm/stack.yaml"], ids=lambda p: p.parent.name)
def test_its_settings_are_known(path: Path, tmp_path: Path) -> None:
    """And every variable of the stack is explained at its head."""
    text = path.read_text()
    for service in yaml.safe_load(text)["services"].values():
        raw = {name: str(value) for name, value in service.get("environment", {}).items()}
        variables = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in raw.items()}
        if service["image"].startswith("postgres") or "POSTGRES" in "".join(variables):
            continue
        settings_are_known(variables, tmp_path)


def test_the_template_for_unraid_fits_the_image(tmp_path: Path) -> None:
    """Its port and folder are those that the image has; its variables are known."""
    template = ET.parse(PACKAGING / "unraid/watcher.xml").getroot()
    dockerfile = (ROOT / "Dockerfile").read_text()
    by_type: dict[str, dict[str, str]] = {"Port": {}, "Path": {}, "Variable": {}}
    for config in template.findall("Config"):
        by_type[config.attrib["Type"]][config.attrib["Target"]] = config.attrib["Default"]
    assert set(by_type["Port"]) == set(re.findall(r"^EXPOSE (\d+)", dockerfile, re.MULTILINE))
    assert set(by_type["Path"]) == set(re.findall(r"^VOLUME (\S+)", dockerfile, re.MULTILINE))
    assert f"[PORT:{next(iter(by_type['Port']))}]" in (template.findtext("WebUI") or "")
    settings_are_known(by_type["Variable"], tmp_path)


@pytest.mark.parametrize("page", ["orchestration.md", "install.md", "labels.md", "docker.md"])
def test_what_the_guide_says_of_a_model_is_known(page: str, tmp_path: Path) -> None:
    """Settings, by the values that stand there, and what an image is built with."""
    text = (ROOT / "guide" / page).read_text()
    written = dict(re.findall(r"\b(WATCHER_LABELS__\w+)=([\w/.]+)", text))
    written |= dict.fromkeys(re.findall(r"`(WATCHER_LABELS__ENABLED)`", text), "true")
    settings_are_known(written, tmp_path)
    assert written.get("WATCHER_LABELS__ENABLED") == "true"
    arguments = re.findall(r"--build-arg (\w+)=true", text)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert all(re.search(rf"^ARG {name}=false$", dockerfile, re.MULTILINE) for name in arguments)
