package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// version and commit are set by the linker in builds without a repository, such as images: -ldflags
// "-X main.version=… -X main.commit=…". Otherwise the go command records both in the binary.
var version, commit string

type versionCommand struct {
	JSON bool `help:"Print a JSON object."`
}

func (v versionCommand) Run(std streams) error {
	said := struct {
		buildInfo

		TimeZones string `json:"time_zones"` // see [zoneData]
	}{thisBuild(), zoneData()}
	return say(std.Out, v.JSON, said, "%s\ntime zones   %s\n", said.buildInfo, said.TimeZones)
}

// buildInfo describes this build. Builds with the same projector versions can read each other's
// tables.
type buildInfo struct {
	Version string `json:"version"`
	// Commit has the suffix "+changes" if the working tree was modified.
	Commit      string         `json:"commit"`
	Go          string         `json:"go"`
	Projections map[string]int `json:"projections"` // projector version by projection

	projections string // Projections as text
}

func thisBuild() buildInfo {
	b := buildInfo{Version: version, Commit: commit, Projections: map[string]int{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Go = info.GoVersion
		b.Version = cmp.Or(b.Version, strings.TrimPrefix(info.Main.Version, "(devel)"))
		b.Commit = cmp.Or(b.Commit, commitOf(info.Settings))
	}
	b.Version, b.Commit = cmp.Or(b.Version, "unknown"), cmp.Or(b.Commit, "unknown")
	var versions []string
	for _, p := range projectors.All() {
		b.Projections[p.Name] = p.Version
		versions = append(versions, fmt.Sprintf("%s %d", p.Name, p.Version))
	}
	b.projections = strings.Join(versions, ", ")
	return b
}

func commitOf(settings []debug.BuildSetting) string {
	var revision, changes string
	for _, setting := range settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			changes = "+changes"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changes
}

func (b buildInfo) String() string {
	return fmt.Sprintf("ledgerboard %s\ncommit       %s\ngo           %s\nprojections  %s",
		b.Version, b.Commit, b.Go, b.projections)
}

// zoneData returns where the rules for time zones come from, and their version if the machine tells it.
// The package time looks for zone files at these places, and then uses those of its own release.
func zoneData() string {
	if named := os.Getenv("ZONEINFO"); named != "" {
		return named
	}
	for _, dir := range []string{"/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo"} {
		if _, err := os.Stat(filepath.Join(dir, "UTC")); err != nil {
			continue
		}
		release, err := os.ReadFile(filepath.Join(dir, "tzdata.zi")) // begins with "# version 2026f"
		if err != nil {
			release, _ = os.ReadFile(filepath.Join(dir, "+VERSION"))
		}
		first, _, _ := bytes.Cut(release, []byte("\n"))
		return cmp.Or(strings.TrimPrefix(string(bytes.TrimSpace(first)), "# version "), "unknown version") + " in " + dir
	}
	return "of this release of Go"
}

func (b buildInfo) collector() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "ledgerboard_build_info",
		Help: "Always 1; the labels are the program version, the commit, the Go version and the projector versions.",
		ConstLabels: prometheus.Labels{
			"version": b.Version, "commit": b.Commit, "go": b.Go, "projections": b.projections,
		},
	}, func() float64 { return 1 })
}
