package readmodels_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/draws"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
	"github.com/ledgerboard/ledgerboard/projections/write"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// People and accounts of the history tests.
const (
	north, south, east = "c10000000000000000000000", "c20000000000000000000000", "c30000000000000000000000"
	nina, sam, eva     = "d10000000000000000000000", "d20000000000000000000000", "d30000000000000000000000"
	stella, stan       = "5a0000000000000000000000", "5b0000000000000000000000" // staff of agency A
	abroad             = "cb0000000000000000000000"                             // client of agency B
	bea, ben           = "db0000000000000000000000", "5c0000000000000000000000" // its user, and staff of agency B
)

var historyBegin = time.Date(2025, 3, 1, 9, 0, 0, 0, time.UTC)

// past is a log with two agencies, with the domain's own fold as the oracle.
type past struct {
	*ledgertest.Log

	t       *testing.T
	mu      sync.Mutex
	now     time.Time
	updates *commands.Dashboards
	history *history.History
}

func newPast(t *testing.T) *past {
	t.Helper()
	p := &past{Log: ledgertest.New(t), t: t, now: historyBegin}
	p.Put(t,
		domain.DirectoryAccount{ID: agencyA, RowID: 1, Name: "Agency A", Active: true},
		domain.DirectoryAccount{ID: agencyB, RowID: 2, Name: "Agency B", Active: true},
		domain.DirectoryAccount{ID: north, RowID: 11, ParentAccount: agencyA, Name: "North", Active: true},
		domain.DirectoryAccount{ID: south, RowID: 12, ParentAccount: agencyA, Name: "South", Active: true},
		domain.DirectoryAccount{ID: east, RowID: 13, ParentAccount: agencyA, Name: "East", Active: true},
		domain.DirectoryAccount{ID: abroad, RowID: 21, ParentAccount: agencyB, Name: "Abroad", Active: true},
	)
	for id, account := range map[string]string{
		nina: north, sam: south, eva: east, stella: agencyA, stan: agencyA, bea: abroad, ben: agencyB,
	} {
		p.Put(t, domain.DirectoryUser{ID: id, AccountID: account, Name: "Name of " + id[:2], Email: id[:2] + "@example.com", Active: true})
	}
	p.updates = p.Dashboards(t, p.tick)
	p.history = &history.History{Pool: p.DB.ReadOnly}
	return p
}

// wanderedPast returns a past of 150 drawn changes next to another agency's, the oracle's entries,
// and the last version. The stream was folded again in between; later, records were skipped.
func wanderedPast(t *testing.T) (p *past, entries []known, head int64) {
	t.Helper()
	seed, fixed := draws.Seed()
	if !fixed {
		seed = rand.Uint64()
	}
	t.Logf("drawn with LEDGERBOARD_DRAWS=%d", seed)
	p = newPast(t)
	p.wander(rand.New(rand.NewPCG(seed, 11)))
	entries = p.oracle(agencyA)
	return p, entries, entries[len(entries)-1].version
}

func (p *past) wander(random *rand.Rand) {
	p.t.Helper()
	p.open(agencyB, ben, abroad)
	accounts, users := []string{north, south, east}, []string{nina, sam, eva, stella, stan}
	some := func(from []string) *[]string {
		list := []string{}
		for _, id := range from {
			if random.IntN(2) == 0 {
				list = append(list, id)
			}
		}
		return &list
	}
	for n := range 150 {
		c := domain.UpdateDashboard{Primary: accounts[random.IntN(len(accounts))], Unlink: random.IntN(2) == 0}
		switch random.IntN(4) {
		case 0:
			c.SubAccountIDs = some(accounts)
		case 1:
			c.Users = some(users)
		case 2:
			c.Scopes = some([]string{"analytics", "posts", "reports"})
		default:
			allow := random.IntN(2) == 0
			c.AllowClientDashboard = &allow
		}
		p.put([]string{stella, stan}[random.IntN(2)], c)
		switch {
		case n == 75:
			p.foldAgain()
		case n > 75 && n%20 == 0:
			p.skip()
		}
	}
}

