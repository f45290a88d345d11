package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
)

// demoCommand runs everything with a made-up agency. It is serve with embedded parts, a simulator of
// the platforms and seeded facts: no second implementation.
type demoCommand struct {
	settings
	Addr      string        `env:"LEDGERBOARD_ADDR" default:"127.0.0.1:6001" help:"Address to listen on."`
	ExitAfter time.Duration `placeholder:"DURATION" help:"End by itself this long after it is ready."`

	mock bool // serve --mock: the same for frontend developers, who get a screen of their own
}

// Settings that demo fills in when they are not given.
const (
	defaultPostsCron = "0 */12 * * *"
	defaultRateLimit = 6000
	demoRateLimit    = 60_000 // a demo is also tried under load, by one user
	demoLog          = "demo.log"
	demoPostsCron    = "* * * * *" // every minute, so that live readings can be watched
	// Soon, so that the first look finds a history that is signed.
	defaultCheckpointEvery = time.Hour
	demoCheckpointEvery    = 10 * time.Second
	// A year of link history, for auditors to look at.
	demoChanges    = 520
	mockChanges    = 60 // frontend developers start anew each time, and should not wait
	demoChangeDays = 365
)

// Run implements the command.
func (c *demoCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Env == envProduction {
		return usageError{errors.New("LEDGERBOARD_ENV is production: demo makes up data and does not run there")}
	}
	if !c.has(roleAPI) || !c.has(roleProjector) {
		return usageError{errors.New("LEDGERBOARD_ROLES: demo needs the roles api and projector; without fetcher it shows its history and fetches nothing")}
	}
	logger, closeLog, err := c.logFile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	state, err := loadDemoState(c.storage)
	if err != nil {
		return err
	}
	state.fill(&c.settings)
	changes := demoChanges
	if c.mock {
		changes = mockChanges
	}
	world := demo.New(demo.Config{Seed: state.Seed, Anchor: state.Anchor, Changes: changes, ChangeDays: demoChangeDays})
	stop, err := c.simulate(ctx, world, state.Seed, logger)
	if err != nil {
		return err
	}
	defer stop()
	c.Backfill = 0 // its history is seeded
	if err := c.validate(c.Addr); err != nil {
		return err
	}
	if err := checkFree(ctx, c.Addr); err != nil {
		return err
	}
	a, err := newApp(ctx, c.settings, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	seeding := &seeder{app: a, world: world, state: state, out: s.Err}
	if err := seeding.facts(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return a.run(ctx, c.Addr, func(ctx context.Context, base string) error {
		if err := a.Monitor.Followed(); err != nil { // a data directory whose parts do not belong together
			return fmt.Errorf("%w It is %s in the data directory. Remove the directory to begin anew", err, demoLog)
		}
		if err := seeding.changes(ctx); err != nil {
			return err
		}
		if err := c.announce(a, world, base, s); err != nil {
			return err
		}
		if c.ExitAfter > 0 {
			time.AfterFunc(c.ExitAfter, cancel)
		}
		return nil
	})
}

// logFile sends log lines to a file: the screen belongs to what a newcomer should read.
func (c *demoCommand) logFile() (*slog.Logger, func() error, error) {
	path, err := c.dataPath(demoLog)
	if err != nil {
		return nil, nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open log file: %w", err)
	}
	return c.logger(streams{Err: file}), file.Close, nil
}

// simulate starts the platforms' simulator and points the clients at it.
func (c *demoCommand) simulate(ctx context.Context, world *demo.World, seed uint64, logger *slog.Logger) (stop func(), err error) {
	platforms := simulator.New(simulator.Config{Seed: seed})
	if err := world.Register(platforms); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the simulator: %w", err)
	}
	server := &http.Server{Handler: platforms, ReadHeaderTimeout: readHeaderTimeout}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("the simulator ended", "error", err)
		}
	}()
	base := "http://" + listener.Addr().String()
	c.FacebookURL, c.InstagramURL, c.TikTokURL = base+simulator.PathFacebook, base+simulator.PathInstagram, base+simulator.PathTikTok
	c.LinkedInURL, c.LinkedInAuthURL = base+simulator.PathLinkedIn, base+simulator.PathLinkedIn
	return func() { server.Close() }, nil //nolint:errcheck // it holds nothing
}
