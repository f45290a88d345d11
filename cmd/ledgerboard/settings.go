package main

import (
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/tracing"
)

type logging struct {
	LogLevel  string `env:"LEDGERBOARD_LOG_LEVEL" enum:"debug,info,warn,error" default:"info" help:"Minimum level of log messages."`
	LogFormat string `env:"LEDGERBOARD_LOG_FORMAT" enum:"text,json" default:"text" help:"Format of log messages."`
}

func (l logging) logger(std streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.LogLevel)) // the enum permits no invalid level
	options := &slog.HandlerOptions{Level: level}
	if l.LogFormat == "json" {
		return slog.New(tracing.LogHandler(slog.NewJSONHandler(std.Err, options)))
	}
	return slog.New(tracing.LogHandler(slog.NewTextHandler(std.Err, options)))
}

// storage are the settings of the log and the database.
type storage = app.Storage

// settings are those of a process that serves.
type settings struct {
	app.Config
	logging
	AdminAddr string `env:"LEDGERBOARD_ADMIN_ADDR" placeholder:"HOST:PORT" help:"Address of a separate listener for /metrics, /healthz, /readyz and /debug/pprof. By default, the main listener serves them, except pprof."`

	front *front // set by [settings.start]

	// StopWithin limits the duration of a shutdown; stop_grace_period in compose.yaml must be
	// longer than the default. Only tests set it.
	StopWithin time.Duration `kong:"-"`
}

// Validate does nothing: package kong would call [app.Config.Validate] before a demo has completed the
// settings.
func (settings) Validate() error { return nil }

// validate reports every invalid setting at once, including the address to listen on.
func (s settings) validate(addr string) error {
	s.Embedded = embeddedIn(s.DataDir, nil)
	wrong := s.Faults()
	_, _, err := net.SplitHostPort(addr)
	wrong.Unlessf(err == nil, "LEDGERBOARD_ADDR %q is not host:port", addr)
	if err := wrong.Err(); err != nil {
		return usageError{err}
	}
	return nil
}

// socketDir is where processes with the role api listen for commands.
func socketDir(dataDir string) string { return filepath.Join(dataDir, "run") }

// config returns the configuration of a command that works without a service.
func (i installation) config(logger *slog.Logger) app.Config {
	return app.Config{Storage: i.storage, Embedded: embeddedIn(i.DataDir, logger), Logger: logger}
}

func embeddedIn(dir string, logger *slog.Logger) embedded.Directory {
	return embedded.Directory{Path: dir, Logger: logger}
}

// defaults returns the variables in flag tags whose values come from other packages.
func defaults() kong.Vars {
	vars := kong.Vars{
		"graph_version": platforms.GraphVersion, "linkedin_version": platforms.LinkedInVersion,
		"addr":          ":6001",
		"client_scopes": strings.Join(app.DefaultClientScopes(), ","),
		"platforms":     strings.Join(domain.PlatformNames(), ", "),
	}
	for _, p := range domain.Platforms() {
		vars[p.String()+"_scopes"] = strings.Join(p.Facts().Scopes, ",")
	}
	return vars
}