// foldAgain folds the stream of agency A again, from its start, as after a skip.
func (p *past) foldAgain() {
	p.t.Helper()
	projector := projectors.Dashboards
	state := projector.Begin(1)
	for _, ev := range p.events(agencyA) {
		require.NoError(p.t, state.Apply(ev))
	}
	require.NoError(p.t, pgx.BeginFunc(p.t.Context(), p.DB.Pool, func(tx pgx.Tx) error {
		for _, table := range projector.Tables {
			if _, err := tx.Exec(p.t.Context(), "delete from "+table+" where parent_account = $1", agencyA); err != nil {
				return err
			}
		}
		return write.Copy(p.t.Context(), tx.Conn(), new(sync.Mutex), func(into write.Sink) error { return state.Write(into, true) })
	}))
}

// events are the records of an agency's stream, as they are folded.
func (p *past) events(agency string) (events []fold.Event) {
	p.t.Helper()
	for _, record := range p.Records(domain.TopicDashboards) {
		recorded, err := p.Decode(record)
		require.NoError(p.t, err)
		if recorded.Key == agency {
			link := recorded.Envelope.Chain
			head := domain.StreamHead{Version: link.Version, Hash: eventlog.RecordHash(link.Prev, record), Time: recorded.Envelope.Time}
			events = append(events, fold.Event{Raw: record, Recorded: recorded, Head: head})
		}
	}
	return events
}

// skip adds a record of agency A that could not be folded, and an operator's skip of it.
func (p *past) skip() (skip domain.EventSkipped, draft domain.Draft) {
	p.t.Helper()
	var head domain.ChainLink
	var hash []byte
	require.NoError(p.t, p.DB.Pool.QueryRow(p.t.Context(), `
		update streams set version = version + 1 where stream_key = $1 returning version + 1, hash`, agencyA).
		Scan(&head.Version, &hash))
	copy(head.Prev[:], hash)
	skip = domain.EventSkipped{
		Version: head.Version - 1, Reason: domain.Reason{Code: domain.ReasonIncident, Ticket: "OPS-77"},
	}
	draft = commands.NewDraft(domain.TopicDashboards, agencyA, skip, p.tick())
	draft.Envelope.Subject, draft.Envelope.Chain = agencyA, &head
	draft.Envelope.Audit = domain.Audit{Actor: "system:operator", Role: "operator", CommandID: "c", RequestDigest: "00"}
	require.NoError(p.t, p.Append(p.t.Context(), draft))
	return skip, draft
}

// tick is the clock of the commands; the time between changes varies.
func (p *past) tick() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(time.Duration(1+p.now.Minute()%7) * 37 * time.Minute)
	return p.now
}

func (p *past) caller(agency, user string) commands.Caller {
	return commands.Caller{ParentAccount: agency, UserID: user, Role: "agency", OnBehalfOf: "", RequestID: "r-" + user[:2]}
}

// put sends a change of agency A and reports whether it was accepted.
func (p *past) put(user string, c domain.UpdateDashboard) bool {
	p.t.Helper()
	_, err := p.updates.Update(context.Background(), commands.UpdateDashboard{Caller: p.caller(agencyA, user), Change: c})
	if err != nil {
		require.Equal(p.t, domain.CodeUnprocessable, domain.CodeOf(err), "%v", err)
	}
	return err == nil
}

func (p *past) open(agency, user, account string) {
	p.t.Helper()
	_, err := p.updates.Open(context.Background(), commands.OpenDashboard{Caller: p.caller(agency, user), SubAccount: account})
	require.NoError(p.t, err)
}

// asked returns an answer of the history.
func asked[Q, R, M any](p *past, endpoint func(*history.History, context.Context, Q) (R, M, error), q Q) (R, M) {
	p.t.Helper()
	got, meta, err := endpoint(p.history, p.t.Context(), q)
	require.NoError(p.t, err)
	return got, meta
}

// refused requires an error with a code instead of an answer of the history.
func refused[Q, R, M any](p *past, code domain.Code, endpoint func(*history.History, context.Context, Q) (R, M, error), q Q) {
	p.t.Helper()
	_, _, err := endpoint(p.history, p.t.Context(), q)
	require.Equal(p.t, code, domain.CodeOf(err))
}

