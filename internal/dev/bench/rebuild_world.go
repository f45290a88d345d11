package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// rebuildWorld is a projection with a log that it is made from.
type rebuildWorld struct {
	name, projection string
	records          int // of the topic when the rebuild begins; events beside it come on top
	partitions       int // that have records
	switchesMeasured int
	fill             func(ctx context.Context, log *eventlog.Log) error
	agency, path     string // what readers ask, for the staff of this agency
	probe            func(log *eventlog.Log, n int) (liveProbe, error)
}

// liveProbe is an event, and the row by which a reader sees it: what stands after FROM.
type liveProbe struct {
	draft domain.Draft
	key   string // as the projection names what has moved; "any" when it names nothing
	where string
	args  []any
}

// What is rebuilt, at full scale. Account readings have some eight figures each, so that they are an eighth as many.
const (
	rebuildPosts      = 2_000_000
	rebuildAccounts   = 250_000
	rebuildDashboards = 1_000_000
	rebuildAgencies   = 240
	fillBatch         = 5000
	manyPartitions    = 12
)

// rebuildWorlds are what is measured, with so large a part of the records.
func rebuildWorlds(scale float64) []rebuildWorld {
	part := func(n int) int { return max(int(float64(n)*scale), 2*crowded().posts) }
	return []rebuildWorld{
		postsWorld(part(rebuildPosts)), accountsWorld(part(rebuildAccounts)),
		dashboardsWorld("dashboards_spread", part(rebuildDashboards), rebuildAgencies),
		dashboardsWorld("dashboards_one_agency", part(rebuildDashboards), 1),
	}
}

// liveSocial is the first of the social accounts that the events beside a rebuild are of; nobody else's.
const liveSocial = 900_000

func postsWorld(records int) rebuildWorld {
	w := crowded()
	agencies := (records + w.readings() - 1) / w.readings()
	day := firstReading.Format(time.DateOnly)
	return rebuildWorld{
		name: "post_insights", projection: projectors.PostInsights{}.Name(), records: records,
		partitions: manyPartitions, switchesMeasured: switchesAsked,
		agency: figureAgency(0), path: "/getPostInsights/" + day + "/" + day + "/all?limit=50",
		fill: func(ctx context.Context, log *eventlog.Log) error {
			if err := appendAs(ctx, log, figureDirectory(0), len(figureDirectory(0))); err != nil {
				return err
			}
			plan := w.plan()
			return fillMetrics(ctx, log, agencies, records, w.registrations, func(n, slot int, at time.Time) []fold.Event {
				return w.postReads(n, slot, plan[slot], at)
			})
		},
		probe: func(_ *eventlog.Log, n int) (liveProbe, error) {
			at := w.now().Add(time.Duration(n) * time.Millisecond)
			account, external := int64(liveSocial+n%metricsPartitions), fmt.Sprint("live_", n)
			return liveProbe{
				key: "any", draft: readingDraft(account, external, at, int64(n)),
				where: `tSPostInsights where social_account_id = $1 and external_id = $2`, args: []any{account, external},
			}, nil
		},
	}
}

func accountsWorld(records int) rebuildWorld {
	w := crowded()
	agencies := (records + figureSocials*w.slots - 1) / (figureSocials * w.slots)
	day := firstReading.Format(time.DateOnly)
	return rebuildWorld{
		name: "account_insights", projection: projectors.AccountInsights{}.Name(), records: records,
		partitions: manyPartitions, switchesMeasured: 1,
		agency: figureAgency(0), path: "/getAccountInsights/" + day + "/" + day + "/all",
		fill: func(ctx context.Context, log *eventlog.Log) error {
			if err := appendAs(ctx, log, figureDirectory(0), len(figureDirectory(0))); err != nil {
				return err
			}
			none := func(int) []fold.Event { return nil }
			return fillMetrics(ctx, log, agencies, records, none, w.accountReads)
		},
		probe: func(_ *eventlog.Log, n int) (liveProbe, error) {
			at := w.now().Add(time.Duration(n) * time.Millisecond)
			tenant := figureTenant(0, 0)
			tenant.SocialAccount = liveSocial + int64(n)
			read := domain.AccountRead{Tenant: tenant, Platform: domain.Facebook, CapturedAt: at, Figures: figuresOf(domain.Facebook, int64(n), at)}
			return liveProbe{
				key: "any", draft: commands.NewDraft(domain.TopicMetrics, read.Key(), read, at),
				where: `tSAccountIns where social_account_id = $1 and captured_at = $2`, args: []any{tenant.SocialAccount, at},
			}, nil
		},
	}
}

