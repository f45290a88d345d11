package signin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/signin"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// readModels are read models with a lag of events that were in the log at the start.
func readModels(lag int64) *monitor.Monitor {
	var models []*ledgertest.ReadModel
	for _, name := range []string{"directory", "operations"} {
		models = append(models, &ledgertest.ReadModel{Projection: operator.Projection{
			Projection: name, State: "live", Lag: lag, Partitions: []operator.Partition{{NextOffset: 10 - lag, EndOffset: 10}},
		}})
	}
	return monitor.New(models, monitor.Config{Logger: ledgertest.Quiet})
}

// An agency that cannot create a link gets the reason and what to do.
func TestAgencyCannotCreateLink(t *testing.T) {
	t.Parallel()
	const (
		agency, client, left               = "aaaaaaaaaaaaaaaaaaaaaaaa", "c10000000000000000000001", "c10000000000000000000002"
		invited, mainApp, here, away, cleo = "5a0000000000000000000001", "5a0000000000000000000002", "5a0000000000000000000003", "5a0000000000000000000004", "c1e000000000000000000005"
		lena                               = "1e4a00000000000000000006"
		address                            = "https://boards.example"
	)
	log, now := ledgertest.New(t), time.Now()
	log.Put(t,
		domain.DirectoryAccount{ID: agency, RowID: 1, Name: "Agency", Active: true},
		domain.DirectoryAccount{ID: client, RowID: 2, ParentAccount: agency, Name: "Client", Active: true},
		domain.DirectoryAccount{ID: left, RowID: 3, ParentAccount: agency, Name: "Client that left"},
		domain.DirectoryUser{ID: invited, AccountID: agency, Name: "New colleague", Active: true},
		domain.DirectoryUser{ID: mainApp, AccountID: agency, Name: "Signs in at the main application", Active: true},
		domain.DirectoryUser{ID: here, AccountID: agency, Name: "Is signed in here", Active: true},
		domain.DirectoryUser{ID: away, AccountID: client, Name: "Not active"},
		domain.DirectoryUser{ID: cleo, AccountID: client, Name: "Cleo", Active: true},
		domain.DirectoryUser{ID: lena, AccountID: left, Name: "Lena", Active: true},
		domain.DirectorySession{ID: "S1", UserID: mainApp, LoginAt: now})
	pool := ledgertest.OpenVault(t, log.DB.URL)
	kept := signin.NewSessions(pool, nil)
	session := signin.Session{ID: "S2", Person: signin.Person{UserID: here, AccountID: agency, Role: "agency"}, Way: "link", BegunAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour)}
	require.NoError(t, kept.Begin(t.Context(), session, make([]byte, 32), nil))
	seen := ledgertest.Current(t, domain.TopicDirectory, domain.TopicOperations)

	for name, c := range map[string]struct {
		address  string
		provider bool
		of       directory.User
		code     domain.Code
		says     string
	}{
		"people sign in with a provider": {address, true, directory.User{ID: cleo, AccountID: client}, domain.CodeConflict, "identity provider"},
		"provider and unknown URL":       {"", true, directory.User{ID: cleo, AccountID: client}, domain.CodeConflict, "identity provider"},
		"unknown URL":                    {"", false, directory.User{ID: invited, AccountID: agency}, domain.CodeConflict, "LEDGERBOARD_PUBLIC_URL"},
		"a colleague signed in at the main application": {
			address, false, directory.User{ID: mainApp, AccountID: agency}, domain.CodeConflict, "'ledgerboard sign-in-link'",
		},
		"a colleague is signed in here":   {address, false, directory.User{ID: here, AccountID: agency}, domain.CodeConflict, "has signed in before"},
		"the person is not active":        {address, false, directory.User{ID: away, AccountID: client}, domain.CodeUnprocessable, "would not work"},
		"the client is not active":        {address, false, directory.User{ID: lena, AccountID: left}, domain.CodeUnprocessable, "would not work"},
		"unknown ID":                      {address, false, directory.User{ID: client, AccountID: client}, domain.CodeUnprocessable, "would not work"},
		"the person has changed accounts": {address, false, directory.User{ID: cleo, AccountID: left}, domain.CodeNotFound, "another account"},
	} {
		signIns := signin.Agency{
			Kept: kept, People: signin.People{Directory: directory.People{Pool: log.DB.ReadOnly}, Monitor: seen}, PublicURL: c.address, Provider: c.provider,
		}
		err := signIns.MayInvite(t.Context(), c.of.ID, c.of.AccountID)
		require.Equal(t, c.code, domain.CodeOf(err), name)
		require.ErrorContains(t, err, c.says, name)
	}
	require.Zero(t, ledgertest.Value[int](t, pool, "select count(*) from sign_in_links"))
}

// Tables that are being built lack people: the request is answered as temporarily unavailable, not
// refused for good.
func TestUserStatusIsUnavailableWhileTablesAreBuilt(t *testing.T) {
	t.Parallel()
	m := readModels(7)
	ask := func() error {
		_, err := signin.People{Monitor: m}.UserStatus(t.Context(), "a11ce0000000000000000000", "aaaaaaaaaaaaaaaaaaaaaaaa")
		return err
	}
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(ask()), "the status is not known yet")
	m.Check(t.Context())
	require.Equal(t, domain.CodeUnavailable, domain.CodeOf(ask()))
	require.ErrorContains(t, ask(), "directory is catching up")
}
