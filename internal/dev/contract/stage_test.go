package contract_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/commands/collect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
	"github.com/ledgerboard/ledgerboard/internal/vault"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/directory"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	agency  = "aaaaaaaaaaaaaaaaaaaaaaaa"
	account = "c10000000000000000000001"
	staff   = "5a0000000000000000000001"
	social  = 70

	token = "Tok3n-of-the-connection"
)

// now is a Thursday noon in winter, 04:00 in California.
var now = time.Date(2026, 11, 19, 12, 0, 0, 0, time.UTC)

// stage is our whole side, and one connected account.
type stage struct {
	*ledgertest.Log

	t        *testing.T
	wire     *wire
	collect  *collect.Collector
	platform domain.Platform
	server   *api.Server
	at       time.Time
}

// newStage connects an account to the platform that answers from a file.
func newStage(t *testing.T, file string, p domain.Platform, kind domain.AccountType, externalID string) *stage {
	t.Helper()
	s := &stage{Log: ledgertest.New(t), t: t, wire: newWire(t, file), platform: p, at: now}
	s.Put(t,
		domain.DirectoryAccount{ID: agency, RowID: 1, Name: "Agency", Active: true},
		domain.DirectoryAccount{ID: account, RowID: 11, ParentAccount: agency, Name: "Client", Active: true},
		domain.DirectoryUser{ID: staff, AccountID: agency, Name: "Staff", Active: true},
		domain.DirectoryMember{ID: 7, AccountID: account, Name: "Member", Active: true},
		domain.DirectoryConnection{ID: social, MemberID: 7, Platform: p, AccountType: kind, SecretRef: "connection/70"},
		domain.DirectorySocialAccount{
			ID: social, ParentAccount: agency, AccountID: account, MemberID: 7, ConnectionID: social, Platform: p, AccountType: kind,
			ExternalID: externalID, Name: "Page", Connected: true,
		},
		domain.DirectorySubscription{ID: 1, AccountID: account, Plan: "managed", StartsAt: now.AddDate(-1, 0, 0)},
	)
	pool := ledgertest.OpenFetching(t, s.DB.URL)
	secrets := ledgertest.Secrets(t, pool, ledgertest.Key)
	sealed, err := commands.EncodeTokens(commands.StoredTokens{AccessToken: token})
	require.NoError(t, err)
	require.NoError(t, secrets.Put(t.Context(), "connection/70", sealed, domain.SecretTimes{Taken: now}))
	endpoint := platforms.Endpoint{BaseURL: s.wire.URL}
	clients := ledgertest.Clients(t, platforms.Config{Facebook: endpoint, Instagram: endpoint, LinkedIn: endpoint, TikTok: endpoint, Now: s.clock})
	s.collect = collect.New(s.Collect(pool, secrets, clients, collect.NewGate(collect.GateConfig{Store: vault.Budgets{Pool: pool}, Limits: []domain.Quota{}}), s.clock))
	pool = s.DB.ReadOnly
	server, err := api.Handler(api.Deps{
		Config: api.Config{AnalyticsAtRoot: true},
		Authenticator: api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
			return api.Principal{UserID: staff, AccountID: agency, Roles: api.Roles{api.RoleAgency}}, nil
		}),
		People: directory.People{Pool: pool}, ParentAccount: readmodels.Accounts{Pool: pool}.ParentAccount, Dashboards: s.Queries(), NamedPreview: (&history.History{Pool: pool}).NamedPreview, DashboardCommands: s.Dashboards(t, s.clock),
		Scope: readmodels.Scopes{Pool: pool}.Scope, Analytics: &analytics.Analytics{Pool: pool},
		Entities: &directory.Entities{Pool: pool},
		Logger:   ledgertest.Quiet, Now: s.clock,
	})
	require.NoError(t, err)
	s.server = server
	return s
}

func (s *stage) clock() time.Time { return s.at }

func (s *stage) fetch() {
	for _, kind := range []string{domain.FetchAccounts, domain.FetchPosts} {
		queue := domain.FetchQueue{Kind: kind, Platform: s.platform}
		_, err := s.collect.Work(s.t.Context(), s.Claim(s.t, queue, social, s.clock()))
		require.NoError(s.t, err)
		require.Empty(s.t, s.lines(`select reason::text from kept.fetch_state where reason is not null`), "%s was not read: %v", kind, s.wire.strangers)
	}
	s.wire.requireSpoken()
}

func (s *stage) lines(query string) []string {
	return ledgertest.Column[string](s.t, s.DB.ReadOnly, query)
}

// figures are the account's figures as the tables have them: name kind value source day window.
func (s *stage) figures() (lines []string) {
	type figure struct {
		Number              int16
		Value               int64
		Source, Day, Window string
	}
	for _, f := range ledgertest.Rows[figure](s.t, s.DB.ReadOnly, `
		select figure, value, source, day::text, window_name from day_figures
		union all select figure, last_value, source, '', window_name from account_days`) {
		name := domain.FigureName(f.Number)
		kind := s.platform.AccountSource(0, name).Kind
		if f.Number > domain.FigureOfWindow {
			kind = domain.Rolling
		}
		lines = append(lines, fmt.Sprintf("%s %s %d %s %s %s", name, kind, f.Value, f.Source, f.Day, f.Window))
	}
	slices.Sort(lines)
	return lines
}

func (s *stage) missing() []string {
	return s.lines(`select format('%s %s', m->>'name', m->>'code') from tSAccountIns, jsonb_array_elements(missing) m order by 1`)
}

// posts are the posts and their counts: id type | likes comments shares views impressions reach clicks saves watch | engagement partial.
func (s *stage) posts() []string {
	const n = `coalesce(%s::text, '-')`
	columns := ""
	for _, name := range []string{"likes", "comments", "shares", "views", "impressions", "reach", "clicks", "saves", "avg_watch_ms"} {
		columns += ", " + fmt.Sprintf(n, "i."+name)
	}
	return s.lines(`
		select concat_ws(' ', p.external_id, p.post_type, '|'` + columns + `, '|', ` + fmt.Sprintf(n, "i.engagement") + `, i.engagement_partial)
		from tSPosts p left join tSPostInsights i using (social_account_id, external_id) order by p.published_at desc nulls last, p.external_id`)
}

func (s *stage) ask(path string) map[string]any {
	return ledgertest.Ask(s.t, s.server, http.MethodGet, path, "").Says(s.t, http.StatusOK).Lacks(s.t, token).Object(s.t)
}

// activity requires that what is absent on the wire is null in the answer, and zero is zero.
func (s *stage) activity(id, zero, null string) {
	answer := s.ask("/api/activities/70:" + id)
	for field := range strings.FieldsSeq(zero) {
		require.Equal(s.t, 0.0, at(s.t, answer, "data", field), field) //nolint:testifylint // exactly
	}
	for field := range strings.FieldsSeq(null) {
		require.Nil(s.t, at(s.t, answer, "data", field), field)
	}
}

func at(t *testing.T, value any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, ok := value.(map[string]any)
			require.True(t, ok, "%v is no object at %v of %v", value, step, path)
			require.Contains(t, object, step)
			value = object[step]
		case int:
			list, ok := value.([]any)
			require.True(t, ok, "%v is no list at %v of %v", value, step, path)
			require.Greater(t, len(list), step)
			value = list[step]
		}
	}
	return value
}
