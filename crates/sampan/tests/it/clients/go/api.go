// Requests and answers: typed, dynamic and metadata clients, server-side apply, discovery, scale, access.
package main

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

var apiChecks = []check{
	{"typed_client_in_protobuf", typedClient},
	{"errors_are_told_apart", errorsAreToldApart},
	{"lists_in_pages", listsInPages},
	{"conflicts_are_retried", conflictsAreRetried},
	{"typed_server_side_apply", typedApply},
	{"dynamic_server_side_apply", dynamicApply},
	{"metadata_client", metadataClient},
	{"discovery_and_mapping", discoveryAndMapping},
	{"scale_client", scaleClient},
	{"tokens_reviews_and_impersonation", tokensAndReviews},
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "none.test/none:1"}}},
			},
		},
	}
}

func typedClient(ctx context.Context, s *suite) error {
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	before := s.requests.count()
	made, err := maps.Create(ctx, configMap("a", map[string]string{"k": "v"}), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	patched, err := maps.Patch(ctx, "a", types.StrategicMergePatchType, []byte(`{"data":{"l":"w"}}`), metav1.PatchOptions{})
	if err != nil {
		return err
	}
	list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "!none", FieldSelector: "metadata.name=a"})
	if err != nil {
		return err
	}
	uid := made.UID
	stale := types.UID("other")
	wrong := maps.Delete(ctx, "a", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &stale}})
	right := maps.Delete(ctx, "a", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	for _, line := range s.requests.since(before) {
		if !strings.HasSuffix(line, "application/vnd.kubernetes.protobuf") {
			return fmt.Errorf("not in protobuf: %s", line)
		}
	}
	return first(
		must(patched.Data["k"] == "v" && patched.Data["l"] == "w", "patched: %v", patched.Data),
		must(len(list.Items) == 1 && list.Items[0].UID == uid, "listed: %v", list.Items),
		must(apierrors.IsConflict(wrong), "a wrong UID: %v", wrong), right)
}

func errorsAreToldApart(ctx context.Context, s *suite) error {
	maps, pods := s.client.CoreV1().ConfigMaps(s.namespace), s.client.CoreV1().Pods(s.namespace)
	_, absent := maps.Get(ctx, "none", metav1.GetOptions{})
	if _, err := maps.Create(ctx, configMap("a", nil), metav1.CreateOptions{}); err != nil {
		return err
	}
	_, twice := maps.Create(ctx, configMap("a", nil), metav1.CreateOptions{})
	_, invalid := pods.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}, metav1.CreateOptions{})
	cause, hasCause := apierrors.StatusCause(invalid, metav1.CauseTypeFieldValueRequired)
	stale := configMap("a", nil)
	stale.ResourceVersion = "1"
	_, conflict := maps.Update(ctx, stale, metav1.UpdateOptions{})
	_, expired := maps.List(ctx, metav1.ListOptions{Limit: 1, Continue: "nonsense"})
	return first(
		must(apierrors.IsNotFound(absent), "absent: %v", absent),
		must(apierrors.IsAlreadyExists(twice), "twice: %v", twice),
		must(apierrors.IsInvalid(invalid) && hasCause && cause.Field == "spec.containers", "invalid: %v %v", invalid, cause),
		must(apierrors.IsConflict(conflict), "conflict: %v", conflict),
		must(apierrors.IsBadRequest(expired), "a continue token: %v", expired))
}

func listsInPages(ctx context.Context, s *suite) error {
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	for i := range 25 {
		made := configMap(fmt.Sprintf("m%02d", i), nil)
		made.Labels = map[string]string{"many": "yes"}
		if _, err := maps.Create(ctx, made, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return maps.List(ctx, options)
	})
	pages.PageSize = 10
	var seen []string
	err := pages.EachListItem(ctx, metav1.ListOptions{LabelSelector: "many"}, func(item runtime.Object) error {
		seen = append(seen, item.(*corev1.ConfigMap).Name)
		return nil
	})
	err = first(err, must(len(seen) == 25 && seen[24] == "m24", "seen: %v", seen))
	if err != nil {
		return err
	}
	err = maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "many"})
	left, listed := maps.List(ctx, metav1.ListOptions{LabelSelector: "many"})
	return first(err, listed, must(len(left.Items) == 0, "left: %d", len(left.Items)))
}

