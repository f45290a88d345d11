package readmodels_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// timedLog is a log whose appends, which fold the record, are all that a benchmark measures.
type timedLog struct {
	*ledgertest.Log

	b *testing.B
}

func (l timedLog) Append(ctx context.Context, d domain.Draft) error {
	l.b.StartTimer()
	defer l.b.StopTimer()
	return l.Log.Append(ctx, d)
}

// BenchmarkScopesOf200Boards measures the fold of a change to the scopes of 200 linked dashboards
// with 500 users each.
func BenchmarkScopesOf200Boards(b *testing.B) {
	log := ledgertest.New(b)
	accounts, users := make([]string, 200), make([]string, 500)
	log.Put(b, domain.DirectoryAccount{ID: agencyA, RowID: 1, Name: "Agency A", Active: true})
	for i := range accounts {
		accounts[i] = fmt.Sprintf("c%023x", i)
		log.Put(b, domain.DirectoryAccount{ID: accounts[i], RowID: int64(100 + i), ParentAccount: agencyA, Name: "Client", Active: true})
	}
	for i := range users {
		users[i] = fmt.Sprintf("d%023x", i)
		log.Put(b, domain.DirectoryUser{ID: users[i], AccountID: accounts[i%len(accounts)], Name: "User", Active: true})
	}
	p := &past{Log: log, now: historyBegin}
	updates := log.Dashboards(b, p.tick)
	change := func(c domain.UpdateDashboard) {
		c.Primary = accounts[0]
		_, err := updates.Update(context.Background(), commands.UpdateDashboard{Caller: p.caller(agencyA, stella), Change: c})
		require.NoError(b, err)
	}
	change(domain.UpdateDashboard{SubAccountIDs: &accounts, Users: &users})
	updates.Log = timedLog{log, b}
	b.ResetTimer()
	b.StopTimer()
	for i := range b.N {
		change(domain.UpdateDashboard{Scopes: &[]string{fmt.Sprintf("scope%d", i)}})
	}
}

// spansPast returns ten years of an agency with 200 dashboards, about 2,000 spans for each user, and
// 24,200 changes.
func spansPast(b testing.TB, users int) *history.History {
	log := ledgertest.New(b)
	for i := range 200 {
		log.Put(b, domain.DirectoryAccount{ID: fmt.Sprintf("c%023x", 1+i), RowID: int64(1 + i), ParentAccount: agencyA, Name: "Client", Active: true})
	}
	for i := range users {
		log.Put(b, domain.DirectoryUser{
			ID: fmt.Sprintf("d%023x", 1+i), AccountID: fmt.Sprintf("c%023x", 1+i%200), Name: fmt.Sprint("User ", 1+i), Active: true,
		})
	}
	conn, err := log.DB.Pool.Acquire(b.Context())
	require.NoError(b, err)
	defer conn.Release()
	for _, sql := range []string{
		// VACUUM does not mark rows as visible to all, which index-only scans need, before their commit is on disk.
		"set synchronous_commit = on",
		`insert into dashboard_history (parent_account, sub_account_id, version, event_id, event_type, time, actor, role,
		   on_behalf_of, command_id, request_id, hash, document_id, sub_account_ids, users_count, main_poc,
		   allow_client_dashboard, scopes, created_at, updated_at, changed)
		 select $1, 'c' || lpad(to_hex(b), 23, '0'), v * 200 + b, 'e', 'dashboard.users_changed.v1',
		   timestamptz '2016-01-01' + (v * 200 + b) * interval '210 minutes', 'd' || lpad(to_hex(1 + v % $2::int), 23, '0'), 'agency',
		   '', 'c', 'r', sha256((v * 200 + b)::text::bytea), 'b' || b, array['c' || lpad(to_hex(b), 23, '0')], case when v % 12 > 9 then 0 else $2 end, '{}', v / 10 % 4 <> 3,
		   array['analytics', 'posts'], '2016-01-01', '2016-01-01',
		   case when v % 10 = 0 then array['users', 'allow_client_dashboard', 'scopes'] else array['users'] end
		 from generate_series(1, 200) b, generate_series(0, 120) v`,
		`insert into streams (projection, generation, stream_key, partition, version, hash, time, fold_again)
		 select 'dashboards', 1, $1, 0, 24200, '', now(), false where $2 > 0`,
		`insert into dashboard_listed
		 select $1, 'c' || lpad(to_hex(b), 23, '0'), 'd' || lpad(to_hex(u), 23, '0'), (s * 12 + u % 3) * 200 + b,
		   case when s < 9 or u % 2 = 0 then (s * 12 + 6 + u % 5) * 200 + b else 9223372036854775807 end
		 from generate_series(1, 200) b, generate_series(1, $2::int) u, generate_series(0, 9) s`,
		`insert into dashboard_allowed
		 select $1, 'c' || lpad(to_hex(b), 23, '0'), s * 2000 + b, case when s < 12 then (s + 1) * 2000 + b else 9223372036854775807 end, s % 4 <> 3, s * 2000 + b,
		   array['analytics', 'posts'], array[b, s * 2000 + b]
		 from generate_series(1, 200) b, generate_series(0, 12) s where $2 > 0`,
		"vacuum analyze dashboard_listed, dashboard_allowed, dashboard_history, users, accounts",
		"set synchronous_commit = off",
	} {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{agencyA, users}
		}
		_, err := conn.Exec(b.Context(), sql, args...)
		require.NoError(b, err)
	}
	return &history.History{Pool: log.DB.ReadOnly}
}

