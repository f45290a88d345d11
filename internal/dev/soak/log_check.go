package soak

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/simulator"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Ledger is the readings and states as the log has them.
type Ledger struct {
	Readings   map[int64][]time.Time // capture times of an account's live readings, in the order of the log
	Backfilled int
	Posts      int
	Reconnects map[int64]int // by connection
	Recovered  map[int64]int
	Wrong      []string // what must not be, at most a hundred

	stack *Stack
	seen  map[string]bool
}

const maxWrong = 100

// Read scans the whole log and compares every reading with the world: whose it is, and whether the
// figures are those of its account.
func (s *Stack) Read(t testing.TB) *Ledger {
	t.Helper()
	l := &Ledger{
		Readings: map[int64][]time.Time{}, Reconnects: map[int64]int{}, Recovered: map[int64]int{},
		stack: s, seen: map[string]bool{},
	}
	var mu sync.Mutex
	for _, topic := range []string{domain.TopicMetrics, domain.TopicOperations} {
		require.NoError(t, s.Log.Scan(t.Context(), eventlog.ScanConfig{Topic: topic, Handle: func(_ context.Context, run eventlog.Run) error {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range run.Records {
				ev, err := s.Log.Decode(r)
				if err != nil {
					return fmt.Errorf("decode: %w", err)
				}
				l.once("event " + ev.Envelope.ID)
				l.take(ev.Data)
			}
			return nil
		}}))
	}
	return l
}

func (l *Ledger) wrongf(format string, args ...any) {
	if len(l.Wrong) < maxWrong {
		l.Wrong = append(l.Wrong, fmt.Sprintf(format, args...))
	}
}

// once notes what may be there only once.
func (l *Ledger) once(what string) {
	if l.seen[what] {
		l.wrongf("%s is there twice", what)
	}
	l.seen[what] = true
}

func (l *Ledger) owner(what string, of domain.Tenant) {
	if a := l.stack.World.bySocial[of.SocialAccount]; a.Tenant != of {
		l.wrongf("%s belongs to %+v, is recorded for %+v", what, a.Tenant, of)
	}
}

func (l *Ledger) reading(what string, of domain.Tenant, at time.Time) {
	what = fmt.Sprintf("%s %d at %s", what, of.SocialAccount, at.Format(time.RFC3339Nano))
	l.once(what)
	l.owner(what, of)
}

func (l *Ledger) take(data domain.Data) {
	switch e := data.(type) {
	case domain.AccountRead:
		if e.Backfilled {
			l.Backfilled++ // a day may be read twice, with one result
			return
		}
		l.reading("reading of account", e.Tenant, e.CapturedAt)
		l.Readings[e.SocialAccount] = append(l.Readings[e.SocialAccount], e.CapturedAt)
		l.figures(e)
	case domain.PostRead:
		l.reading("reading of post "+e.ExternalID+" of", e.Tenant, e.CapturedAt)
		l.Posts++
	case domain.PostRegistered:
		// A listing before the read side shows it registers a post twice, with one result.
		l.owner("post "+e.ExternalID, e.Tenant)
	case domain.ConnectionStateChanged:
		if e.Code != "" {
			l.Reconnects[e.ConnectionID]++
		} else {
			l.Recovered[e.ConnectionID]++
		}
	}
}

// slack is how long a call may have been on its way, in compressed time.
const slack = 30 * time.Minute

// figures compares the followers with the curve of the account around the capture time.
func (l *Ledger) figures(e domain.AccountRead) {
	a, seed := l.stack.World.bySocial[e.SocialAccount], l.stack.Sim.Seed()
	for _, f := range e.Figures {
		if f.Name != domain.MetricFollowers || f.Kind != domain.Stock {
			continue
		}
		before, after := simulator.FollowersAt(seed, a.ExternalID, e.CapturedAt), simulator.FollowersAt(seed, a.ExternalID, e.CapturedAt.Add(slack))
		if f.Value < min(before, after)-1 || f.Value > max(before, after)+1 {
			l.wrongf("account %d shows %d followers, has %d to %d", a.SocialAccount, f.Value, before, after)
		}
	}
}

// Newest is an account's last reading; zero: none.
func (l *Ledger) Newest(account int64) time.Time {
	return slices.MaxFunc(append([]time.Time{{}}, l.Readings[account]...), time.Time.Compare)
}
