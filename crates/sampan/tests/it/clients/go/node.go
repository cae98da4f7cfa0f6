// What needs a container: logs, exec and port-forward over WebSockets, eviction.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
)

var nodeChecks = []check{
	{"logs_exec_port_forward_eviction", lifeOfAPod},
}

func lifeOfAPod(ctx context.Context, s *suite) error {
	pods := s.client.CoreV1().Pods(s.namespace)
	grace := int64(0)
	_, err := pods.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "box"}, Spec: corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		Containers: []corev1.Container{{Name: "main", Image: "busybox", ImagePullPolicy: corev1.PullIfNotPresent,
			Command: []string{"sh", "-c", "mkdir /www; echo page > /www/index.html; echo begun; exec httpd -f -p 8080 -h /www"}}},
	}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	err = until(ctx, "the pod to run and to say so", func() (bool, error) {
		text, err := pods.GetLogs("box", &corev1.PodLogOptions{}).DoRaw(ctx)
		return err == nil && string(text) == "begun\n", nil
	})
	if err != nil {
		return err
	}
	if err := first(execs(ctx, s), forwards(s)); err != nil {
		return err
	}
	err = pods.EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "box"}})
	return first(err, until(ctx, "the pod to go", func() (bool, error) {
		list, err := pods.List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, err
	}))
}

func execs(ctx context.Context, s *suite) error {
	request := s.client.CoreV1().RESTClient().Get().Resource("pods").Namespace(s.namespace).Name("box").SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: []string{"sh", "-c", "cat; echo err >&2; exit 5"}, Stdin: true, Stdout: true,
			Stderr: true}, scheme.ParameterCodec)
	sockets, err := remotecommand.NewWebSocketExecutor(s.config, "GET", request.URL().String())
	if err != nil {
		return err
	}
	spdy, err := remotecommand.NewSPDYExecutor(s.config, "POST", request.URL())
	if err != nil {
		return err
	}
	sent := strings.Repeat("0123456789abcdef", 1<<16)
	for name, executor := range map[string]remotecommand.Executor{"WebSocket": sockets, "SPDY": spdy} {
		var out, complaint bytes.Buffer
		err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: strings.NewReader(sent), Stdout: &out, Stderr: &complaint})
		code, is := err.(utilexec.CodeExitError)
		err = first(
			must(is && code.Code == 5, "%s ended with %v", name, err),
			must(out.String() == sent, "%s: %d of %d bytes came back", name, out.Len(), len(sent)),
			must(complaint.String() == "err\n", "%s complained %q", name, complaint.String()))
		if err != nil {
			return err
		}
	}
	return nil
}

func forwards(s *suite) error {
	url := s.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name("box").SubResource("portforward").URL()
	dialer, err := portforward.NewSPDYOverWebsocketDialer(url, s.config)
	if err != nil {
		return err
	}
	stop, ready := make(chan struct{}), make(chan struct{})
	defer close(stop)
	forwarder, err := portforward.New(dialer, []string{"0:8080"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		return err
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		return err
	}
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", ports[0].Local))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	return first(err, must(string(page) == "page\n", "page: %q", page))
}