func conflictsAreRetried(ctx context.Context, s *suite) error {
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	if _, err := maps.Create(ctx, configMap("count", map[string]string{"n": ""}), metav1.CreateOptions{}); err != nil {
		return err
	}
	results := make(chan error)
	for range 8 {
		go func() {
			results <- retry.RetryOnConflict(retry.DefaultBackoff, func() error {
				found, err := maps.Get(ctx, "count", metav1.GetOptions{})
				if err != nil {
					return err
				}
				found.Data["n"] += "1"
				_, err = maps.Update(ctx, found, metav1.UpdateOptions{})
				return err
			})
		}()
	}
	written := 0
	for range 8 {
		if err := <-results; err == nil {
			written++
		} else if !apierrors.IsConflict(err) {
			return err
		}
	}
	found, err := maps.Get(ctx, "count", metav1.GetOptions{})
	return first(err, must(len(found.Data["n"]) == written && written > 0, "%d writes, %q", written, found.Data["n"]))
}

func typedApply(ctx context.Context, s *suite) error {
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	options := func(manager string) metav1.ApplyOptions { return metav1.ApplyOptions{FieldManager: manager} }
	wanted := applycorev1.ConfigMap("a", s.namespace).WithData(map[string]string{"one": "1", "two": "2"})
	made, err := maps.Apply(ctx, wanted, options("first"))
	if err != nil {
		return err
	}
	own, err := applycorev1.ExtractConfigMap(made, "first")
	if err != nil {
		return err
	}
	other := applycorev1.ConfigMap("a", s.namespace).WithData(map[string]string{"one": "other"})
	_, conflict := maps.Apply(ctx, other, options("second"))
	forced := options("second")
	forced.Force = true
	taken, err := maps.Apply(ctx, other, forced)
	if err != nil {
		return err
	}
	less, err := maps.Apply(ctx, applycorev1.ConfigMap("a", s.namespace), options("first"))
	if err != nil {
		return err
	}
	return first(
		must(own.Data["two"] == "2", "extracted: %v", own.Data),
		must(apierrors.IsConflict(conflict) && strings.Contains(conflict.Error(), `conflict with "first": .data.one`), "conflict: %v", conflict),
		must(taken.Data["one"] == "other", "forced: %v", taken.Data),
		must(len(less.Data) == 1 && less.Data["one"] == "other", "what nobody applies is gone: %v", less.Data))
}

func dynamicApply(ctx context.Context, s *suite) error {
	client, err := dynamic.NewForConfig(s.config)
	if err != nil {
		return err
	}
	resource := client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(s.namespace)
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(deployment("web", 2))
	if err != nil {
		return err
	}
	unstructured.RemoveNestedField(tree, "status")
	unstructured.RemoveNestedField(tree, "metadata", "creationTimestamp")
	tree["apiVersion"], tree["kind"] = "apps/v1", "Deployment"
	made, err := resource.Apply(ctx, "web", &unstructured.Unstructured{Object: tree}, metav1.ApplyOptions{FieldManager: "me"})
	if err != nil {
		return err
	}
	strategy, _, _ := unstructured.NestedString(made.Object, "spec", "strategy", "type")
	status := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": "web"}, "status": map[string]any{"collisionCount": int64(3)}}}
	_, err = resource.ApplyStatus(ctx, "web", status, metav1.ApplyOptions{FieldManager: "status", Force: true})
	if err != nil {
		return err
	}
	found, err := resource.Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	managers := []string{}
	for _, entry := range found.GetManagedFields() {
		managers = append(managers, entry.Manager+"/"+entry.Subresource)
	}
	text := strings.Join(managers, " ")
	return first(
		must(strategy == "RollingUpdate", "no default: %q", strategy),
		must(strings.Contains(text, "me/") && strings.Contains(text, "status/status"), "managers: %s", text))
}

