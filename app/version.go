package app

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// What make build has the linker say (-X), because a build of a copy without .git knows neither; nothing else sets them.
var version, commit string

// Build is what a running server was made of.
type Build struct {
	Version string // a tag with what came after it, as git describe prints it, or what Go derives from git
	Commit  string // in full; empty where nobody has said it
	Go      string // go1.26.11
}

// ThisBuild tells of the program that runs.
func ThisBuild() Build {
	b := Build{Version: version, Commit: commit, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && b.Commit == "" {
			b.Commit = setting.Value
		}
	}
	return b
}

// metric is the build as the labels of a gauge, as Prometheus's own servers show theirs: it joins others by instance.
func (b Build) metric() prometheus.Collector {
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "parley_build_info", Help: "What runs here: always 1, with the build in its labels.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.Go}})
	gauge.Set(1)
	return gauge
}

// Version is the sub-command "version".
func Version(_ context.Context, args, _ []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintln(stderr, "Usage: parley version prints the version, the commit and the version of Go that this program was built from.")
		return 2
	}
	b := ThisBuild()
	fmt.Fprintf(stdout, "parley %s\ncommit %s\n%s %s/%s\n", b.Version, b.Commit, b.Go, runtime.GOOS, runtime.GOARCH)
	return 0
}
