"""The manifests fit Kubernetes' own schemas, our settings and each other, and are closed as they say.

The schemas come inside the package kubernetes-validate. That a cluster takes them is not tested.
"""

import copy
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from ingest.runtime.settings import Settings
from tests.deploy import prometheus_rule

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "kubernetes"
KUSTOMIZATION: Final[dict[str, Any]] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
VERSIONS: Final = ("1.32", "1.37")  # the oldest that should do, and the newest whose schemas there are


def objects(*files: str) -> list[dict[str, Any]]:
    return [each for file in files for each in yaml.safe_load_all((FOLDER / file).read_text("utf-8"))]


APPLIED: Final = objects(*KUSTOMIZATION["resources"])
PAGE: Final = objects("page/page.yaml", "page/network.yaml")  # an optional part
SECRETS: Final = {
    each["metadata"]["name"]: each["stringData"].keys()
    for each in objects("secret.example.yaml", "page/secret.example.yaml")
}
# `keywords` is made by keywords.sh: tests/docs/test_kubernetes_keywords.py
CONFIG_MAPS: Final = {each["name"] for each in KUSTOMIZATION["configMapGenerator"]} | {"keywords"}
WORKLOADS: Final = {
    each["metadata"]["name"]: each
    for each in [*APPLIED, *PAGE]
    if each["kind"] in ("StatefulSet", "Deployment")
}
PODS: Final[dict[str, dict[str, Any]]] = {
    n: each["spec"]["template"]["spec"] for n, each in WORKLOADS.items()
}
CONTAINERS: Final[dict[str, dict[str, Any]]] = {name: pod["containers"][0] for name, pod in PODS.items()}
BOTH: Final = pytest.mark.parametrize("name", ["ingest", "tagger"])
ALL: Final = pytest.mark.parametrize("name", ["ingest", "tagger", "page"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "manifest",
    [*APPLIED, *PAGE, *objects("secret.example.yaml", "page/secret.example.yaml")],
    ids=lambda m: f"{m['kind']}-{m['metadata']['name']}",
)
def test_an_object_fits_the_schema_of_its_kind(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_would_not_fit() -> None:
    wrong = {**WORKLOADS["tagger"], "spec": {**WORKLOADS["tagger"]["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_manifest_is_applied_but_the_example_of_a_secret() -> None:
    there = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert there == set(KUSTOMIZATION["resources"])


@ALL
def test_a_container_has_no_privilege_and_writes_to_nothing_but_its_volumes(name: str) -> None:
    pod, container = PODS[name], CONTAINERS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


@BOTH
def test_probes_ask_the_admin_address(name: str) -> None:
    container, ports = (
        CONTAINERS[name],
        {port["name"]: port["containerPort"] for port in CONTAINERS[name]["ports"]},
    )
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/ready", "port": "admin"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "admin"}
    assert ports["admin"] == settings_with_defaults()[f"{name.upper()}_ADMIN_PORT"]
    assert {each["name"]: each.get("value") for each in container["env"]}[
        f"{name.upper()}_ADMIN_HOST"
    ] == "0.0.0.0"


@ALL
def test_settings_exist_and_secrets_come_from_secrets(name: str) -> None:
    known = settings_with_defaults()
    for each in CONTAINERS[name]["env"]:
        assert each["name"].removesuffix("_FILE") in known
        if "valueFrom" in each:
            source = each["valueFrom"]["secretKeyRef"]
            assert source["key"] in SECRETS[source["name"]]
    literals = next(each for each in KUSTOMIZATION["configMapGenerator"] if each["name"] == "kafka")[
        "literals"
    ]
    assert {literal.split("=")[0] for literal in literals} <= known.keys()
    assert {each["configMapRef"]["name"] for each in CONTAINERS[name]["envFrom"]} <= CONFIG_MAPS


@ALL
def test_every_file_that_a_setting_names_is_mounted(name: str) -> None:
    pod, container = PODS[name], CONTAINERS[name]
    volumes = {each["name"]: each for each in pod.get("volumes", [])}
    claims = {each["metadata"]["name"] for each in WORKLOADS[name]["spec"].get("volumeClaimTemplates", [])}
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    assert set(mounts.values()) <= volumes.keys() | claims
    for each in container["env"]:
        if each.get("value", "").startswith("/"):
            path = Path(each["value"])
            place = next(mount for mount in (str(path), str(path.parent)) if mount in mounts)
            if each["name"].endswith("_FILE"):
                assert path.name in SECRETS[volumes[mounts[place]]["secret"]["secretName"]]
    assert {each["configMap"]["name"] for each in volumes.values() if "configMap" in each} <= CONFIG_MAPS


def component(name: str) -> dict[str, Any]:
    """What a folder beside the manifests adds to them where it is asked for."""
    held: dict[str, Any] = yaml.safe_load((FOLDER / name / "kustomization.yaml").read_text("utf-8"))
    assert held["kind"] == "Component"
    assert f"#   - {name}" in (FOLDER / "kustomization.yaml").read_text("utf-8")
    return held


def patched(name: str) -> dict[str, Any]:
    """A workload as kafka-tls makes it: lists whose entries have names or mount paths grow, as Kubernetes merges them."""
    workload, (patch,) = copy.deepcopy(WORKLOADS[name]), objects(f"kafka-tls/{name}.yaml")
    assert [patch[key] for key in ("apiVersion", "kind")] == [workload[key] for key in ("apiVersion", "kind")]
    assert patch["metadata"] == {"name": name}
    pod, more = workload["spec"]["template"]["spec"], patch["spec"]["template"]["spec"]
    (container,), (added,) = pod["containers"], more["containers"]
    assert added.pop("name") == container["name"]
    for held, extra in ((container, added), (pod, {"volumes": more["volumes"]})):
        for key, entries in extra.items():
            known = {each.get("mountPath", each["name"]) for each in held[key]}
            assert not known & {each.get("mountPath", each["name"]) for each in entries}
            held[key] += entries
    return workload


@ALL
def test_kafka_with_tls_is_reached_with_a_user_and_files_that_are_mounted(name: str) -> None:
    patches = {each.get("path"): each.get("target") for each in component("kafka-tls")["patches"]}
    # One that names its target is left out where the page is.
    assert patches[f"{name}.yaml"] == ({"kind": "Deployment", "name": "page"} if name == "page" else None)
    secrets = {
        each["metadata"]["name"]: each["stringData"] for each in objects("kafka-tls/secret.example.yaml")
    }
    workload = patched(name)
    for version in VERSIONS:
        kubernetes_validate.validate(workload, version, strict=True)
    pod = workload["spec"]["template"]["spec"]
    mounts = {each["mountPath"]: each["name"] for each in pod["containers"][0]["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    given = {each["name"]: each for each in pod["containers"][0]["env"] if each["name"].startswith("KAFKA_")}
    assert given.keys() == {
        "KAFKA_SECURITY_PROTOCOL",
        "KAFKA_SASL_MECHANISM",
        "KAFKA_SASL_USERNAME",
        "KAFKA_SASL_PASSWORD_FILE",
        "KAFKA_SSL_CAFILE",
    }
    user = given["KAFKA_SASL_USERNAME"]["valueFrom"]["secretKeyRef"]
    assert user["key"] in secrets[user["name"]]
    for variable in ("KAFKA_SASL_PASSWORD_FILE", "KAFKA_SSL_CAFILE"):
        path = Path(given[variable]["value"])
        assert path.name in secrets[volumes[mounts[str(path.parent)]]["secret"]["secretName"]]


def test_the_port_of_kafka_is_where_kafka_with_tls_changes_it() -> None:
    (patch,) = [
        yaml.safe_load(each["patch"])[0] for each in component("kafka-tls")["patches"] if "patch" in each
    ]
    assert patch["path"] == "/spec/egress/1/ports/0/port"
    for policy in (each for each in [*APPLIED, *PAGE] if each["kind"] == "NetworkPolicy"):
        assert policy["spec"]["egress"][1]["ports"] == [{"port": 9092}]


@pytest.mark.parametrize("name", ["tagger", "page"])
def test_the_tagger_and_the_page_reach_no_private_address_by_https(name: str) -> None:
    (policy,) = (
        each
        for each in [*APPLIED, *PAGE]
        if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == name
    )
    outside = policy["spec"]["egress"][-1]["to"][0]["ipBlock"]
    ranges = [ip_network(each) for each in outside["except"]]
    for address in (
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.254",
        "172.31.0.1",
        "192.168.1.1",
        "169.254.169.254",
    ):
        assert any(ip_address(address) in each for each in ranges), address


def test_every_pod_is_found_by_the_prometheus_operator() -> None:
    assert component("monitoring")["resources"] == ["podmonitor.yaml", "rules.yaml"]
    (monitor,) = objects("monitoring/podmonitor.yaml")
    (labels,) = (each["pairs"] for each in KUSTOMIZATION["labels"] if each["includeSelectors"])
    assert monitor["spec"]["selector"]["matchLabels"] == labels
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    for name in ("ingest", "tagger"):  # the page has no metrics
        assert endpoint["port"] in {port["name"] for port in CONTAINERS[name]["ports"]}
        assert WORKLOADS[name]["spec"]["template"]["metadata"]["labels"] == {
            monitor["spec"]["jobLabel"]: name
        }


def test_the_operators_rules_are_those_that_are_tested() -> None:
    """`python -m tests.deploy.prometheus_rule` rewrites them."""
    assert prometheus_rule.MANIFEST.read_text("utf-8") == prometheus_rule.manifest()
    rules = yaml.safe_load((FOLDER.parent / "prometheus/rules.yml").read_text("utf-8"))
    assert objects("monitoring/rules.yaml")[0]["spec"] == rules


def test_neither_service_has_the_others_secret() -> None:
    assert secrets_of("ingest") == {"livechat-webhook"}
    assert secrets_of("tagger") == {"livechat-api"}


def test_the_page_is_one_pod_that_only_the_cluster_reaches_and_only_its_proxy_may() -> None:
    assert component("page")["resources"] == ["page.yaml", "network.yaml"]
    listed = (FOLDER / "kustomization.yaml").read_text("utf-8")
    assert listed.index("#   - page") < listed.index("#   - kafka-tls")  # whose patches then find it
    spec = WORKLOADS["page"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})  # one process can use a ledger
    labels = spec["template"]["metadata"]["labels"]
    found = {each["kind"]: each for each in PAGE}
    assert found["Service"]["spec"]["type"] == "ClusterIP"
    assert found["Service"]["spec"]["selector"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    (let_in,) = found["NetworkPolicy"]["spec"]["ingress"]
    assert let_in["ports"] == [{"port": "page"}]
    (port,) = CONTAINERS["page"]["ports"]
    assert port["containerPort"] == settings_with_defaults()["WEB_PORT"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert CONTAINERS["page"][probe]["tcpSocket"] == {"port": "page"}
    ledger = next(each for each in PODS["page"]["volumes"] if each["name"] == "ledger")
    assert ledger["persistentVolumeClaim"]["claimName"] == found["PersistentVolumeClaim"]["metadata"]["name"]
    assert secrets_of("page") == {"livechat-api", "livechat-page"}


def secrets_of(name: str) -> set[str]:
    mounted = {each["secret"]["secretName"] for each in PODS[name]["volumes"] if "secret" in each}
    named = {e["valueFrom"]["secretKeyRef"]["name"] for e in CONTAINERS[name]["env"] if "valueFrom" in e}
    return mounted | named


@BOTH
def test_selectors_of_all_objects_find_the_pods(name: str) -> None:
    labels = WORKLOADS[name]["spec"]["template"]["metadata"]["labels"]
    own = [each for each in APPLIED if each["metadata"]["name"] == name]
    assert {each["kind"] for each in own} >= {"PodDisruptionBudget", "NetworkPolicy"}
    for each in own:
        spec = each["spec"]
        selector = spec.get("podSelector") or spec["selector"]
        assert selector.get("matchLabels", selector) == labels


def settings_with_defaults() -> dict[str, Any]:
    return {
        name.upper(): field.default
        for each in settings_classes()
        for name, field in each.model_fields.items()
    }


def settings_classes() -> Iterator[type[Settings]]:
    import ingest.settings
    import tagger.settings

    assert ingest.settings, tagger.settings  # imported for the classes that they define
    classes = [Settings]
    while classes:
        settings = classes.pop()
        classes += settings.__subclasses__()
        yield settings
