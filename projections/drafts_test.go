package projections_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

var day0 = time.Date(2026, 3, 1, 22, 0, 0, 0, time.UTC)

const (
	agencyA = "aaaaaaaaaaaaaaaaaaaaaaaa"
	agencyB = "bbbbbbbbbbbbbbbbbbbbbbbb"
	client1 = "c10000000000000000000000"
	client2 = "c20000000000000000000000"
	client3 = "c30000000000000000000000" // also of agency A
)

func tenantOf(social int64) domain.Tenant {
	return domain.Tenant{ParentAccount: agencyA, AccountID: client1, MemberID: 7, SocialAccount: social}
}

func draft(topic, key, id string, data domain.Data) domain.Draft {
	return domain.Draft{Topic: topic, Key: key, Data: data, Envelope: domain.Envelope{
		ID: id, Source: "/ledgerboard/test", Subject: key, Time: day0, Type: data.EventType(),
	}}
}

// postRead is a reading of post "p"; n is its hour and its likes, and makes it unique.
func postRead(social int64, n int) domain.Draft {
	likes := int64(n)
	return draft(domain.TopicMetrics, tenantOf(social).Key(), fmt.Sprintf("post-%d-%06d", social, n), domain.PostRead{
		Tenant: tenantOf(social), Platform: domain.Facebook, ExternalID: "p", CapturedAt: day0.Add(time.Duration(n) * time.Hour),
		GrowthEligible: true, GrowthWindow: "168h0m0s", SubscriptionActive: true, Counts: domain.Counts{Likes: &likes},
	})
}

// accountRead is a reading of an account's followers.
func accountRead(social int64, n int) domain.Draft {
	return draft(domain.TopicMetrics, tenantOf(social).Key(), fmt.Sprintf("account-%d-%06d", social, n), domain.AccountRead{
		Tenant: tenantOf(social), Platform: domain.Facebook, CapturedAt: day0.Add(time.Duration(n) * time.Hour),
		Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: int64(n), Source: "fan_count"}},
	})
}

func category(id int64, name string) domain.Draft {
	d := draft(domain.TopicDirectory, domain.DirectoryKey(domain.KindCategory, fmt.Sprint(id)), "category-"+name,
		domain.DirectoryCategory{ID: id, Name: name})
	d.Envelope.Time = ledgertest.Later()
	return d
}

func categoryErased(id int64) domain.Draft {
	return domain.Draft{Topic: domain.TopicDirectory, Key: domain.DirectoryKey(domain.KindCategory, fmt.Sprint(id)), Envelope: domain.Envelope{
		ID: "erase", Source: "/ledgerboard/test", Type: "directory.category.v1", Time: ledgertest.Later(),
	}}
}

// chain writes the stream of one agency as a correct writer does.
type chain struct {
	codec  eventlog.Codec
	key    string
	head   domain.StreamHead
	opened map[string]bool // sub-accounts that have a dashboard
}

// newChain returns the writer of an empty stream.
func newChain(codec eventlog.Codec, key string) *chain {
	head := domain.StreamHead{Hash: eventlog.Genesis(domain.TopicDashboards, key)} // which the first record names
	return &chain{codec: codec, key: key, head: head, opened: map[string]bool{}}
}

// chain returns the writer of an agency's stream; there is one per agency.
func (b *bench) chain(key string) *chain {
	if b.chains[key] == nil {
		b.chains[key] = newChain(b.log.Codec(), key)
	}
	return b.chains[key]
}

// clone returns a second writer at the same head, for a race.
func (c *chain) clone() *chain {
	twin := *c
	twin.opened = maps.Clone(c.opened)
	return &twin
}

// next returns the record of the next event and moves the head.
func (c *chain) next(data domain.Data, change ...func(*domain.Draft)) eventlog.Record {
	prev, version := c.head.Hash, c.head.Version+1
	d := draft(domain.TopicDashboards, c.key, fmt.Sprintf("%s.%d", c.key, version), data)
	d.Envelope.Time = day0.Add(time.Duration(version) * time.Minute)
	d.Envelope.Chain = &domain.ChainLink{Version: version, Prev: prev}
	d.Envelope.Audit = domain.Audit{Actor: "u", Role: "agency", CommandID: d.Envelope.ID, RequestDigest: "00ff"}
	for _, f := range change {
		f(&d)
	}
	r, err := c.codec.Encode(d)
	if err != nil {
		panic(err)
	}
	c.head = domain.StreamHead{Version: version, Hash: eventlog.RecordHash(prev, r), Time: d.Envelope.Time}
	return r
}

// spoilt returns the next record with a value that cannot be decoded; it is still effective in the
// chain.
func (c *chain) spoilt(value string) eventlog.Record {
	prev := c.head.Hash
	r := c.next(c.usersSet(client1, "spoilt"))
	r.Value = []byte(value)
	c.head.Hash = eventlog.RecordHash(prev, r)
	return r
}

// retyped returns the next record with a type of another binary.
func (c *chain) retyped(eventType string) eventlog.Record {
	prev := c.head.Hash
	r := withHeader(c.next(c.usersSet(client1, "of a newer binary")), "ce_type", []byte(eventType))
	c.head.Hash = eventlog.RecordHash(prev, r)
	return r
}

// usersSet creates a dashboard with these users, or changes its users.
func (c *chain) usersSet(account string, users ...string) domain.DashboardUsersChanged {
	change := domain.DashboardChange{
		Primary: account, Linked: []string{account}, Users: append([]string{}, users...), Scopes: []string{"posts"},
		MainPOC: map[string][]string{account: {}},
	}
	if !c.opened[account] {
		change.Created = map[string]string{account: domain.NewDashboardID(c.key, account)}
		c.opened[account] = true
	}
	return domain.DashboardUsersChanged{DashboardChange: change}
}

// lost returns a change of users by which some lose access.
func (c *chain) lost(account string, lost []string, users ...string) domain.DashboardUsersChanged {
	e := c.usersSet(account, users...)
	e.LostAccess = lost
	return e
}

// dashboards is the projector of the tests' topic.
var dashboards = projectors.Dashboards

// agenciesIn returns n agencies with streams in a partition.
func agenciesIn(partition int32, n int) []string {
	var keys []string
	for i := 1; len(keys) < n; i++ {
		key := fmt.Sprintf("%024x", i)
		if eventlog.PartitionOf([]byte(key), partitions[domain.TopicDashboards]) == partition {
			keys = append(keys, key)
		}
	}
	return keys
}

func skip(version int64) domain.EventSkipped {
	return domain.EventSkipped{Version: version, Reason: domain.Reason{Code: domain.ReasonTest}}
}

// withHeader returns the record with a changed header; a nil value removes it.
func withHeader(r eventlog.Record, name string, value []byte) eventlog.Record {
	r.Headers = slices.Clone(r.Headers)
	i := slices.IndexFunc(r.Headers, func(h eventlog.Header) bool { return h.Key == name })
	switch {
	case value == nil && i >= 0:
		r.Headers = slices.Delete(r.Headers, i, i+1)
	case i >= 0:
		r.Headers[i].Value = value
	default:
		r.Headers = append(r.Headers, eventlog.Header{Key: name, Value: value})
	}
	return r
}