// The benchmarks fill tables that are made elsewhere; this fails when they no longer fit.
func TestThePastOfTheBenchmarksCanBeRead(t *testing.T) {
	t.Parallel()
	h := spansPast(t, 3)
	entries, meta, err := h.Entries(t.Context(), history.Query{ParentAccount: agencyA, Limit: 50})
	require.NoError(t, err)
	require.Equal(t, int64(24_200), meta.AsOf.Version)
	require.Len(t, entries, 50)
	spans, _, err := h.Spans(t.Context(), history.Query{ParentAccount: agencyA, From: history.Moment{Time: time.Unix(0, 0)}, Limit: 50})
	require.NoError(t, err)
	require.Len(t, spans, 50)
}

// BenchmarkExportOfSpans measures exports of 100,000, 300,000 and a million spans, in both orders:
// the time for 100,000 spans, and the memory in use at most.
func BenchmarkExportOfSpans(b *testing.B) {
	for _, users := range []int{50, 150, 500} {
		h := spansPast(b, users)
		for _, byUser := range []bool{false, true} {
			b.Run(fmt.Sprintf("users=%d,byUser=%t", users, byUser), func(b *testing.B) {
				for b.Loop() {
					began, spans, memory := time.Now(), 0, uint64(0)
					q := history.Query{ParentAccount: agencyA, From: history.Moment{Time: time.Unix(0, 0)}, ByUser: byUser, Limit: 2_000}
					for q.Cursor = ""; spans == 0 || q.Cursor != ""; {
						page, meta, err := h.Spans(b.Context(), q)
						require.NoError(b, err)
						spans, q.Cursor = spans+len(page), meta.NextCursor
						var stats runtime.MemStats
						runtime.ReadMemStats(&stats)
						memory = max(memory, stats.HeapInuse)
					}
					b.ReportMetric(float64(spans), "spans")
					b.ReportMetric(time.Since(began).Seconds()*1e5/float64(spans), "s/100k")
					b.ReportMetric(float64(memory)/(1<<20), "MiB")
				}
			})
		}
	}
}

// BenchmarkAuditorsQueries measures a page of each query in docs/auditors.md with a million spans.
func BenchmarkAuditorsQueries(b *testing.B) {
	h := spansPast(b, 500)
	board, user := fmt.Sprintf("c%023x", 77), fmt.Sprintf("d%023x", 77)
	at, from, to := history.Moment{Version: 13_500}, history.Moment{Version: 11_000}, history.Moment{Version: 12_000}
	day := func(year int, month time.Month) history.Moment {
		return history.Moment{Time: time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)}
	}
	ask := func(name string, query func(context.Context) error) {
		b.Run(name, func(b *testing.B) {
			fastest := time.Hour // depends less on what else the machine does than the mean
			for b.Loop() {
				began := time.Now()
				require.NoError(b, query(b.Context()))
				fastest = min(fastest, time.Since(began))
			}
			b.ReportMetric(fastest.Seconds()*1e3, "fastest-ms")
		})
	}
	ask("one-row", func(ctx context.Context) error { // to compare with
		var version int64
		return h.Pool.QueryRow(ctx, "select version from dashboard_history where parent_account = $1 and sub_account_id = $2 and version = 77",
			agencyA, board).Scan(&version)
	})
	changes := func(name string, q history.Query) {
		q.ParentAccount, q.Limit = agencyA, 50
		ask("history/"+name, func(ctx context.Context) error { _, _, err := h.Entries(ctx, q); return err })
	}
	changes("board", history.Query{Dashboard: board})
	changes("agency", history.Query{})
	changes("user", history.Query{User: user})
	changes("account", history.Query{Account: board})
	changes("name", history.Query{Named: "user 77"})
	changes("common-name", history.Query{Named: "user"})
	changes("no-match", history.Query{Named: "zoe"})
	changes("no-type", history.Query{Types: []string{"dashboard.opened.v1"}})
	ask("state", func(ctx context.Context) error {
		_, _, err := h.State(ctx, history.Query{ParentAccount: agencyA, Dashboard: board, At: at})
		return err
	})
	ask("diff", func(ctx context.Context) error {
		_, _, err := h.Diff(ctx, history.Query{ParentAccount: agencyA, Dashboard: board, From: from, To: to})
		return err
	})
	ask("diffs", func(ctx context.Context) error {
		_, _, err := h.Diffs(ctx, history.Query{ParentAccount: agencyA, From: from, To: to, Limit: 50})
		return err
	})
	ask("access", func(ctx context.Context) error {
		_, _, err := h.Access(ctx, history.Query{ParentAccount: agencyA, Dashboard: board, User: user, At: at})
		return err
	})
	spans := func(name string, q history.Query) {
		q.ParentAccount, q.Limit = agencyA, 50
		for _, q.ByUser = range []bool{false, true} {
			ask(fmt.Sprintf("spans/%s,byUser=%t", name, q.ByUser), func(ctx context.Context) error { _, _, err := h.Spans(ctx, q); return err })
		}
	}
	spans("now", history.Query{})
	spans("then", history.Query{At: at})
	spans("board", history.Query{At: at, Dashboard: board})
	spans("user", history.Query{User: user, From: day(2016, 1)})
	spans("month", history.Query{From: day(2020, 1), To: day(2020, 2)})
	spans("no-one", history.Query{At: history.Moment{Version: 12_000}}) // all lists were empty
}
