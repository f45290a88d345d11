package commands

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// importSpace is the namespace of the ids of imported events.
var importSpace = uuid.MustParse("6f0c3c0a-51f5-4f0c-9f0e-6a8d2f3b7c11")

// Import converts lines ([ReadImportLine]) to events with their original times.
type Import struct {
	ID      string // of the [domain.DataImported] record
	World   *ImportWorld
	Secrets TokenStore // nil for a dry run, which stores nothing
	// Places tells which connections wait for a sign-in. Their stored tokens are replaced. It is
	// nil without tables.
	Places       TokenPlaces
	GrowthWindow time.Duration
	// NoSubscriptions is set if accounts are read, and growth is recorded, without a subscription.
	NoSubscriptions bool
	Now             time.Time // the time of a line without a time of its own
	// Erasures cover what must not be restored.
	Erasures domain.Erasures
	// Withdrawn tells which events are of withdrawn imports, whose lines can be imported again; nil:
	// none are.
	Withdrawn func(event uuid.UUID) bool
}

// Drafts returns the events of a line: one, or a post and its texts. The error says why the line is
// refused.
func (i Import) Drafts(line any) (drafts []domain.Draft, err error) {
	switch line := line.(type) {
	case domain.Draft:
		drafts, err = i.entity(line)
	case ImportedToken:
		drafts, err = i.connection(line.DirectoryConnection)
	case MetricLine:
		drafts, err = i.metric(line)
	default:
		return nil, fmt.Errorf("there is no event for %T", line)
	}
	return drafts, cmp.Or(err, RefuseErased(i.Erasures, drafts, i.Now))
}

// entity keeps the reference of a connection's tokens if the line has none. Records and erasures of a
// page that was connected in ledgerboard are refused: with two records the page would be read twice.
func (i Import) entity(line domain.Draft) ([]domain.Draft, error) {
	known := func(key string) domain.DirectoryEntity { return i.World.entities[key] }
	if entity, ok := line.Data.(domain.DirectoryEntity); ok {
		line.Data = keepRefs(entity, known(line.Key))
	}
	return []domain.Draft{line}, connectedHere(line, known)
}

// connection returns the event of a connection with its tokens. A connection in the directory keeps
// its secret reference.
func (i Import) connection(c domain.DirectoryConnection) ([]domain.Draft, error) {
	_, known := find[domain.DirectoryMember](i.World, domain.KindMember, c.MemberID)
	c.SecretRef = ""
	line := EntityDraft(c, i.Now)
	line.Data = keepRefs(c, i.World.entities[line.Key])
	switch err := checkMainAppID(domain.KindConnection, c.EntityID()); {
	case err != nil:
		return nil, err
	case !known:
		return nil, errors.New("member_id: the directory does not know this member; import the members first")
	}
	return []domain.Draft{line}, nil
}

// metric returns the event of a post or reading, followed by the texts of a post. A reading without the
// time of publication gets that of its post ([ImportWorld.Accept]). It is unknown when the old system
// began to read the account, so the first counts of a new post are treated as gained since its
// publication.
func (i Import) metric(l MetricLine) ([]domain.Draft, error) {
	tenant, accountType, err := i.World.Tenant(l.Owner)
	if err != nil {
		return nil, err
	}
	switch data := l.Data.(type) {
	case domain.AccountRead:
		data.Tenant, data.AccountType = tenant, accountType
		return i.event(tenant, data, nil)
	case domain.PostRead:
		data.Tenant, data.AccountType = tenant, accountType
		at, known := i.World.published[domain.PostID(data.SocialAccount, data.ExternalID)]
		if known && data.PublishedAt == nil {
			data.PublishedAt = &at
		}
		data.GrowthWindow = i.GrowthWindow.String()
		data.SubscriptionActive = i.NoSubscriptions || i.World.Subscribed(tenant, data.CapturedAt)
		data.FromZero = data.PublishedAt != nil && data.CapturedAt.Sub(*data.PublishedAt) <= i.GrowthWindow
		data.GrowthEligible = data.FromZero && data.SubscriptionActive
		return i.event(tenant, data, data.Platform.CheckPostID(data.ExternalID), data.ExternalID)
	case domain.PostRegistered:
		data.Tenant, data.AccountType = tenant, accountType
		drafts, err := i.registered(data)
		content := contentOf(data, l.Texts)
		content.Envelope.Source = domain.SourceImport
		return append(drafts, content), err
	default:
		return nil, fmt.Errorf("there is no event for %T", data)
	}
}

