package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo"
	"github.com/ledgerboard/ledgerboard/internal/dev/demo/launch"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/signin"
)

type demoCommand struct {
	settings
	Addr      string        `env:"LEDGERBOARD_ADDR" default:"127.0.0.1:6001" help:"Address to listen on."`
	ExitAfter time.Duration `placeholder:"DURATION" help:"Stop this long after the service is ready."`

	mock bool // serve --mock: prints instructions for frontend developers
}

const (
	demoChanges    = 520 // dashboard changes in demoChangeDays, for the audit views
	mockChanges    = 60  // frontend developers restart often and should not wait
	demoChangeDays = 365
)

func (d *demoCommand) Run(ctx context.Context, std streams) (err error) {
	if d.Env == app.EnvProduction {
		return usageError{errors.New("LEDGERBOARD_ENV is production: " +
			"demo generates sample data and does not run there")}
	}
	if d.PlatformsURL != "" {
		return usageError{errors.New("LEDGERBOARD_PLATFORMS_URL: demo simulates the platforms itself; leave this setting out")}
	}
	if !d.Has(app.RoleAPI) || !d.Has(app.RoleProjector) {
		return usageError{errors.New("LEDGERBOARD_ROLES: demo requires the roles api and projector; " +
			"without the role fetcher, the demo shows the seeded history and fetches nothing")}
	}
	state, err := launch.LoadState(d.DataDir)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(d.DataDir, launch.LogFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	logger := d.logger(streams{Err: file})
	changes := demoChanges
	if d.mock {
		changes = mockChanges
	}
	world := demo.New(demo.Config{Seed: state.Seed, Anchor: state.Anchor, Changes: changes, ChangeDays: demoChangeDays})
	platforms, stop, err := launch.Simulate(ctx, world, state.Seed, logger)
	if err != nil {
		return err
	}
	defer stop()
	d.fill(state, platforms)
	people := world.People()
	// The console has no page for the role main_app.
	d.Demo = []signin.Person{people.Agency, people.Client, people.Auditor, people.Operator}
	if err := d.validate(d.Addr); err != nil {
		return err
	}
	showProgress := func(label string, total int) (func(int), func()) {
		bar := newProgress(std.Err, label, total)
		return bar.add, bar.end
	}
	seeder := &launch.Seeder{World: world, State: state, Progress: showProgress}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seeder.Begin(ctx)
	p, err := d.start(ctx, d.Addr, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	seeder.Service = p.Service
	if err := seeder.Facts(ctx); err != nil {
		return err
	}
	return p.run(ctx, func(ctx context.Context, base string) error {
		// MayCommand fails if the log and the tables in the data directory do not belong together.
		if err := p.Monitor.MayCommand(); err != nil {
			return fmt.Errorf("%w Details are in %s in the data directory. Remove the directory to start over",
				err, launch.LogFile)
		}
		if err := seeder.Changes(ctx); err != nil {
			return err
		}
		health := base
		if d.AdminAddr != "" {
			health, _ = reachable(d.AdminAddr) // valid, because the service listens there
		}
		screen := launch.Screen{BaseURL: base, HealthURL: health, PlatformsURL: platforms, IDs: world.IDs()}
		if err := d.announce(ctx, p, people, screen, std); err != nil {
			return err
		}
		if d.ExitAfter > 0 {
			time.AfterFunc(d.ExitAfter, cancel)
		}
		return nil
	})
}

// fill sets the settings that are not set, and points the platform clients at the simulated
// platforms.
func (d *demoCommand) fill(state *launch.State, platforms string) {
	if d.JWTSecret == "" && d.JWTKeys == "" {
		d.JWTSecret = state.JWTSecret
	}
	d.SecretsKey, d.CheckpointKey = cmp.Or(d.SecretsKey, state.SecretsKey), cmp.Or(d.CheckpointKey, state.Checkpoint)
	d.Directory = cmp.Or(d.Directory, app.DirectoryLocal)
	if len(d.ManagedSubscriptions) == 0 {
		d.ManagedSubscriptions = demo.ManagedSubscriptions()
	}
	if len(d.HTTP.CORSOrigins) == 0 {
		for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
			d.HTTP.CORSOrigins = append(d.HTTP.CORSOrigins, "http://"+host+":*", "https://"+host+":*")
		}
	}
	if _, port, err := net.SplitHostPort(d.Addr); err == nil && port != "0" {
		d.PublicURL = cmp.Or(d.PublicURL, "http://localhost:"+port)
	}
	d.Seeded, d.Pictures, d.HTTP.Filter = true, launch.PicturesOf(), launch.NamePictures
	d.PlatformsURL = platforms
	d.FacebookAppID, d.FacebookAppSecret = launch.AppID, launch.AppSecret
	d.InstagramAppID, d.InstagramAppSecret = launch.AppID, launch.AppSecret
	d.LinkedInClientID, d.LinkedInClientSecret = launch.AppID, launch.AppSecret
	d.TikTokClientKey, d.TikTokClientSecret = launch.AppID, launch.AppSecret
	d.FacebookConfigID, d.LinkedInScopes = "", nil // these and the other scopes belong to real apps
	d.FacebookScopes, d.InstagramScopes, d.TikTokScopes = nil, nil, nil
}

func (d *demoCommand) announce(
	ctx context.Context, p *process, people demo.People, screen launch.Screen, std streams,
) (err error) {
	screen.Tokens, screen.Brokers = map[string]string{}, p.Brokers()
	if screen.DatabaseURL, err = p.DatabaseURL(ctx); err != nil {
		return err
	}
	if _, screen.CheckpointPublicKey, err = proof.ParseKey(d.CheckpointKey); err != nil {
		return err
	}
	for _, person := range []signin.Person{
		people.Agency, people.Client, people.Auditor, people.Operator, people.MainApp,
	} {
		token, err := signToken(d.Tokens, person.UserID, person.AccountID, []string{person.Role}, time.Now().Add(launch.TokensFor))
		if err != nil {
			return err
		}
		screen.Tokens[person.Role] = token
	}
	if p.Connect != nil {
		if screen.ConnectURL, err = connectLink(ctx, p, screen.IDs, people.Agency); err != nil {
			return err
		}
	}
	return screen.Announce(std.Out, d.DataDir, d.mock)
}

func connectLink(ctx context.Context, p *process, ids demo.IDs, by signin.Person) (string, error) {
	link, err := connect.Links{Connect: p.Connect}.Make(ctx, connect.LinkRequest{
		ConnectRequester: domain.ConnectRequester{
			ParentAccount: ids.ParentAccount, AccountID: ids.SubAccounts[0], UserID: by.UserID, Role: by.Role,
		},
		Platforms: domain.Platforms(), Days: connect.MaxLinkDays,
	}, func(context.Context, domain.ConnectRequester) error { return nil })
	return link.URL, err
}
