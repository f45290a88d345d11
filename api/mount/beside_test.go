package mount_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// The agency of the tests: alice is agency staff, carol is a user of its client.
const (
	agency = "aaaaaaaaaaaaaaaaaaaaaaaa"
	client = "c10000000000000000000001"
	alice  = "a11ce0000000000000000000"
	carol  = "ca201e000000000000000000"
	page   = 11 // the client's page, which has followers
)

const (
	followers = 4711
	patience  = ledgertest.Patience
	often     = 20 * time.Millisecond
)

// served sends a request until the status is not 503.
func served(ask func() ledgertest.Answer) (answer ledgertest.Answer) {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(often) {
		if answer = ask(); answer.Status != http.StatusServiceUnavailable {
			break
		}
	}
	return answer
}

// running is the environment of a main application: brokers, a database, and a process with the
// role projector.
type running struct {
	brokers     []string
	databaseURL string
	log         *eventlog.Log // of the projector
}

// runBeside starts the environment and appends the agency's events.
func runBeside(t *testing.T) running {
	t.Helper()
	r := running{databaseURL: pgtest.New(t).URL}
	projector, err := app.Open(t.Context(), app.Config{
		Storage: app.Storage{DatabaseURL: r.databaseURL}, Embedded: embedded.Directory{Path: t.TempDir()}, Roles: []string{app.RoleProjector},
	})
	require.NoError(t, err)
	r.log = projector.Log
	r.brokers = projector.Brokers()
	t.Cleanup(func() { require.NoError(t, projector.Close()) })
	for _, loop := range projector.Loops() {
		ledgertest.Run(t, loop.Run)
	}
	require.NoError(t, projector.Log.AppendBulk(t.Context(), facts()))
	return r
}

func facts() (drafts []domain.Draft) {
	now := time.Now()
	for _, entity := range []domain.DirectoryEntity{
		domain.DirectoryAccount{ID: agency, RowID: 1, Name: "Agency", Active: true},
		domain.DirectoryAccount{ID: client, RowID: 2, ParentAccount: agency, Name: "Client", Active: true},
		domain.DirectorySubscription{ID: 1, AccountID: client, StartsAt: now.AddDate(0, -1, 0)},
		domain.DirectoryUser{ID: alice, AccountID: agency, Name: "Alice", Active: true},
		domain.DirectoryUser{ID: carol, AccountID: client, Name: "Carol", Active: true},
		domain.DirectoryMember{ID: 1, AccountID: client, UserID: carol, Name: "Carol", Active: true},
		domain.DirectorySocialAccount{ID: page, ParentAccount: agency, AccountID: client, MemberID: 1, Platform: domain.Facebook, Connected: true},
	} {
		drafts = append(drafts, commands.EntityDraft(entity, now))
	}
	return append(drafts, commands.NewDraft(domain.TopicMetrics, "11", domain.AccountRead{
		Tenant:   domain.Tenant{ParentAccount: agency, AccountID: client, MemberID: 1, SocialAccount: page},
		Platform: domain.Facebook, CapturedAt: now.UTC().Truncate(time.Microsecond),
		Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: followers, Source: "followers_count"}},
	}, now))
}

// open mounts the handler, runs it until the test ends, and waits until it is ready.
func open(t *testing.T, config mount.Config) *mount.Mounted {
	t.Helper()
	boards, err := mount.Open(t.Context(), config)
	require.NoError(t, err)
	ran := make(chan error, 1)
	go func() { ran <- boards.Run(context.Background()) }()
	t.Cleanup(func() {
		require.NoError(t, boards.Close())
		require.NoError(t, <-ran)
	})
	awaitReady(t, boards.Handler())
	return boards
}

func awaitReady(t *testing.T, handler http.Handler) {
	t.Helper()
	ledgertest.Eventually(t, func() bool { return get(t, handler, "/readyz", "").Status == http.StatusOK })
}

// config returns the configuration of a main application.
func (r running) config(who api.Authenticator) mount.Config {
	return mount.Config{
		Storage:       mount.Storage{KafkaBrokers: r.brokers, DatabaseURL: r.databaseURL},
		Dashboards:    mount.Dashboards{ManagedSubscriptions: []string{"managed_social"}},
		Authenticator: who, Logger: ledgertest.Quiet,
	}
}
