// The library that Kubernetes' own programs are written with, against a server: every check is named, and prints
// "ok NAME" or "FAILED NAME: why". With NODE set, the checks that need a container run, too.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// How long one check may take.
const patience = 60 * time.Second

type suite struct {
	config    *rest.Config
	client    *kubernetes.Clientset
	namespace string
	requests  *requests
}

// requests is what went over the wire, a line each.
type requests struct {
	mutex sync.Mutex
	lines []string
	next  http.RoundTripper
}

func (r *requests) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(request)
	if err == nil {
		r.mutex.Lock()
		r.lines = append(r.lines, fmt.Sprintf("%s %s %d %s", request.Method, request.URL.RequestURI(), answer.StatusCode,
			answer.Header.Get("Content-Type")))
		r.mutex.Unlock()
	}
	return answer, err
}

// since gives the lines after the first so many.
func (r *requests) since(count int) []string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]string{}, r.lines[count:]...)
}

func (r *requests) count() int {
	return len(r.since(0))
}

type check struct {
	name string
	run  func(context.Context, *suite) error
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	config.QPS, config.Burst = 1000, 1000
	all := append(apiChecks, watchChecks...)
	if os.Getenv("NODE") != "" {
		all = append(all, nodeChecks...)
	}
	failed := 0
	for index, check := range all {
		if err := runOne(rest.CopyConfig(config), fmt.Sprintf("client-go-%d", index), check); err != nil {
			fmt.Printf("FAILED %s: %v\n", check.name, err)
			failed++
		} else {
			fmt.Println("ok", check.name)
		}
	}
	fmt.Printf("%d checks, %d failed\n", len(all), failed)
	if failed > 0 {
		os.Exit(1)
	}
}

// runOne gives a check a namespace of its own, in which pods may be made.
func runOne(config *rest.Config, namespace string, check check) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	wire := &requests{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		wire.next = next
		return wire
	})
	typed := rest.CopyConfig(config)
	typed.ContentType = "application/vnd.kubernetes.protobuf"
	typed.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(typed)
	if err != nil {
		return err
	}
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, made, metav1.CreateOptions{}); err != nil {
		return err
	}
	defer client.CoreV1().Namespaces().Delete(context.Background(), namespace, metav1.DeleteOptions{})
	err = until(ctx, "the default service account", func() (bool, error) {
		_, err := client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	if err != nil {
		return err
	}
	return check.run(ctx, &suite{config, client, namespace, wire})
}

// until asks again until something holds.
func until(ctx context.Context, what string, holds func() (bool, error)) error {
	ask := func(context.Context) (bool, error) { return holds() }
	if err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, ask); err != nil {
		return fmt.Errorf("waiting for %s: %w", what, err)
	}
	return nil
}

// must says what was expected and what was found otherwise.
func must(holds bool, format string, values ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, values...)
}

// first gives the first error.
func first(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}
