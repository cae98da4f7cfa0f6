// What goes on in time: informers by watch lists, retried watches, leader election, events.
package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	watchtools "k8s.io/client-go/tools/watch"
)

var watchChecks = []check{
	{"informers_by_watch_list", informersByWatchList},
	{"dynamic_informers", dynamicInformers},
	{"a_watch_is_taken_up_again", watchIsTakenUpAgain},
	{"leaders_follow_each_other", leadersFollow},
	{"events_repeat_and_form_series", eventsAreRecorded},
}

func informersByWatchList(ctx context.Context, s *suite) error {
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	for i := range 20 {
		if _, err := maps.Create(ctx, configMap(fmt.Sprintf("m%d", i), nil), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	before := s.requests.count()
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(s.namespace))
	informer := factory.Core().V1().ConfigMaps()
	var added, updated, deleted atomic.Int32
	informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { added.Add(1) },
		UpdateFunc: func(any, any) { updated.Add(1) },
		DeleteFunc: func(any) { deleted.Add(1) },
	})
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		return fmt.Errorf("the informer did not sync: %v", s.requests.since(before))
	}
	asked := strings.Join(s.requests.since(before), "\n")
	all, err := informer.Lister().ConfigMaps(s.namespace).List(labels.Everything())
	if err != nil {
		return err
	}
	changed := configMap("m1", map[string]string{"k": "v"})
	if _, err := maps.Update(ctx, changed, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := maps.Delete(ctx, "m2", metav1.DeleteOptions{}); err != nil {
		return err
	}
	return first(
		// kube-root-ca.crt is there, too, or comes in a moment.
		must(len(all) >= 20, "listed: %d", len(all)),
		must(strings.Contains(asked, "sendInitialEvents=true") && !strings.Contains(asked, "limit=500"), "asked:\n%s", asked),
		must(strings.Contains(asked, "application/vnd.kubernetes.protobuf;stream=watch"), "not in protobuf:\n%s", asked),
		until(ctx, "the handlers", func() (bool, error) {
			return added.Load() >= 20 && updated.Load() >= 1 && deleted.Load() == 1, nil
		}))
}

func dynamicInformers(ctx context.Context, s *suite) error {
	client, err := dynamic.NewForConfig(s.config)
	if err != nil {
		return err
	}
	if _, err := s.client.AppsV1().Deployments(s.namespace).Create(ctx, deployment("web", 1), metav1.CreateOptions{}); err != nil {
		return err
	}
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, s.namespace, nil)
	lister := factory.ForResource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}).Lister()
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return until(ctx, "the deployment's replica set in the informer", func() (bool, error) {
		all, err := lister.ByNamespace(s.namespace).List(labels.Everything())
		return len(all) == 1, err
	})
}

func watchIsTakenUpAgain(ctx context.Context, s *suite) error {
	maps := s.client.CoreV1().ConfigMaps(s.namespace)
	made, err := maps.Create(ctx, configMap("a", nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	// Every watch ends after a second; the watcher goes on from where it was.
	seconds := int64(1)
	watcher, err := watchtools.NewRetryWatcherWithContext(ctx, made.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.TimeoutSeconds = &seconds
			options.FieldSelector = "metadata.name=a"
			return maps.Watch(ctx, options)
		},
	})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	go func() {
		for i := range 8 {
			time.Sleep(400 * time.Millisecond)
			maps.Update(ctx, configMap("a", map[string]string{"i": fmt.Sprint(i)}), metav1.UpdateOptions{})
		}
	}()
	for i := range 8 {
		select {
		case event := <-watcher.ResultChan():
			found, is := event.Object.(*corev1.ConfigMap)
			if !is || event.Type != watch.Modified || found.Data["i"] != fmt.Sprint(i) {
				return fmt.Errorf("event %d: %v", i, event)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func leadersFollow(ctx context.Context, s *suite) error {
	leads := make(chan string, 2)
	elect := func(ctx context.Context, name string) {
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Name: "lock", Namespace: s.namespace},
				Client:     s.client.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: name},
			},
			LeaseDuration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: 200 * time.Millisecond,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads <- name },
				OnStoppedLeading: func() {},
			},
		})
	}
	one, stop := context.WithCancel(ctx)
	go elect(one, "one")
	if err := next(ctx, leads, "one"); err != nil {
		stop()
		return err
	}
	two, end := context.WithCancel(ctx)
	defer end()
	go elect(two, "two")
	stop()
	if err := next(ctx, leads, "two"); err != nil {
		return err
	}
	lease, err := s.client.CoordinationV1().Leases(s.namespace).Get(ctx, "lock", metav1.GetOptions{})
	if err != nil {
		return err
	}
	return must(*lease.Spec.HolderIdentity == "two" && *lease.Spec.LeaseTransitions >= 1, "lease: %v", lease.Spec)
}

func next(ctx context.Context, names chan string, wanted string) error {
	select {
	case name := <-names:
		return must(name == wanted, "%s leads", name)
	case <-ctx.Done():
		return fmt.Errorf("%s does not lead", wanted)
	}
}

func eventsAreRecorded(ctx context.Context, s *suite) error {
	about, err := s.client.CoreV1().ConfigMaps(s.namespace).Create(ctx, configMap("a", nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	old := record.NewBroadcaster(record.WithContext(ctx))
	defer old.Shutdown()
	old.StartRecordingToSink(&typedSink{s})
	recorder := old.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "suite"})
	modern := events.NewBroadcaster(&events.EventSinkImpl{Interface: s.client.EventsV1()})
	defer modern.Shutdown()
	if err := modern.StartRecordingToSinkWithContext(ctx); err != nil {
		return err
	}
	newer := modern.NewRecorder(scheme.Scheme, "suite.test/controller")
	for range 3 {
		recorder.Event(about, corev1.EventTypeWarning, "Again", "it happened")
		newer.Eventf(about, nil, corev1.EventTypeNormal, "Anew", "Doing", "it went on")
	}
	return first(
		until(ctx, "an event with count 3", func() (bool, error) {
			all, err := s.client.CoreV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Again"})
			return err == nil && len(all.Items) == 1 && all.Items[0].Count == 3, err
		}),
		until(ctx, "an event with a series", func() (bool, error) {
			all, err := s.client.EventsV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Anew"})
			return err == nil && len(all.Items) == 1 && isSeries(all.Items[0]), err
		}))
}

func isSeries(event eventsv1.Event) bool {
	return event.Series != nil && event.Series.Count >= 2 && event.ReportingController == "suite.test/controller"
}

// typedSink writes events as a component's recorder does.
type typedSink struct{ s *suite }

func (t *typedSink) sink() *typedcorev1.EventSinkImpl {
	return &typedcorev1.EventSinkImpl{Interface: t.s.client.CoreV1().Events(t.s.namespace)}
}
func (t *typedSink) Create(event *corev1.Event) (*corev1.Event, error) { return t.sink().Create(event) }
func (t *typedSink) Update(event *corev1.Event) (*corev1.Event, error) { return t.sink().Update(event) }
func (t *typedSink) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	return t.sink().Patch(event, data)
}