// known is what the oracle knows about one entry.
type known struct {
	version   int64
	at        time.Time
	eventType string
	actor     string
	sub       string // empty for a skip
	before    *domain.Dashboard
	after     domain.Dashboard
}

// oracle folds the records of an agency in memory, from the empty state.
func (p *past) oracle(agency string) (entries []known) {
	p.t.Helper()
	present := map[string]domain.Dashboard{}
	for _, recorded := range p.events(agency) {
		version, at := recorded.Head.Version, recorded.Envelope.Time
		event, changes := recorded.Data.(domain.DashboardEvent)
		if !changes {
			entries = append(entries, known{version: version, at: at, eventType: recorded.Envelope.Type, actor: recorded.Envelope.Audit.Actor})
			continue
		}
		revisions, err := event.Change().Fold(agency, version, at, present)
		require.NoError(p.t, err)
		for _, r := range revisions {
			entries = append(entries, known{version, at, recorded.Envelope.Type, recorded.Envelope.Audit.Actor, r.After.SubAccountID, r.Before, r.After})
			present[r.After.SubAccountID] = r.After
		}
	}
	return entries
}

// last returns the last entry of a dashboard up to a version; nil if not found.
func last(entries []known, sub string, version int64) *known {
	var found *known
	for i := range entries {
		if entries[i].sub == sub && entries[i].version <= version {
			found = &entries[i]
		}
	}
	return found
}

// plain removes the names from a state, so that it can be compared with a document.
func plain(s *history.DashboardState) *domain.Dashboard {
	if s == nil {
		return nil
	}
	return &domain.Dashboard{
		DocumentID: s.ID, ID: s.ID, SubAccountID: s.SubAccountID, ParentAccount: s.ParentAccount,
		SubAccountIDs: ids(s.SubAccountIDs), Users: ids(s.Users), MainPOC: ids(s.MainPOC),
		AllowClientDashboard: s.AllowClientDashboard, Scopes: s.Scopes, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

func ids(list []history.Named) []string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = n.ID
	}
	return out
}

// requireSame compares documents without their versions.
func requireSame(t require.TestingT, want, got *domain.Dashboard) {
	wanted, err := json.Marshal(want)
	require.NoError(t, err)
	shown, err := json.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, string(wanted), string(shown))
}

// applied returns a document with differences applied.
func applied(before *domain.Dashboard, sub string, d history.Differences) domain.Dashboard {
	out := domain.Dashboard{SubAccountID: sub, SubAccountIDs: []string{sub}}
	if before != nil {
		out = *before
	}
	change := func(list, added, removed []string) []string {
		list = slices.DeleteFunc(slices.Concat(list, added), func(id string) bool { return slices.Contains(removed, id) })
		slices.Sort(list)
		return slices.Compact(append([]string{}, list...))
	}
	out.SubAccountIDs = change(out.SubAccountIDs, ids(d.AccountsLinked), ids(d.AccountsUnlinked))
	out.Users = change(out.Users, ids(d.UsersAdded), ids(d.UsersRemoved))
	out.MainPOC = change(out.MainPOC, ids(d.MainPOCAdded), ids(d.MainPOCRemoved))
	out.Scopes = change(out.Scopes, d.ScopesAdded, d.ScopesRemoved)
	if d.AllowClientDashboard != nil {
		out.AllowClientDashboard = d.AllowClientDashboard.After
	}
	return out
}

// hashOf returns the hash of a record, computed with the chain's own function.
func (p *past) hashOf(agency string, version int64) string {
	p.t.Helper()
	for _, ev := range p.events(agency) {
		if ev.Head.Version == version {
			return fmt.Sprintf("%x", ev.Head.Hash[:])
		}
	}
	return ""
}

func TestMain(m *testing.M) { pgtest.Main(m) }

const (
	agencyA = ledgertest.AgencyA
	agencyB = ledgertest.AgencyB
	clientA = ledgertest.ClientA
	clientB = ledgertest.ClientB
	clientC = ledgertest.ClientC
)

type world = ledgertest.World