// fillMetrics appends registrations and as many readings as are left, slot by slot over all agencies.
func fillMetrics(
	ctx context.Context, log *eventlog.Log, agencies, records int, registrations func(n int) []fold.Event,
	reads func(n, slot int, at time.Time) []fold.Event,
) error {
	left := records
	put := func(events []fold.Event) error {
		n := min(left, len(events))
		left -= n
		return appendAs(ctx, log, events, n)
	}
	for n := range agencies {
		if err := put(registrations(n)); err != nil {
			return err
		}
	}
	for slot := 0; left > 0; slot++ {
		for n := range agencies {
			if err := put(reads(n, slot, firstReading.Add(time.Duration(slot)*figureEvery))); err != nil {
				return err
			}
		}
	}
	return nil
}

// appendAs appends the first of the events.
func appendAs(ctx context.Context, log *eventlog.Log, events []fold.Event, n int) error {
	drafts := make([]domain.Draft, 0, n)
	for _, ev := range events[:n] {
		switch data := ev.Data.(type) {
		case domain.PostRead:
			drafts = append(drafts, commands.NewDraft(domain.TopicMetrics, data.Key(), data, data.CapturedAt))
		case domain.PostRegistered:
			drafts = append(drafts, commands.NewDraft(domain.TopicMetrics, data.Key(), data, data.RegisteredAt))
		case domain.AccountRead:
			drafts = append(drafts, commands.NewDraft(domain.TopicMetrics, data.Key(), data, data.CapturedAt))
		case domain.DirectoryEntity:
			drafts = append(drafts, commands.EntityDraft(data, firstReading))
		default:
			return fmt.Errorf("no draft is known of %T", data)
		}
	}
	return log.AppendBulk(ctx, drafts)
}

// liveAgency is the agency of the records beside a rebuild of dashboards.
const liveAgency = "a9999999999999999999999a"

// dashboardsWorld has the records of one day: all commands are still remembered.
func dashboardsWorld(name string, records, agencies int) rebuildWorld {
	spread := newChains(agencies)
	beside := newChain(liveAgency)
	perAgency := records / agencies
	return rebuildWorld{
		name: name, projection: projectors.Dashboards{}.Name(), records: perAgency * agencies,
		partitions: min(agencies, manyPartitions), switchesMeasured: map[bool]int{true: 1, false: switchesAsked}[agencies == 1],
		agency: spread.list[0].key, path: "/api/projects/dashboard/" + rebuildClient(0),
		fill: func(ctx context.Context, log *eventlog.Log) error {
			err := appendAs(ctx, log, []fold.Event{
				{Recorded: domain.Recorded{Data: domain.DirectoryAccount{ID: spread.list[0].key, RowID: 1, Name: "Agency", Active: true}}},
				{Recorded: domain.Recorded{Data: domain.DirectoryAccount{
					ID: rebuildClient(0), RowID: 2, ParentAccount: spread.list[0].key, Name: "Client", Active: true,
				}}},
			}, 2)
			if err != nil {
				return err
			}
			return fillDashboards(ctx, log, spread.list, perAgency)
		},
		probe: func(log *eventlog.Log, _ int) (liveProbe, error) {
			draft, err := rebuildChange(log, beside, 0, 1)
			return liveProbe{
				key: liveAgency, draft: draft, where: `dashboard_heads where parent_account = $1 and version >= $2`, args: []any{liveAgency, beside.head.Version},
			}, err
		},
	}
}

// rebuildClient is a client of an agency of the dashboards.
func rebuildClient(agency int) string { return fmt.Sprintf("c%023x", agency) }

// rebuildChange makes the next change of an agency: one client's list of users, so many changes a day.
func rebuildChange(log *eventlog.Log, c *chain, agency, aDay int) (domain.Draft, error) {
	version := c.head.Version + 1
	step := (20 * time.Hour / time.Duration(max(aDay, 100_000))).Truncate(time.Microsecond)
	at := firstReading.Add(time.Duration(version) * step)
	users := []string{"d10000000000000000000001", fmt.Sprintf("d2%022x", version%1000)}
	return c.change(log, at, []string{rebuildClient(agency)}, users, nil)
}

// fillDashboards appends the changes of agencies in turn.
func fillDashboards(ctx context.Context, log *eventlog.Log, agencies []*chain, each int) error {
	drafts := make([]domain.Draft, 0, fillBatch)
	for n := range each {
		for i, c := range agencies {
			draft, err := rebuildChange(log, c, i, each)
			if err != nil {
				return err
			}
			drafts = append(drafts, draft)
			if len(drafts) < fillBatch && (n < each-1 || i < len(agencies)-1) {
				continue
			}
			if err := log.AppendBulk(ctx, drafts); err != nil {
				return err
			}
			drafts = drafts[:0]
		}
	}
	return nil
}
