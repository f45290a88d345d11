package commands

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// SourceImport is the ce_source of records that an import appends.
const SourceImport = "/ledgerboard/import"

// ImportActor is the actor in records of an import: the command line has no user.
const ImportActor = "system:import"

// importSpace is the namespace of the ids of imported events.
var importSpace = uuid.MustParse("6f0c3c0a-51f5-4f0c-9f0e-6a8d2f3b7c11")

// Import converts legacy rows to events with their original times. The error of a method that
// returns a draft says why the row is refused.
type Import struct {
	World   *ImportWorld
	Secrets TokenStore // nil for a dry run, which stores nothing
	// Looked is set for a pass that stores nothing. The pass records the digests of the secrets
	// that it would store, by ref.
	Looked map[string][sha256.Size]byte
	// Places tells which connections wait for a sign-in. Their stored tokens are replaced. It is
	// nil without tables.
	Places       TokenPlaces
	ReplaceAll   bool // replace the stored tokens of all connections
	GrowthWindow time.Duration
	// NoSubscriptions is set if accounts are read, and growth is recorded, without a subscription.
	NoSubscriptions bool
	Now             time.Time
}

// AccountReading returns the event of a row of tSAccountIns.
func (i Import) AccountReading(row legacy.AccountReading) (_ domain.Draft, err error) {
	read := row.AccountRead
	if read.Tenant, read.AccountType, err = i.World.Tenant(row.Owner); err != nil {
		return domain.Draft{}, err
	}
	return i.metric(read.Tenant, read, read.Validate(), read.CapturedAt)
}

// PostReading returns the event of a row of tSPostInsights, with the growth verdict at its capture.
// It is unknown when the legacy system began to read the account, so the first counts of a new post
// are treated as gained since its publication.
func (i Import) PostReading(row legacy.PostReading) (_ domain.Draft, err error) {
	read := row.PostRead
	if read.Tenant, read.AccountType, err = i.World.Tenant(row.Owner); err != nil {
		return domain.Draft{}, err
	}
	if at, ok := i.World.published[domain.PostID(read.SocialAccount, read.ExternalID)]; ok && read.PublishedAt == nil {
		read.PublishedAt = &at
	}
	read.GrowthWindow = i.GrowthWindow.String()
	read.SubscriptionActive = i.NoSubscriptions || i.World.Subscribed(read.Tenant, read.CapturedAt)
	read.FromZero = read.PublishedAt != nil && read.CapturedAt.Sub(*read.PublishedAt) <= i.GrowthWindow
	read.GrowthEligible = read.FromZero && read.SubscriptionActive
	return i.metric(read.Tenant, read, read.Validate(), read.CapturedAt, read.ExternalID)
}

// Post returns the events of a row of tSPosts, the registration and the content. It also notes when
// the post was published, for readings without that time.
func (i Import) Post(row legacy.Post) (post, content domain.Draft, err error) {
	registered := row.PostRegistered
	if registered.Tenant, registered.AccountType, err = i.World.Tenant(row.Owner); err != nil {
		return post, content, err
	}
	if post, err = i.registered(registered); err != nil {
		return post, content, err
	}
	if registered.PublishedAt != nil {
		i.World.published[domain.PostID(registered.SocialAccount, registered.ExternalID)] = *registered.PublishedAt
	}
	return post, i.MarkImported(contentOf(registered, row.Texts)), nil
}

func contentOf(post domain.PostRegistered, texts domain.PostTexts) domain.Draft {
	return ContentDraft(domain.PostContent{
		PostRef: domain.PostRefOf(post), AccountID: post.AccountID, Origin: post.Origin, PostTexts: texts,
	}, post.RegisteredAt)
}

// MarkImported marks the content of a post as imported.
func (i Import) MarkImported(content domain.Draft) domain.Draft {
	content.Envelope.Source = SourceImport
	return content
}

func (i Import) registered(post domain.PostRegistered) (domain.Draft, error) {
	return i.metric(post.Tenant, post, post.Validate(), post.RegisteredAt, post.ExternalID, string(post.Origin))
}

// metric refuses invalid values, and times in the future, because such a reading would remain the
// latest until then. The event id is derived from the values that identify the row.
func (i Import) metric(
	t domain.Tenant, data domain.Data, invalid error, at time.Time, unique ...string,
) (domain.Draft, error) {
	if invalid == nil && at.After(i.Now.Add(MaxSkew)) {
		invalid = fmt.Errorf("its time %s is in the future", at.Format(time.RFC3339))
	}
	if invalid != nil {
		return domain.Draft{}, invalid
	}
	parts := append([]string{data.EventType(), t.ParentAccount, t.AccountID, t.Key()}, unique...)
	parts = append(parts, at.UTC().Format(time.RFC3339Nano))
	d := NewDraft(domain.TopicMetrics, t.Key(), data, i.Now)
	d.Envelope.ID = uuid.NewSHA1(importSpace, []byte(strings.Join(parts, "\x00"))).String()
	d.Envelope.Source = SourceImport
	return d, nil
}

// Connection returns the event of a row of tMemberAuth. A connection in the directory keeps its
// secret reference.
func (i Import) Connection(row legacy.MemberAuth) (domain.Draft, error) {
	c := row.Connection
	if err := checkMainAppID(domain.KindConnection, c.EntityID()); err != nil {
		return domain.Draft{}, err
	}
	if _, known := find[domain.DirectoryMember](i.World, domain.KindMember, c.MemberID); !known {
		return domain.Draft{}, errors.New("memberId: the directory does not know this member; import the members first")
	}
	known, _ := find[domain.DirectoryConnection](i.World, domain.KindConnection, c.ID)
	c.SecretRef = cmp.Or(known.SecretRef, importedRef(c.EntityID()))
	if err := c.Validate(); err != nil {
		return domain.Draft{}, err
	}
	return EntityDraft(c, i.Now), nil
}

// Entity returns the event of a line of entities ([EntityLine]). A connection keeps the reference
// of its tokens if the line has none. Records and erasures of a page that was connected in
// ledgerboard are refused: with two records the page would be read twice.
func (i Import) Entity(line domain.Draft) (domain.Draft, error) {
	if post, ok := line.Data.(domain.PostRegistered); ok {
		return i.registered(post)
	}
	known := func(key string) domain.DirectoryEntity { return i.World.entities[key] }
	if entity, ok := line.Data.(domain.DirectoryEntity); ok {
		line.Data = keepRefs(entity, known(line.Key))
	}
	return line, connectedHere(line, known)
}
