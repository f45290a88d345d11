package connect

import (
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// leaveOut has the pages that the consent leaves out wait for another sign-in, in whatever agency. Where one token reads several pages, such a page
// is first moved to a connection of its own, which has no token: the others go on. That waits before anything is read by it.
func (c *Connect) leaveOut(ctx context.Context, a domain.ConnectAttempt, p plan) error {
	own := map[int64]bool{}
	for _, h := range p.hanging {
		own[h.ConnectionID] = h.SecretRef != p.grant.SecretRef()
	}
	// Of what fell away the latest reason counts: ours, not that of a reading that met the dead token while we stored the rest.
	for _, lost := range p.lost {
		page, now := lost.DirectorySocialAccount, c.Now().UTC().Truncate(time.Microsecond)
		var moved []domain.DirectoryEntity
		if !own[page.ConnectionID] {
			page.ConnectionID, page.UpdatedAt = domain.ComputedConnection(page.ParentAccount, page.Platform, p.grant.App, "left out "+keyOf(lost.Ref())), now
			moved = []domain.DirectoryEntity{domain.DirectoryConnection{
				ID: page.ConnectionID, MemberID: page.MemberID, Platform: page.Platform, CreatedAt: now, UpdatedAt: now,
			}, page}
		}
		if err := c.record(ctx, a, page.ParentAccount, awaitsSignIn(page, now, leftOutReason)); err != nil {
			return err
		}
		if moved == nil {
			continue
		}
		for _, draft := range entityDrafts(moved, now) {
			if err := c.record(ctx, a, page.ParentAccount, draft); err != nil {
				return err
			}
		}
	}
	return nil
}

const leftOutReason = "The person who connected this page signed in again and left it out. Connect it again, and choose it at the platform."

// awaitsSignIn is the record by which the connection of a page waits for a person to sign in.
func awaitsSignIn(page domain.DirectorySocialAccount, now time.Time, reason string) domain.Draft {
	return commands.NewDraft(domain.TopicOperations, page.ParentAccount, domain.ConnectionStateChanged{
		ConnectionID: page.ConnectionID, AccountID: page.AccountID, MemberID: page.MemberID, Platform: page.Platform,
		State: domain.ConnectionReconnect, At: now, Reason: reason,
	}, now)
}

// consentsBefore are the connections made here by which the chosen pages are read until now and no more, with the consents that they hang on.
func (c *Connect) consentsBefore(
	ctx context.Context, p plan, picked []offered, now []domain.GrantedConnection,
) (seen map[int64]time.Time, err error) {
	seen = map[int64]time.Time{}
	for _, o := range picked {
		before := p.known[o.ref()].ConnectionID
		used := slices.ContainsFunc(now, func(h domain.GrantedConnection) bool { return h.ConnectionID == before })
		if used || !domain.Computed(before) {
			continue
		}
		if seen[before], err = c.Store.ConsentOf(ctx, before); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// replaced lets go of the connections by which the chosen pages were read before. What was chosen is stored whatever comes of it.
func (c *Connect) replaced(ctx context.Context, seen map[int64]time.Time) {
	for before, consent := range seen {
		if _, _, err := c.letGo(ctx, before, consent); err != nil {
			c.Logger.WarnContext(ctx, "a connection that was replaced was not let go", "connection", before, "error", err)
		}
	}
}
