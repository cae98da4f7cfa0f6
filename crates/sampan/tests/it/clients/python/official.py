"""The official Python client against the server: typed, dynamic, watches, patches, and create_from_yaml."""

import base64
import sys
import tempfile
import threading

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

NAMESPACE = "python"


def refuses(code, call):
    try:
        call()
    except ApiException as error:
        assert error.status == code, error
        return error
    raise AssertionError(f"{code} was expected")


def typed():
    core = client.CoreV1Api()
    made = core.create_namespaced_config_map(
        NAMESPACE,
        client.V1ConfigMap(metadata=client.V1ObjectMeta(generate_name="typed-", labels={"by": "typed"}), data={"a": "1"}),
    )
    name = made.metadata.name
    assert name.startswith("typed-") and made.metadata.uid and made.metadata.creation_timestamp.tzinfo
    made.data["b"] = "2"
    updated = core.replace_namespaced_config_map(name, NAMESPACE, made)
    refuses(409, lambda: core.replace_namespaced_config_map(name, NAMESPACE, made))
    patched = core.patch_namespaced_config_map(name, NAMESPACE, {"data": {"a": None, "c": "3"}})
    assert patched.data == {"b": "2", "c": "3"}, patched.data
    assert int(patched.metadata.resource_version) > int(updated.metadata.resource_version)
    patched = core.patch_namespaced_config_map(name, NAMESPACE, [{"op": "remove", "path": "/data/b"}])
    assert patched.data == {"c": "3"}, patched.data
    listed = core.list_namespaced_config_map(NAMESPACE, label_selector="by=typed")
    assert [item.metadata.name for item in listed.items] == [name]
    dry = core.delete_namespaced_config_map(name, NAMESPACE, dry_run="All")
    assert core.read_namespaced_config_map(name, NAMESPACE).metadata.name == name, dry
    core.delete_namespaced_config_map(name, NAMESPACE)
    missing = refuses(404, lambda: core.read_namespaced_config_map(name, NAMESPACE))
    assert "NotFound" in missing.body
    secret = core.create_namespaced_secret(
        NAMESPACE, client.V1Secret(metadata=client.V1ObjectMeta(name="typed"), string_data={"k": "v"})
    )
    assert base64.b64decode(secret.data["k"]) == b"v" and secret.type == "Opaque"
    invalid = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="Not_Valid"))
    refuses(422, lambda: core.create_namespaced_config_map(NAMESPACE, invalid))


def workloads():
    apps, autoscaling = client.AppsV1Api(), client.AutoscalingV2Api()
    labels = {"app": "web"}
    deployment = client.V1Deployment(
        metadata=client.V1ObjectMeta(name="web"),
        spec=client.V1DeploymentSpec(
            replicas=0,
            selector=client.V1LabelSelector(match_labels=labels),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels=labels),
                spec=client.V1PodSpec(
                    containers=[
                        client.V1Container(
                            name="web",
                            image="nginx",
                            resources=client.V1ResourceRequirements(limits={"cpu": "100m", "memory": "64Mi"}),
                        )
                    ]
                ),
            ),
        ),
    )
    made = apps.create_namespaced_deployment(NAMESPACE, deployment)
    assert made.spec.strategy.rolling_update.max_surge == "25%" and made.spec.revision_history_limit == 10
    scale = apps.read_namespaced_deployment_scale("web", NAMESPACE)
    scale.spec.replicas, scale.metadata.resource_version = 1, None
    assert apps.replace_namespaced_deployment_scale("web", NAMESPACE, scale).spec.replicas == 1
    apps.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 0}})
    made = autoscaling.create_namespaced_horizontal_pod_autoscaler(
        NAMESPACE,
        client.V2HorizontalPodAutoscaler(
            metadata=client.V1ObjectMeta(name="web"),
            spec=client.V2HorizontalPodAutoscalerSpec(
                max_replicas=3,
                scale_target_ref=client.V2CrossVersionObjectReference(api_version="apps/v1", kind="Deployment", name="web"),
            ),
        ),
    )
    assert made.spec.min_replicas == 1
    job = utils.create_from_dict(
        client.ApiClient(),
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "once"},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}},
        },
        namespace=NAMESPACE,
    )
    assert job[0].spec.completions == 1
    client.BatchV1Api().delete_namespaced_job("once", NAMESPACE, propagation_policy="Background")


