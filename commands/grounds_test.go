package commands_test

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/tables"
	rebuilds "github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// verified is what verify says of the log alone.
func (s *spine) verified() proof.Report {
	s.t.Helper()
	report, err := proof.Verify(s.t.Context(), proof.VerifyConfig{Source: s.log})
	require.NoError(s.t, err)
	return report
}

// honest demands that every change was decided on what the log gives.
func (s *spine) honest() {
	s.t.Helper()
	report := s.verified()
	require.Empty(s.t, report.Findings)
	for _, n := range report.Notes {
		require.NotContains(s.t, n, "decided on")
	}
	require.Positive(s.t, report.Decisions)
}

// Somebody edits the tables by SQL, and an honest change takes that over: the log is whole, and says so for ever.
func TestAnEditOfTheTablesShowsInTheNextChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ edit, dashboard string }{
		"a user is added":           {`update dashboard_preferences set users = array['` + nina + `', '` + sam + `'] where sub_account_id = '` + north + `'`, north},
		"an account is linked":      {`update dashboard_preferences set sub_account_ids = array['` + north + `', '` + south + `'] where sub_account_id = '` + north + `'`, north},
		"a dashboard is taken away": {`delete from dashboard_preferences where sub_account_id = '` + north + `'`, north},
		"its time is another":       {`update dashboard_preferences set created_at = created_at - interval '1 year' where sub_account_id = '` + north + `'`, north},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpine(t)
			d := s.process()
			_, err := d.Update(t.Context(), put(north, users(nina)))
			require.NoError(t, err)
			s.honest()
			s.exec(c.edit)
			scopes := []string{"analytics"}
			u := put(north)
			u.Change.Scopes = &scopes
			_, err = d.Update(t.Context(), u)
			require.NoError(t, err)
			head, _ := s.judged()

			for range 2 {
				report := s.verified()
				require.Len(t, report.Findings, 1, "%v", report.Findings)
				f := report.Findings[0]
				require.Equal(t, proof.KindDecided, f.Kind)
				require.Equal(t, agency, f.Agency)
				require.Equal(t, head.Version, f.Version)
				require.NotNil(t, f.Offset)
				for _, part := range []string{c.dashboard, u.UserID, head.Time.Format("2006-01-02T15:04:05.000000Z")} {
					require.Contains(t, f.String(), part)
				}
				require.Contains(t, f.String(), "DECIDED ON OTHER TABLES agency "+agency)
				_, err = d.Update(t.Context(), put(south, users(sam))) // of another dashboard; the finding stays
				require.NoError(t, err)
			}
			var told []proof.Change
			_, err = proof.Replay(t.Context(), s.log, proof.ReplayConfig{Parent: agency, Yield: func(c proof.Change) error {
				if len(c.DecidedOnOthers) > 0 {
					told = append(told, c)
				}
				return nil
			}})
			require.NoError(t, err)
			require.NotEmpty(t, told)
			require.Equal(t, []any{head.Version, []string{c.dashboard}}, []any{told[0].Version, told[0].DecidedOnOthers})
		})
	}
}

