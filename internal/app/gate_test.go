package app_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/embedded"
	"github.com/ledgerboard/ledgerboard/internal/monitor"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// The assembled service refuses commands while the dashboards lag beyond the limit, and asks its
// monitor.
func TestAssembledServiceRefusesCommandsDuringLag(t *testing.T) {
	t.Parallel()
	s, err := app.Open(t.Context(), app.Config{
		Storage: app.Storage{DatabaseURL: pgtest.New(t).URL}, Embedded: embedded.Directory{Path: t.TempDir()}, Logger: ledgertest.Quiet,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	update := func() error {
		for {
			s.Monitor.Check(t.Context())
			_, err := s.Updates.Update(t.Context(), commands.UpdateDashboard{
				Caller: commands.Caller{ParentAccount: livingAgency, UserID: member}, Change: domain.UpdateDashboard{Primary: member},
			})
			// on a suspended machine the state became outdated
			if err == nil || !strings.Contains(err.Error(), "is not known yet") {
				return err
			}
		}
	}
	lagging := func(name string) *monitor.Monitor {
		well := &ledgertest.ReadModel{Projection: operator.Projection{Projection: "dashboards", State: "live"}}
		model := &ledgertest.ReadModel{Projection: operator.Projection{Projection: name, State: "live"}}
		m := monitor.New([]*ledgertest.ReadModel{well, model}, monitor.Config{Logger: ledgertest.Quiet})
		m.Check(t.Context())
		model.Partitions = []operator.Partition{{EndOffset: 20_000}}
		model.Lag, model.LagSeconds = 20_000, 60
		return m
	}
	s.Monitor = lagging("dashboards")
	require.ErrorContains(t, update(), "is 20000 events behind and makes no progress")
	s.Monitor = lagging("post_insights")
	require.ErrorContains(t, update(), "There is no such dashboard", "a lag of other projections does not affect changes of dashboards, which find empty tables")
}

// If changes of people wait for more than a minute to be folded, requests that someone who has left
// could abuse are refused, and /readyz reports it: the assembled handler asks the monitor.
func TestAssembledHandlerRefusesRequestsIfDirectoryLags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		directory := &ledgertest.ReadModel{Projection: operator.Projection{Projection: "directory", State: "live", Partitions: []operator.Partition{{}}}}
		m := monitor.New([]*ledgertest.ReadModel{directory}, monitor.Config{People: "directory", Logger: ledgertest.Quiet})
		m.Check(t.Context())
		handler, health, err := app.HandlerOver(t.Context(), m, app.Config{
			Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
				return api.Principal{UserID: member, AccountID: livingAgency, Roles: api.Roles{api.RoleAuditor}}, nil
			}),
		})
		require.NoError(t, err)
		history := func() string { // to auditors, who need not be in the directory
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/audit/history?limit=none", http.NoBody))
			return w.Body.String()
		}
		people := health.Checks[slices.IndexFunc(health.Checks, func(c api.Check) bool { return c.Name == "directory of people" })]
		const unknown = "it is not known who has left"
		directory.Partitions[0].EndOffset = 1
		for _, closed := range []bool{false, true} {
			m.Check(t.Context())
			require.Equal(t, closed, people.Probe(t.Context()) != nil)
			require.Equal(t, closed, strings.Contains(history(), unknown))
			time.Sleep(time.Minute + time.Second)
		}
		require.Contains(t, operator.TextOf(people.Probe(t.Context())), unknown)
	})
}
