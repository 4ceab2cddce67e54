package local

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/ferryfn/ferry/providers"
	"github.com/ferryfn/ferry/providers/local/platform"
)

// host is the platform of one home.
type host struct {
	home    platform.Home
	client  *platform.Client
	version string // of this program
}

var _ providers.Host = (*host)(nil)

func newHost(h providers.Home, version string) *host {
	launch := platform.Launch{Args: []string{"local", "serve"}, Env: append(finding(h), collecting)}
	// Failing to know one's own program shows when the platform is started.
	launch.Executable, _ = os.Executable()
	home := platform.Home(h.State)
	return &host{home: home, client: platform.NewClient(home, launch), version: version}
}

// collecting has the platform collect its garbage less often than programs of Go do: it holds a few megabytes, of which each collection
// goes through all, and a busy gateway makes as many every 50 ms.
const collecting = "GOGC=400"

// finding is all that the platform's process gets to see of the environment: where its home is. What else a shell has, keys
// to clouds among it, would stay in a process that lives for weeks.
func finding(h providers.Home) []string {
	if filepath.Base(h.State) == "state" { // FERRY_HOME may be relative, and the platform runs in another folder
		return []string{"FERRY_HOME=" + filepath.Dir(h.State)}
	}
	env := []string{"XDG_STATE_HOME=" + filepath.Dir(h.State), "XDG_CACHE_HOME=" + filepath.Dir(h.Cache)}
	if user, err := os.UserHomeDir(); err == nil {
		env = append(env, "HOME="+user)
	}
	return env
}

// Start starts the platform unless it runs.
func (h *host) Start(ctx context.Context) (providers.HostInfo, error) {
	if err := h.client.Ensure(ctx); err != nil {
		return h.about(), classify(string(h.home), "start", "", err)
	}
	return h.Info(ctx)
}

// Stop ends the platform.
func (h *host) Stop(ctx context.Context) (providers.HostInfo, error) {
	if _, err := h.client.Stop(ctx); err != nil {
		return h.about(), classify(string(h.home), "stop", "", err)
	}
	return h.about(), nil
}

// Info asks the platform, if it runs.
func (h *host) Info(ctx context.Context) (providers.HostInfo, error) {
	i := h.about()
	if !h.home.Running() {
		return i, nil
	}
	info, err := h.client.Info(ctx)
	if err != nil {
		return i, classify(string(h.home), "status", "", err)
	}
	i.Running, i.PID, i.Version, i.Uptime = true, info.PID, info.Version, info.Uptime.Seconds()
	for _, s := range info.Services {
		i.Services = append(i.Services, providers.HostService{
			Service: s.Service, Stage: s.Stage, URL: s.URL, Functions: s.Functions, Canaries: s.Canaries,
			Instances: s.Instances, ColdStarts: s.ColdStarts, ColdSeconds: s.ColdStart.Seconds(), Problem: s.Problem,
		})
	}
	return i, nil
}

func (h *host) about() providers.HostInfo {
	return providers.HostInfo{Home: string(h.home), LogFile: h.home.LogFile(), Services: []providers.HostService{}}
}

// Serve is the platform.
func (h *host) Serve(ctx context.Context, log io.Writer) error {
	o := platform.Options{Version: h.version, Log: slog.New(slog.NewTextHandler(log, nil))}
	if err := platform.Serve(ctx, h.home, o); err != nil && !errors.Is(err, context.Canceled) {
		return hinted(classify(string(h.home), "serve", "", err), providers.Conflict, "run `ferry local stop`, which ends it, then `ferry local serve`")
	}
	return nil
}
