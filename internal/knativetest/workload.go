package knativetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/ferryfn/ferry/internal/child"
	"github.com/ferryfn/ferry/internal/container"
)

// workload is a revision that runs, in one instance.
type workload struct {
	name, configuration string
	handler             http.Handler // once it is ready
	failed              *status
	process             *child.Process
	ended               bool // what is started after that is ended at once
	output              output
}

// stop ends it. It is called with the cluster's lock held.
func (w *workload) stop() {
	w.ended = true
	if w.process != nil {
		w.process.Kill()
	}
}

// waiting is what its container waits for, in the words of the kubelet; nil is nothing. Knative tells of it ten minutes later.
func (w *workload) waiting() object {
	if w.failed == nil || strings.HasPrefix(w.failed.reason, "ExitCode") {
		return nil
	}
	return object{"reason": w.failed.reason, "message": w.failed.message}
}

// begin starts a revision beside, and says so when it is decided. It is called with the lock held.
func (s *Server) begin(w *workload, o object, decided func()) {
	answer := s.answer
	s.work.Go(func() {
		variables, refused := s.variables(o)
		handler, failed := http.Handler(nil), refused
		if failed == nil {
			handler, failed = s.start(w, o, variables, answer)
		}
		s.mu.Lock()
		w.handler, w.failed = handler, failed
		s.mu.Unlock()
		decided()
	})
}

// start pulls the image and runs it.
func (s *Server) start(w *workload, o object, variables map[string]string, answer func(map[string]string) http.Handler) (http.Handler, *status) {
	spec := items(o, "spec", "containers")[0]
	image, err := s.pull(text(spec, "image"))
	if err != nil {
		return nil, refuse(0, "ImagePullBackOff", "Back-off pulling image %q: ErrImagePull: %v", text(spec, "image"), err)
	}
	if answer != nil {
		return answer(variables), nil
	}
	root := filepath.Join(s.dir, text(o, "metadata", "uid"))
	config, err := container.Unpack(image, root)
	if err != nil {
		return nil, refuse(0, "ImagePullBackOff", "%v", err)
	}
	k := &container.Container{Root: root, Config: config}
	address, ended, err := s.launch(w, k, variables)
	if err == nil {
		err = accepting(s.alive, address, ended)
	}
	if err != nil {
		return nil, refuse(0, "ExitCode1", "Container failed with: %s", w.output.end())
	}
	return proxy(address), nil
}

func (s *Server) pull(reference string) (v1.Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	return remote.Image(ref, remote.WithContext(s.alive), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
}

// variables are what a revision finds in its environment.
func (s *Server) variables(o object) (map[string]string, *status) {
	all := map[string]string{
		"K_REVISION": text(o, "metadata", "name"), "K_CONFIGURATION": text(o, "metadata", "labels", "serving.knative.dev/configuration"),
	}
	for _, e := range items(items(o, "spec", "containers")[0], "env") {
		ref, _ := at(e, "valueFrom", "secretKeyRef").(object)
		if ref == nil {
			all[text(e, "name")] = expanded(text(e, "value"), all)
			continue
		}
		secret := s.found("secrets", text(ref, "name"))
		value, err := base64.StdEncoding.DecodeString(text(secret, "data", text(ref, "key")))
		if secret == nil || err != nil {
			return nil, refuse(0, "CreateContainerConfigError", "secret %q not found", text(ref, "name"))
		}
		all[text(e, "name")] = string(value)
	}
	return all, nil
}

// expanded is a value in which $(NAME) is what was defined before, and $$ one sign, as Kubernetes has it
// (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
func expanded(value string, defined map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] != '$' || i+1 == len(value) {
			out.WriteByte(value[i])
			continue
		}
		i++
		end := strings.IndexByte(value[i:], ')')
		switch {
		case value[i] == '$':
			out.WriteByte('$')
		case value[i] == '(' && end > 0:
			name := value[i+1 : i+end]
			if known, ok := defined[name]; ok {
				out.WriteString(known)
			} else {
				out.WriteString("$(" + name + ")")
			}
			i += end
		default:
			out.WriteString("$" + value[i:i+1])
		}
	}
	return out.String()
}

// launch starts the process of a container.
func (s *Server) launch(w *workload, k *container.Container, variables map[string]string) (address string, ended <-chan struct{}, err error) {
	process, address, err := k.Start(s.alive, variables, &w.output, &w.output)
	if err != nil {
		return "", nil, err
	}
	s.mu.Lock()
	w.process = process
	if w.ended {
		process.Kill()
	}
	s.mu.Unlock()
	s.work.Go(func() { <-process.Done() })
	return address, process.Done(), nil
}

// accepting waits until somebody listens, or the process has ended.
func accepting(ctx context.Context, address string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return container.Await(ctx, ended, func(ctx context.Context) bool { return container.Listens(ctx, address) })
}

func proxy(address string) http.Handler {
	p := container.Proxy(address)
	p.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
	return container.Duplex(p)
}

// output is what a container wrote, in lines with the time of each.
type output struct {
	mu    sync.Mutex
	begun []byte
	lines []line
}

type line struct {
	at   time.Time
	text string
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun = append(o.begun, data...)
	for {
		whole, rest, found := bytes.Cut(o.begun, []byte("\n"))
		if !found {
			return len(data), nil
		}
		o.lines, o.begun = append(o.lines, line{time.Now().UTC(), string(whole)}), rest
	}
}

// end is the end of it, as a container's termination message is.
func (o *output) end() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []string
	for _, l := range o.lines {
		all = append(all, l.text)
	}
	text := strings.Join(append(all, string(o.begun)), "\n")
	return text[max(0, len(text)-2048):]
}

// since is what was written from a time on, as the API server hands it out.
func (o *output) since(from time.Time) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out bytes.Buffer
	for _, l := range o.lines {
		if !l.at.Before(from) {
			fmt.Fprintf(&out, "%s %s\n", l.at.Format(time.RFC3339Nano), l.text)
		}
	}
	return out.Bytes()
}
