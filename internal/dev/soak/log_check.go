package soak

import (
	"context"
	"fmt"
	"sync"
	"time"

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
}

const maxWrong = 100

// Read scans the whole log and compares every reading with the world: whose it is, and whether the
// figures are those of its account.
func Read(ctx context.Context, log *eventlog.Log, world *World, sim *simulator.Server) (*Ledger, error) {
	l := &Ledger{Readings: map[int64][]time.Time{}, Reconnects: map[int64]int{}, Recovered: map[int64]int{}}
	var mu sync.Mutex
	ids := map[string]bool{}
	captured := map[string]bool{}
	for _, topic := range []string{domain.TopicMetrics, domain.TopicOperations} {
		err := log.Scan(ctx, eventlog.ScanConfig{Topic: topic, Handle: func(_ context.Context, run eventlog.Run) error {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range run.Records {
				ev, err := log.Decode(r)
				if err != nil {
					return fmt.Errorf("decode: %w", err)
				}
				if ids[ev.Envelope.ID] {
					l.wrongf("event %s is there twice", ev.Envelope.ID)
				}
				ids[ev.Envelope.ID] = true
				l.take(ev.Data, world, sim, captured)
			}
			return nil
		}})
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Ledger) wrongf(format string, args ...any) {
	if len(l.Wrong) < maxWrong {
		l.Wrong = append(l.Wrong, fmt.Sprintf(format, args...))
	}
}

func (l *Ledger) take(data domain.Data, world *World, sim *simulator.Server, captured map[string]bool) {
	once := func(what string, tenant domain.Tenant, at time.Time) {
		key := fmt.Sprintf("%s %d %s", what, tenant.SocialAccount, at.Format(time.RFC3339Nano))
		if captured[key] {
			l.wrongf("%s is there twice", key)
		}
		captured[key] = true
		if a := world.bySocial[tenant.SocialAccount]; a.Tenant != tenant {
			l.wrongf("%s belongs to %+v, is recorded for %+v", key, a.Tenant, tenant)
		}
	}
	switch e := data.(type) {
	case domain.AccountRead:
		if e.Backfilled {
			l.Backfilled++ // a day may be read twice, with one result
			return
		}
		once("reading of account", e.Tenant, e.CapturedAt)
		l.Readings[e.SocialAccount] = append(l.Readings[e.SocialAccount], e.CapturedAt)
		l.figures(e, world.bySocial[e.SocialAccount], sim)
	case domain.PostRead:
		once("reading of post "+e.ExternalID+" of", e.Tenant, e.CapturedAt)
		l.Posts++
	case domain.PostRegistered:
		// A listing before the read side shows it registers a post twice, with one result.
		if a := world.bySocial[e.SocialAccount]; a.Tenant != e.Tenant {
			l.wrongf("post %s belongs to %+v, is registered for %+v", e.ExternalID, a.Tenant, e.Tenant)
		}
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
func (l *Ledger) figures(e domain.AccountRead, a Account, sim *simulator.Server) {
	for _, f := range e.Figures {
		if f.Name != domain.MetricFollowers || f.Kind != domain.Stock {
			continue
		}
		before, after := simulator.FollowersAt(sim.Seed(), a.ExternalID, e.CapturedAt),
			simulator.FollowersAt(sim.Seed(), a.ExternalID, e.CapturedAt.Add(slack))
		if f.Value < min(before, after)-1 || f.Value > max(before, after)+1 {
			l.wrongf("account %d shows %d followers, has %d to %d", a.SocialAccount, f.Value, before, after)
		}
	}
}

// Newest is an account's last reading; zero: none.
func (l *Ledger) Newest(account int64) (newest time.Time) {
	for _, at := range l.Readings[account] {
		if at.After(newest) {
			newest = at
		}
	}
	return newest
}