def watched():
    core = client.CoreV1Api()
    start = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    seen = []

    def change():
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="watched"))
        core.create_namespaced_config_map(NAMESPACE, body)
        core.patch_namespaced_config_map("watched", NAMESPACE, {"data": {"a": "b"}})
        core.delete_namespaced_config_map("watched", NAMESPACE)

    changer = threading.Thread(target=change)
    changer.start()
    watcher = watch.Watch()
    for event in watcher.stream(
        core.list_namespaced_config_map, NAMESPACE, resource_version=start, timeout_seconds=30
    ):
        if event["object"].metadata.name == "watched":
            seen.append(event["type"])
        if event["type"] == "DELETED":
            watcher.stop()
    changer.join()
    assert seen == ["ADDED", "MODIFIED", "DELETED"], seen


def dynamically():
    everything = dynamic.DynamicClient(client.ApiClient())
    maps = everything.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic", "labels": {"by": "dynamic"}}, "data": {"a": "1"}}
    made = maps.create(body=body, namespace=NAMESPACE)
    assert made.data.a == "1"
    applied = maps.server_side_apply(
        body={**body, "data": {"a": "2"}}, name="dynamic", namespace=NAMESPACE, field_manager="first", force_conflicts=True
    )
    assert applied.data.a == "2"
    try:
        maps.server_side_apply(body={**body, "data": {"a": "3"}}, name="dynamic", namespace=NAMESPACE, field_manager="second")
        raise AssertionError("a conflict was expected")
    except ConflictError as error:
        assert b'conflict with "first"' in error.body.encode() or b'conflict with \\"first\\"' in error.body.encode(), error.body
    merged = maps.patch(
        body={"data": {"b": "9"}}, name="dynamic", namespace=NAMESPACE, content_type="application/merge-patch+json"
    )
    assert merged.data.to_dict() == {"a": "2", "b": "9"}
    assert [item.metadata.name for item in maps.get(namespace=NAMESPACE, label_selector="by=dynamic").items] == ["dynamic"]
    for event in maps.watch(namespace=NAMESPACE, name="dynamic", timeout=1):
        assert event["object"].metadata.name == "dynamic"
    pods = everything.resources.get(api_version="v1", kind="Pod")
    assert pods.subresources["log"] and pods.subresources["eviction"]
    by_short_name = everything.resources.search(short_names=["deploy"])
    assert any(resource.kind == "Deployment" for resource in by_short_name)
    maps.delete(name="dynamic", namespace=NAMESPACE)
    try:
        maps.get(name="dynamic", namespace=NAMESPACE)
        raise AssertionError("it was deleted")
    except NotFoundError:
        pass


def from_yaml():
    text = """
apiVersion: v1
kind: Service
metadata: {name: from-yaml}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: from-yaml}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: from-yaml}, rules: []}
"""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        utils.create_from_yaml(client.ApiClient(), file.name, namespace=NAMESPACE)
        try:
            utils.create_from_yaml(client.ApiClient(), file.name, namespace=NAMESPACE)
            raise AssertionError("everything is there already")
        except utils.FailToCreateError as error:
            assert all(one.status == 409 for one in error.api_exceptions), error
    service = client.CoreV1Api().read_namespaced_service("from-yaml", NAMESPACE)
    assert service.spec.cluster_ip and service.spec.type == "ClusterIP"
    token = client.CoreV1Api().create_namespaced_service_account_token(
        "from-yaml",
        NAMESPACE,
        client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[])),
    )
    review = client.AuthenticationV1Api().create_token_review(
        client.V1TokenReview(spec=client.V1TokenReviewSpec(token=token.status.token))
    )
    assert review.status.user.username == f"system:serviceaccount:{NAMESPACE}:from-yaml", review.status


def reviews():
    review = client.AuthorizationV1Api().create_self_subject_access_review(
        client.V1SelfSubjectAccessReview(
            spec=client.V1SelfSubjectAccessReviewSpec(
                resource_attributes=client.V1ResourceAttributes(verb="list", resource="pods")
            )
        )
    )
    assert review.status.allowed
    assert client.VersionApi().get_code().git_version.startswith("v1.36")
    groups = {group.name for group in client.ApisApi().get_api_versions().groups}
    assert {"apps", "batch", "rbac.authorization.k8s.io"} <= groups, groups


def main():
    config.load_kube_config()
    client.CoreV1Api().create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    for part in (typed, workloads, watched, dynamically, from_yaml, reviews):
        print(part.__name__, flush=True)
        part()
    client.CoreV1Api().delete_namespace(NAMESPACE)


if __name__ == "__main__":
    sys.exit(main())
