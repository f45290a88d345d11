package projectors

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

type registration struct {
	domain.PostRegistered
	EventID string `json:"event_id"`
}

// post is a row of tSPosts: the last registration of each origin, and the times of the first and
// the last registration.
type post struct {
	listing, mainApp *registration
	first, last      time.Time
	changed          bool
}

func (p *postFold) register(e domain.PostRegistered, eventID string) {
	key := agencyPost{e.SocialAccount, e.ExternalID, e.ParentAccount}
	at := instant(e.RegisteredAt)
	stored, ok := p.posts[key]
	if !ok {
		stored = &post{first: at, last: at}
		p.posts[key] = stored
	}
	slot := &stored.listing
	if e.Origin == domain.OriginMainApp {
		slot = &stored.mainApp
	}
	if *slot == nil || later(e.RegisteredAt, eventID, (*slot).RegisteredAt, (*slot).EventID) {
		*slot = &registration{e, eventID}
	}
	stored.first, stored.last = earlierOf(stored.first, at), laterOf(stored.last, at)
	stored.changed = true
}

const postColumns = `t.social_account_id, t.external_id, t.parent_account,
		       t.listing, t.main_app, t.registered_at, t.updated_at`

func (p *postFold) queuePosts(batch *pgx.Batch, registered []domain.PostRegistered) {
	if len(registered) == 0 {
		return
	}
	keys := write.Arrays(registered, func(r domain.PostRegistered) []any {
		return []any{r.SocialAccount, r.ExternalID, r.ParentAccount}
	})
	batch.Queue(`
		select distinct `+postColumns+`
		from tSPosts t join unnest($1::bigint[], $2::text[], $3::text[])
			as k(social_account_id, external_id, parent_account)
			using (social_account_id, external_id, parent_account)`, keys...).Query(p.scanPosts)
}

func (p *postFold) scanPosts(rows pgx.Rows) error {
	for rows.Next() {
		var key agencyPost
		var stored post
		err := rows.Scan(&key.account, &key.external, &key.parent, &stored.listing, &stored.mainApp, &stored.first, &stored.last)
		if err != nil {
			return fmt.Errorf("scan post: %w", err)
		}
		p.posts[key] = &stored
	}
	return rows.Err()
}

var postsTable = write.NewTable("tSPosts",
	`social_account_id bigint, external_id text, parent_account text, post bigint, account_id text, member_id bigint, p_id smallint,
	 a_type smallint, published_at timestamptz, c_id bigint, post_type text,
	 registered_at timestamptz, updated_at timestamptz, listing jsonb, main_app jsonb`,
	write.ReplaceRow("social_account_id, external_id, parent_account", ""),
	func(r postRow) []any {
		return []any{
			r.SocialAccount, r.ExternalID, r.ParentAccount,
			agencyPost{r.SocialAccount, r.ExternalID, r.ParentAccount}.hash(), r.AccountID, r.MemberID, int16(r.Platform),
			int16(r.AccountType), r.PublishedAt, r.CategoryID, nullIfZero(r.PostType),
			r.first, r.last, r.listing, r.mainApp,
		}
	})

// postRow is a post ready to be written. Values of the main application override those of the
// listing.
type postRow struct {
	domain.PostRegistered
	first, last      time.Time
	listing, mainApp []byte
}

func (p *post) row() (postRow, error) {
	row := postRow{first: p.first, last: p.last}
	owner := p.newest().Tenant
	for _, r := range []*registration{p.listing, p.mainApp} {
		if r == nil {
			continue
		}
		raw, err := json.Marshal(r)
		if err != nil {
			return row, fmt.Errorf("encode registration: %w", err)
		}
		if r.Origin == domain.OriginMainApp {
			row.mainApp = raw
		} else {
			row.listing = raw
		}
		of := r.PostRegistered
		if of.AccountID != owner.AccountID {
			of.CategoryID = nil // another client's
		}
		overlay(&row.PostRegistered, of)
	}
	row.Tenant = owner // whatever the origin
	return row, nil
}

func (p *post) newest() *registration {
	switch l, m := p.listing, p.mainApp; {
	case m == nil:
		return l
	case l == nil, later(m.RegisteredAt, m.EventID, l.RegisteredAt, l.EventID):
		return m
	default:
		return l
	}
}

func overlay(base *domain.PostRegistered, over domain.PostRegistered) {
	base.Tenant, base.ExternalID = over.Tenant, over.ExternalID
	base.Platform, base.AccountType = over.Platform, over.AccountType
	if over.PublishedAt != nil {
		base.PublishedAt = over.PublishedAt
	}
	if over.CategoryID != nil {
		base.CategoryID = over.CategoryID
	}
	if over.PostType != "" {
		base.PostType = over.PostType
	}
}

func (p *postFold) changedPosts() ([]postRow, error) {
	p.erasePosts()
	var posts []postRow
	for _, stored := range p.posts {
		if !stored.changed {
			continue
		}
		row, err := stored.row()
		if err != nil {
			return nil, err
		}
		posts = append(posts, row)
	}
	return posts, nil
}