func contentOf(post domain.PostRegistered, texts domain.PostTexts) domain.Draft {
	return ContentDraft(domain.PostContent{
		PostRef: domain.PostRefOf(post), AccountID: post.AccountID, Origin: post.Origin, PostTexts: texts,
	}, post.RegisteredAt)
}

func (i Import) registered(post domain.PostRegistered) ([]domain.Draft, error) {
	return i.event(post.Tenant, post, post.Platform.CheckPostID(post.ExternalID), post.ExternalID, string(post.Origin))
}

// Fact is a reading of an account or a post, or the registration or texts of a post from an origin.
type Fact interface {
	domain.Data
	Key() string
	Captured() time.Time
	Validate() error
}

// event refuses invalid values, and times in the future, because such a reading would remain the
// latest until then. The event id is derived from what identifies the reading: the agency, the
// social account, the post and the time. The client is not part of it: a page that moved has no
// second reading at the same time.
func (i Import) event(t domain.Tenant, data Fact, badID error, unique ...string) ([]domain.Draft, error) {
	if invalid := cmp.Or(data.Validate(), badID); invalid != nil {
		return nil, invalid
	}
	if data.Captured().After(i.Now.Add(MaxSkew)) {
		return nil, errors.New("its time is in the future")
	}
	parts := append([]string{data.EventType(), t.ParentAccount, t.Key()}, unique...)
	parts = append(parts, data.Captured().UTC().Format(time.RFC3339Nano))
	d := NewDraft(domain.TopicMetrics, t.Key(), data, i.Now)
	id := uuid.NewSHA1(importSpace, []byte(strings.Join(parts, "\x00")))
	for i.Withdrawn != nil && i.Withdrawn(id) {
		id = uuid.NewSHA1(importSpace, id[:])
	}
	d.Envelope.ID = id.String()
	d.Envelope.Source = domain.ImportSource(i.ID)
	return []domain.Draft{d}, nil
}

// ImportDigest holds digests of what two imported events with the same id must agree on: what the
// platform reported, and this together with the client. What was derived from the directory, such as
// a member, may differ.
type ImportDigest struct{ reported, owned uint64 }

// NewImportDigest returns the digest of an event of topic metrics.
func NewImportDigest(data domain.Data) ImportDigest {
	var reported any
	var account string
	switch data := data.(type) {
	case domain.AccountRead:
		reported, account = data.Figures, data.AccountID
	case domain.PostRead:
		reported, account = data.Counts, data.AccountID
	case domain.PostRegistered:
		reported, account = []any{data.PublishedAt, data.CategoryID, data.PostType}, data.AccountID
	}
	return ImportDigest{Digest(reported), Digest([]any{reported, account})}
}

// Same reports whether the event of a line says the same as the event in the log. If the line does
// not state its client, the client in the log is right.
func (i ImportDigest) Same(logged ImportDigest, o ImportedOwner) bool {
	stated := o.AccountID != "" || o.RowID != 0
	return i == logged || !stated && i.reported == logged.reported
}

// Digest returns a digest of a value that can be encoded as JSON.
func Digest(v any) uint64 {
	h := fnv.New64a()
	if err := json.NewEncoder(h).Encode(v); err != nil {
		return 0 // what cannot be encoded is refused when it is appended
	}
	return h.Sum64()
}