func metadataClient(ctx context.Context, s *suite) error {
	client, err := metadata.NewForConfig(s.config)
	if err != nil {
		return err
	}
	if _, err := s.client.CoreV1().Secrets(s.namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "s", Annotations: map[string]string{"a": "b"}}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	resource := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(s.namespace)
	found, err := resource.Get(ctx, "s", metav1.GetOptions{})
	if err != nil {
		return err
	}
	patched, err := resource.Patch(ctx, "s", types.MergePatchType, []byte(`{"metadata":{"labels":{"l":"m"}}}`), metav1.PatchOptions{})
	if err != nil {
		return err
	}
	list, err := resource.List(ctx, metav1.ListOptions{LabelSelector: "l=m"})
	return first(err,
		must(found.Annotations["a"] == "b", "found: %v", found),
		must(patched.Labels["l"] == "m" && len(list.Items) == 1, "patched: %v, listed: %d", patched.Labels, len(list.Items)))
}

func discoveryAndMapping(_ context.Context, s *suite) error {
	client := discovery.NewDiscoveryClientForConfigOrDie(s.config)
	groups, resources, err := client.ServerGroupsAndResources()
	if err != nil {
		return err
	}
	preferred, err := client.ServerPreferredNamespacedResources()
	if err != nil {
		return err
	}
	mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client)), client, nil)
	short, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: "deploy"})
	if err != nil {
		return err
	}
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "batch", Kind: "CronJob"})
	if err != nil {
		return err
	}
	version, err := client.ServerVersion()
	if err != nil {
		return err
	}
	paths, err := client.OpenAPIV3().Paths()
	if err != nil {
		return err
	}
	text, err := paths["apis/apps/v1"].Schema("application/json")
	return first(err,
		must(len(groups) > 15 && len(resources) > 15 && len(preferred) > 10, "groups: %d, resources: %d", len(groups), len(resources)),
		must(short.Resource == "deployments" && mapping.Resource.Resource == "cronjobs", "mapped: %v %v", short, mapping.Resource),
		must(version.Major == "1" && version.Minor == "36", "version: %v", version),
		must(strings.Contains(string(text), "io.k8s.api.apps.v1.Deployment"), "no schema of Deployment"))
}

func scaleClient(ctx context.Context, s *suite) error {
	if _, err := s.client.AppsV1().Deployments(s.namespace).Create(ctx, deployment("web", 0), metav1.CreateOptions{}); err != nil {
		return err
	}
	found := discovery.NewDiscoveryClientForConfigOrDie(s.config)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(found))
	client, err := scale.NewForConfig(s.config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(found))
	if err != nil {
		return err
	}
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	now, err := client.Scales(s.namespace).Get(ctx, resource, "web", metav1.GetOptions{})
	if err != nil {
		return err
	}
	now.Spec.Replicas = 3
	then, err := client.Scales(s.namespace).Update(ctx, resource, now, metav1.UpdateOptions{})
	return first(err, must(then.Spec.Replicas == 3 && then.Status.Selector == "app=web", "scale: %v", then))
}

func tokensAndReviews(ctx context.Context, s *suite) error {
	accounts := s.client.CoreV1().ServiceAccounts(s.namespace)
	seconds := int64(1200)
	token, err := accounts.CreateToken(ctx, "default", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	review, err := s.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	as := rest.AnonymousClientConfig(s.config)
	as.BearerToken = token.Status.Token
	robot, err := kubernetes.NewForConfig(as)
	if err != nil {
		return err
	}
	who, err := robot.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	other := rest.CopyConfig(s.config)
	other.Impersonate = rest.ImpersonationConfig{UserName: "jane", Groups: []string{"dev"}}
	jane, err := kubernetes.NewForConfig(other)
	if err != nil {
		return err
	}
	may, err := jane.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: s.namespace, Verb: "delete", Resource: "secrets"}}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	_, refused := jane.CoreV1().Secrets(s.namespace).List(ctx, metav1.ListOptions{})
	name := "system:serviceaccount:" + s.namespace + ":default"
	return first(
		must(review.Status.Authenticated && review.Status.User.Username == name, "review: %v", review.Status),
		must(who.Status.UserInfo.Username == name, "who: %v", who.Status),
		must(!may.Status.Allowed, "jane may: %v", may.Status),
		must(apierrors.IsForbidden(refused), "jane lists: %v", refused))
}
