package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// chain makes the changes of one agency.
type chain struct {
	key        string
	began      time.Time // its first version is a second later
	head       domain.StreamHead
	dashboards map[string]domain.Dashboard
}

// chains make changes of many agencies in turn, as commands would.
type chains struct {
	list []*chain
	n    int
}

func newChains(agencies int, began time.Time) *chains {
	c := &chains{}
	for i := range agencies {
		key := fmt.Sprintf("%024x", 0xa0000000+i*7919)
		c.list = append(c.list, &chain{key: key, began: began, dashboards: map[string]domain.Dashboard{}})
	}
	return c
}

// append appends n changes.
func (c *chains) append(ctx context.Context, log *eventlog.Log, n int) error {
	const batch = 5000
	drafts := make([]domain.Draft, 0, batch)
	for i := range n {
		draft, err := c.list[c.n%len(c.list)].next(log)
		if err != nil {
			return err
		}
		c.n++
		if drafts = append(drafts, draft); len(drafts) == batch || i == n-1 {
			if err := log.AppendBulk(ctx, drafts); err != nil {
				return fmt.Errorf("fill the log: %w", err)
			}
			drafts = drafts[:0]
		}
	}
	return nil
}

// next changes the list of users of three linked clients; the first change of an agency creates their
// dashboards. The head is that of the record as the log tags it.
func (c *chain) next(log *eventlog.Log) (domain.Draft, error) {
	version, prev := c.head.Version+1, c.head.Hash
	at := c.began.Add(time.Duration(version) * time.Minute) // an agency makes a thousand changes a day at most
	accounts := []string{"c10000000000000000000001", "c10000000000000000000002", "c10000000000000000000003"}
	users := []string{"d10000000000000000000001", "d10000000000000000000002", fmt.Sprintf("d2%022x", version)}
	if version == 1 {
		prev = eventlog.Genesis(domain.TopicDashboards, c.key)
	}
	change := domain.DashboardChange{
		Primary: accounts[0], Linked: accounts, AllowClientDashboard: true, Scopes: []string{"analytics", "posts", "reports"},
		Users: users, MainPOC: map[string][]string{},
	}
	for _, id := range accounts {
		change.MainPOC[id] = []string{}
	}
	change.MainPOC[accounts[0]] = []string{"e10000000000000000000001"}
	var data domain.Data
	if version == 1 {
		change.Created = map[string]string{}
		for _, id := range accounts {
			change.Created[id] = domain.NewDashboardID(c.key, id)
		}
		data = domain.AccountsLinked{DashboardChange: change}
	} else {
		data = domain.DashboardUsersChanged{DashboardChange: change}
	}
	revisions, err := change.Fold(c.key, version, at, c.dashboards)
	if err != nil {
		return domain.Draft{}, fmt.Errorf("fold change: %w", err)
	}
	for _, revision := range revisions {
		c.dashboards[revision.After.SubAccountID] = revision.After
	}
	draft := domain.Draft{
		Topic: domain.TopicDashboards, Key: c.key, Data: data,
		Envelope: domain.Envelope{
			ID: fmt.Sprintf("%s.%d", c.key, version), Source: "/ledgerboard/bench", Subject: accounts[0], Time: at,
			Chain: &domain.ChainLink{Version: version, Prev: prev},
			Audit: domain.Audit{
				Actor: "f10000000000000000000001", Role: "agency", CommandID: fmt.Sprintf("command-%d", version),
				RequestID: fmt.Sprintf("request-%d", version), RequestDigest: "00ff",
			},
		},
	}
	r, err := log.Codec().Encode(draft)
	if err != nil {
		return draft, fmt.Errorf("encode change: %w", err)
	}
	c.head = domain.StreamHead{Version: version, Hash: eventlog.RecordHash(prev, r), Time: at}
	return draft, nil
}