// What honest people do at once, in whatever order it comes, is no finding.
func TestHonestChangesAreDecidedOnTheLog(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	other := s.openLog(0)
	processes := []*commands.Dashboards{s.process(), s.process(func(c *commands.DashboardsConfig) { c.Log = other })}
	var group sync.WaitGroup
	for i := range manyAccounts {
		group.Go(func() {
			u := put([]string{north, south}[i%2], links(numbered(i), east))
			if i%5 == 4 {
				u = put(north, links(), func(u *commands.UpdateDashboard) { u.Change.Unlink = true })
			}
			if _, err := patiently(func() (commands.Result, error) { return processes[i%2].Update(context.Background(), u) }); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	s.honest()
}

// A lost race is decided again, on the tables of then; so is a change on tables that were set back.
func TestARetryIsDecidedOnTheLog(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	winner := s.process()
	var once sync.Once
	loser := s.process(func(c *commands.DashboardsConfig) {
		c.Log = appender(func(ctx context.Context, d domain.Draft) (err error) {
			once.Do(func() { _, err = winner.Update(ctx, put(north, links(east))) })
			if err != nil {
				return err
			}
			return s.log.Append(ctx, d)
		})
	})
	_, err := loser.Update(t.Context(), put(north, links(south), users(nina)))
	require.NoError(t, err)
	s.keepTables()
	_, err = winner.Update(t.Context(), put(north, users(sam)))
	require.NoError(t, err)
	s.setBack()
	_, err = winner.Update(t.Context(), put(north, users(nina, sam)))
	require.NoError(t, err)
	s.honest()
}

// Dashboards of the old system, lists in any order and times finer than the tables', and changes of them after that.
func TestChangesOfImportedDashboardsAreDecidedOnTheLog(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	d := s.process()
	_, err := d.Open(t.Context(), commands.OpenDashboard{Caller: put(south).Caller, SubAccount: south})
	require.NoError(t, err)
	i := commands.ImportDashboards{Log: s.log, Now: time.Now, Stream: s.present}
	at := time.Date(2019, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 3600))
	facts := domain.ImportFacts{
		ParentAccount: agency, Accounts: map[string]bool{north: true, south: true}, UserAccounts: map[string]string{nina: north, sam: south}, Now: time.Now(),
	}
	_, err = i.Import(t.Context(), facts, []domain.ImportedDashboard{
		{
			DocumentID: "e00000000000000000000001", SubAccountID: north, SubAccountIDs: []string{south, north}, Users: []string{sam, nina, sam},
			MainPOC: []string{sam}, Scopes: []string{"posts", "analytics", "posts"}, CreatedAt: at, UpdatedAt: at.Add(time.Hour),
		},
		{
			DocumentID: "e00000000000000000000002", SubAccountID: south, SubAccountIDs: []string{south, north}, Users: []string{sam, nina, sam},
			Scopes: []string{"posts", "analytics"}, CreatedAt: at, UpdatedAt: at,
		},
	})
	require.NoError(t, err)
	head, _ := s.judged()
	require.Equal(t, int64(2), head.Version, "the import is a record")
	_, err = d.AwaitHead(t.Context(), agency, head.Version)
	require.NoError(t, err)
	_, err = d.Update(t.Context(), put(north, links(east), users(nina)))
	require.NoError(t, err)
	_, err = d.Update(t.Context(), put(south, links(south), func(u *commands.UpdateDashboard) { u.Change.Unlink = true }))
	require.NoError(t, err)
	s.honest()
}

// present reads an agency's dashboards from the log.
func (s *spine) present(ctx context.Context, parent string) (commands.ImportStream, error) {
	stream := commands.ImportStream{Present: map[string]domain.PresentDashboard{}}
	opened := map[string]bool{}
	done, err := proof.Replay(ctx, s.log, proof.ReplayConfig{Parent: parent, Yield: func(c proof.Change) error {
		opened[c.Dashboard] = c.Event == domain.DashboardOpened{}.EventType()
		return nil
	}})
	for _, d := range done.State {
		stream.Present[d.SubAccountID] = domain.PresentDashboard{Dashboard: d, OnlyOpened: opened[d.SubAccountID]}
	}
	stream.Head = domain.StreamHead{Version: done.Version, Time: done.Time}
	if _, failed := hex.Decode(stream.Head.Hash[:], []byte(done.Hash)); failed != nil {
		return stream, failed
	}
	return stream, err
}

// Tables that are made anew while changes come are what the next change is decided on.
func TestChangesOnTablesMadeAnewAreDecidedOnTheLog(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	d := s.process()
	_, err := d.Update(t.Context(), put(north, links(south), users(nina)))
	require.NoError(t, err)
	projection := projectors.Dashboards{}
	asked, err := projections.NewRebuilds(s.db.Pool).Request(t.Context(), projections.RebuildRequest{
		Projection: projection.Name(), Version: projection.Version(), By: "operator", Reason: "incident",
	})
	require.NoError(t, err)
	for i := 0; ; i++ { // changes go on until the tables are there
		_, err := d.Update(t.Context(), put(north, links(numbered(i%manyAccounts))))
		require.NoError(t, err)
		rebuild, err := projections.NewRebuilds(s.db.Pool).Get(t.Context(), asked.ID)
		require.NoError(t, err)
		if rebuild.State == rebuilds.RebuildDone {
			break
		}
		require.NotEqual(t, rebuilds.RebuildFailed, rebuild.State, "%v", rebuild.Error)
	}
	var path []string
	for _, schema := range tables.Schemas() {
		path = append(path, strings.Replace(schema, "lb_dashboards_g1", "lb_dashboards_g2", 1))
	}
	anew, err := pg.Open(t.Context(), pg.Config{URL: s.db.URL, SearchPath: path, Name: "test reader", ReadOnly: true, MaxConns: 2})
	require.NoError(t, err)
	t.Cleanup(anew.Close)
	d = s.process(func(c *commands.DashboardsConfig) {
		c.Store = readmodels.NewDashboards(readmodels.DashboardsConfig{Pool: anew, Progress: pg.NewProgress()})
	})
	_, err = d.Update(t.Context(), put(south, users(sam)))
	require.NoError(t, err)
	s.honest()
}

// A record that cannot be folded, and is skipped, holds nothing up: what comes behind it is decided on tables without it.
func TestChangesBehindASkipAreDecidedOnTheLog(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	d := s.process()
	s.opened()
	bad := s.follows(`{`)
	_, err := d.Skip(t.Context(), skipOf(bad))
	require.NoError(t, err)
	_, err = d.Update(t.Context(), put(north, users(nina, sam)))
	require.NoError(t, err)
	s.honest()
	s.exec(`update dashboard_preferences set users = '{}'`)
	_, err = d.Update(t.Context(), put(north, links(south)))
	require.NoError(t, err)
	require.Len(t, s.verified().Findings, 1, "and is compared")
}

// Somebody edits the end of a stream in the tables, and an honest process writes behind it what follows nothing in the log. It cannot be told from a record
// that was altered, nor from records that were removed, so verify names both causes.
func TestAnEditedHeadIsNotBlamedOnTheLogAlone(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]string{
		"a later version":             `update dashboard_heads set version = version + 5`,
		"another hash":                `update dashboard_heads set hash = decode(repeat('ab', 32), 'hex')`,
		"a later version, other hash": `update dashboard_heads set version = version + 5, hash = decode(repeat('ab', 32), 'hex')`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpine(t)
			s.opened()
			s.exec(edit)
			_, err := s.process().Update(t.Context(), put(north, users(sam)))
			require.NoError(t, err, "nothing that the process knows speaks against it")
			report := s.verified()
			require.Len(t, report.Findings, 1, "%v", report.Findings)
			require.Contains(t, report.Findings[0].String(), "because somebody edited them")
		})
	}
}
