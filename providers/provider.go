package providers

import (
	"context"
	"fmt"
	"io"

	"github.com/ferryfn/ferry/manifest"
)

// Provider is a registered kind of place to deploy to.
type Provider struct {
	Name   string
	Blocks manifest.Blocks // what its blocks in the manifest may hold
	Facts  Facts           // what its page in the docs says of runtimes and limits
	Reads  bool            // whether its adapters are Readers, which is so before one is configured
	// New configures an adapter. It touches neither network nor disk.
	New func(c Config) (Adapter, error)
	// Host is the platform that runs on this machine; nil for a cloud. The version is ferry's own.
	Host func(h Home, version string) Host
}

// Config is what an adapter is made for.
type Config struct {
	Service string
	Stage   string
	Target  string         // the target's name
	Block   *manifest.Node // the target's block
	Home    Home
	// Env looks up an environment variable.
	Env func(name string) (string, bool)
	// Asking says how somebody gives a setting where no manifest has the target, such as with a flag.
	Asking func(key, example string) string
}

// Add says how a setting is given that has no value.
func (c Config) Add(key, example string) string {
	if c.Asking != nil {
		return c.Asking(key, example)
	}
	return "add " + key + ": " + example
}

// Refuse is what a provider has against a setting of the target, by its key, or by the keys that lead to it with dots between.
func (c Config) Refuse(provider, key, hint, format string, args ...any) error {
	if c.Asking == nil {
		key = "targets." + c.Target + "." + key
	}
	return &Error{
		Kind: Invalid, Op: "configure", Provider: provider, Hint: hint,
		Err: fmt.Errorf("%s: %w", key, fmt.Errorf(format, args...)),
	}
}

// Home holds the folders that ferry keeps on this machine, absolute. They need not exist.
type Home struct {
	State string
	Cache string
}

// Host is a platform that runs on this machine as one background process.
type Host interface {
	// Start makes sure that it runs.
	Start(ctx context.Context) (HostInfo, error)
	// Stop ends it and all that it runs. Stopping what does not run is no error.
	Stop(ctx context.Context) (HostInfo, error)
	// Info says whether it runs, without starting it.
	Info(ctx context.Context) (HostInfo, error)
	// Serve is the platform itself: it runs until ctx ends, and tells the log what it is at.
	Serve(ctx context.Context, log io.Writer) error
}

// HostInfo describes a host.
type HostInfo struct {
	Running  bool          `json:"running"`
	PID      int           `json:"pid,omitempty"`
	Home     string        `json:"home"`
	Version  string        `json:"version,omitempty"` // of the ferry that it runs from
	Uptime   float64       `json:"uptime_seconds,omitempty"`
	Services []HostService `json:"services"`
	LogFile  string        `json:"log_file"`
}

// HostService is one service and stage on a host.
type HostService struct {
	Service   string `json:"service"`
	Stage     string `json:"stage"`
	URL       string `json:"url"`
	Functions int    `json:"functions"`
	Canaries  int    `json:"canaries"`  // functions whose requests are split
	Instances int    `json:"instances"` // running now
	// ColdStarts are those since the host runs, and ColdSeconds what half of the last ones took at most.
	ColdStarts  int     `json:"cold_starts"`
	ColdSeconds float64 `json:"cold_seconds"`
	// Problem says why the service cannot be reached, as when its port is taken; "" when it can.
	Problem string `json:"problem,omitempty"`
}
