package eventlog_test

import (
	"fmt"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const (
	agency     = "5f1d7f3b8c9d440001a1b2c3"
	subAccount = "5f1d7f3b8c9d440001a1b2c4"
)

var noon = time.Date(2025, 3, 14, 12, 0, 0, 123456000, time.UTC)

func tenant(socialAccount int64) domain.Tenant {
	return domain.Tenant{ParentAccount: agency, AccountID: subAccount, MemberID: 7, SocialAccount: socialAccount}
}

// postRead is a reading; n makes it unique.
func postRead(socialAccount int64, n int) domain.Draft {
	at := noon.Add(time.Duration(n) * time.Second)
	return domain.Draft{
		Topic: domain.TopicMetrics, Key: strconv.FormatInt(socialAccount, 10),
		Envelope: domain.Envelope{
			ID: fmt.Sprintf("read-%d-%d", socialAccount, n), Source: "/ledgerboard/test",
			Subject: domain.PostID(socialAccount, "post-1"), Time: at,
		},
		Data: domain.PostRead{
			Tenant: tenant(socialAccount), Platform: domain.Facebook, ExternalID: "post-1", CapturedAt: at,
			Counts: domain.Counts{Likes: new(int64(n)), Comments: new(int64(2))}, GrowthWindow: "168h0m0s",
		},
	}
}

// readings returns the readings from, ..., to-1.
func readings(socialAccount int64, from, to int) (drafts []domain.Draft) {
	for n := from; n < to; n++ {
		drafts = append(drafts, postRead(socialAccount, n))
	}
	return drafts
}

func idsOf(drafts []domain.Draft) (ids []string) {
	for _, d := range drafts {
		ids = append(ids, d.Envelope.ID)
	}
	return ids
}

// order is a directory entity.
func order(id string, n int) domain.Draft {
	return domain.Draft{
		Topic: domain.TopicDirectory, Key: domain.DirectoryKey(domain.KindOrder, id),
		Envelope: domain.Envelope{ID: fmt.Sprintf("order-%s-%d", id, n), Time: noon},
		Data:     domain.DirectoryOrder{ID: id, Buyer: subAccount, Seller: agency, ProductType: strconv.Itoa(n)},
	}
}

func erased(id string) domain.Draft {
	return domain.Draft{
		Topic: domain.TopicDirectory, Key: domain.DirectoryKey(domain.KindOrder, id),
		Envelope: domain.Envelope{ID: "erase-" + id, Time: noon},
	}
}

func paused(n int) domain.Draft {
	return domain.Draft{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll,
		Envelope: domain.Envelope{ID: fmt.Sprintf("pause-%d", n), Time: noon, Audit: domain.Audit{Actor: "operator", Role: "operator"}},
		Data:     domain.OperatorFinished{Of: "deploy"},
	}
}

// stream writes an honest chain.
type stream struct {
	codec eventlog.Codec
	key   string
	head  domain.StreamHead
}

// next returns the draft and record of the next change and moves the head.
func (s *stream) next() (domain.Draft, eventlog.Record) {
	prev := s.head.Hash
	if s.head.Version == 0 {
		prev = eventlog.Genesis(domain.TopicDashboards, s.key)
	}
	at := noon.Add(time.Duration(s.head.Version) * time.Microsecond)
	d := change(s.key, s.head.Version+1, prev, at, "user-"+strconv.FormatInt(s.head.Version+1, 10))
	r, err := s.codec.Encode(d)
	if err != nil {
		panic(err)
	}
	s.head = domain.StreamHead{Version: s.head.Version + 1, Hash: eventlog.RecordHash(prev, r), Time: at}
	return d, r
}

func change(key string, version int64, prev [32]byte, at time.Time, user string) domain.Draft {
	return domain.Draft{
		Topic: domain.TopicDashboards, Key: key,
		Envelope: domain.Envelope{
			ID: fmt.Sprintf("%s.%d.%s", key, version, user), Source: "/ledgerboard/test", Subject: subAccount, Time: at,
			Chain: &domain.ChainLink{Version: version, Prev: prev},
			Audit: domain.Audit{
				Actor: "5f1d7f3b8c9d440001a1b2c9", Role: "agency", CommandID: fmt.Sprintf("command-%d", version),
				RequestID: "request-1", IdempotencyKey: "key-1", RequestDigest: "00ff",
			},
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		},
		Data: domain.DashboardUsersChanged{DashboardChange: domain.DashboardChange{
			Primary: subAccount, Linked: []string{subAccount}, Users: []string{user}, Scopes: []string{"reports"},
			MainPOC: map[string][]string{subAccount: {}},
		}},
	}
}
