package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/legacy"
)

// SourceImport is the ce_source of what an import appends.
const SourceImport = "/ledgerboard/import"

// importSpace is the name space of the ids of imported events.
var importSpace = uuid.MustParse("6f0c3c0a-51f5-4f0c-9f0e-6a8d2f3b7c11")

// importedDraft gives an event an id that follows from what is unique about it, so that the same row
// makes the same event however often it is imported.
func importedDraft(topic, key string, data domain.Data, now time.Time, unique ...string) domain.Draft {
	d := NewDraft(topic, key, data, now)
	d.Envelope.ID = uuid.NewSHA1(importSpace, []byte(strings.Join(append([]string{data.EventType()}, unique...), "\x00"))).String()
	d.Envelope.Source = SourceImport
	return d
}

// ImportReadings turns rows of the old reading tables into events with their old times.
type ImportReadings struct {
	World        *ImportWorld
	Now          time.Time
	GrowthWindow time.Duration
	// Published says when a post was published, for rows that do not; nil: nothing is known.
	Published func(socialAccount int64, externalID string) (time.Time, bool)
}

func instantKey(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// Account makes the event of a row of tSAccountIns. Its error says why the row cannot be taken.
func (i ImportReadings) Account(row legacy.AccountReading) (domain.Draft, error) {
	tenant, kind, err := i.World.Tenant(row.Owner)
	if err != nil {
		return domain.Draft{}, err
	}
	read := domain.AccountRead{Tenant: tenant, Platform: row.Platform, AccountType: kind, CapturedAt: row.CapturedAt, Figures: row.Figures}
	if err := i.check(read.Validate(), read.CapturedAt); err != nil {
		return domain.Draft{}, err
	}
	return importedDraft(domain.TopicMetrics, tenant.Key(), read, i.Now, tenant.ParentAccount, tenant.AccountID, tenant.Key(), instantKey(read.CapturedAt)), nil
}

// Post makes the event of a row of tSPostInsights. Whether its growth counts is judged as at its
// capture: by the post's age then, and by the subscriptions that the directory knows of that time.
func (i ImportReadings) Post(row legacy.PostReading) (domain.Draft, error) {
	tenant, kind, err := i.World.Tenant(row.Owner)
	if err != nil {
		return domain.Draft{}, err
	}
	read := domain.PostRead{
		Tenant: tenant, Platform: row.Platform, AccountType: kind, ExternalID: row.ExternalID, CapturedAt: row.CapturedAt,
		PublishedAt: row.PublishedAt, Counts: row.Counts,
		GrowthWindow: i.GrowthWindow.String(), SubscriptionActive: i.World.Subscribed(tenant, row.CapturedAt),
	}
	if read.PublishedAt == nil && i.Published != nil {
		if at, ok := i.Published(row.SocialAccount, row.ExternalID); ok {
			read.PublishedAt = &at
		}
	}
	read.GrowthEligible = read.PublishedAt != nil && read.SubscriptionActive && read.CapturedAt.Sub(*read.PublishedAt) <= i.GrowthWindow
	if err := i.check(read.Validate(), read.CapturedAt); err != nil {
		return domain.Draft{}, err
	}
	return importedDraft(domain.TopicMetrics, tenant.Key(), read, i.Now, tenant.ParentAccount, tenant.AccountID, tenant.Key(), read.ExternalID, instantKey(read.CapturedAt)), nil
}

// Registration makes the event of a row of tSPosts.
func (i ImportReadings) Registration(row legacy.Post) (domain.Draft, error) {
	tenant, kind, err := i.World.Tenant(row.Owner)
	if err != nil {
		return domain.Draft{}, err
	}
	return i.Registered(domain.PostRegistered{
		Tenant: tenant, Platform: row.Platform, AccountType: kind, ExternalID: row.ExternalID, Origin: domain.OriginMainApp,
		RegisteredAt: row.RegisteredAt, PublishedAt: row.PublishedAt, CategoryID: row.CategoryID, PostType: row.PostType,
		Content: row.Content, MediaURL: row.MediaURL, Permalink: row.Permalink,
	})
}

// Registered makes the event of a post that the main application registers.
func (i ImportReadings) Registered(post domain.PostRegistered) (domain.Draft, error) {
	if err := i.check(post.Validate(), post.RegisteredAt); err != nil {
		return domain.Draft{}, err
	}
	return importedDraft(domain.TopicMetrics, post.Key(), post, i.Now,
		post.ParentAccount, post.AccountID, post.Key(), post.ExternalID, string(post.Origin), instantKey(post.RegisteredAt)), nil
}

// check refuses what a fold would, and times ahead of the clock, which would stay the latest until then.
func (i ImportReadings) check(invalid error, at time.Time) error {
	if invalid == nil && at.After(i.Now.Add(MaxSkew)) {
		return fmt.Errorf("its time %s lies in the future", at.Format(time.RFC3339))
	}
	return invalid
}
