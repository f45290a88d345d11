package connect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Chosen is a choice as its form sends it.
type Chosen struct {
	Cookie string
	Pages  []string // keys of offers
	Move   []string // keys of offers that another client has, and that move here
	Seen   string   // of the page that was chosen on
}

// Errors of a choice that is not taken; the tokens go on waiting.
var (
	// ErrChangedMeanwhile (conflict): what the page has named is not what would happen now.
	ErrChangedMeanwhile = domain.NewError(domain.CodeConflict, "What this page says has changed meanwhile. Nothing was connected. Look at it again, then connect.")
	errNothingChosen    = domain.NewError(domain.CodeUnprocessable, "Nothing was ticked. Tick at least one page or profile, then connect.")
	errNotOffered       = domain.NewError(domain.CodeUnprocessable, "One of the pages that were chosen is not among those that the sign-in brought. Nothing was connected.")
)

// Choose connects what was chosen. It may be repeated after an error that is unavailable or internal. Errors: as of [Connect.View], conflict
// ([ErrChangedMeanwhile], or the choice was made), unprocessable (what was chosen).
func (c *Connect) Choose(ctx context.Context, id string, chosen Chosen, still Still) error {
	a, err := c.held(ctx, id, chosen.Cookie)
	if err != nil {
		return err
	}
	switch {
	case a.Over(c.Now()):
		return errChooseLate
	case a.Step != domain.ConnectChoosing:
		return errChosen
	}
	if _, err := c.rights(ctx, a.ConnectRequester, still); err != nil {
		return err
	}
	w, err := c.waiting(ctx, a)
	if err != nil {
		return err
	}
	p, err := c.plan(ctx, a, w)
	if err != nil {
		return err
	}
	if p.Seen != chosen.Seen {
		return ErrChangedMeanwhile
	}
	picked, err := pick(a, w, p, chosen)
	if err != nil {
		return err
	}
	// What was begun comes to its end when the browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemWithin)
	defer cancel()
	outcome, err := c.store(ctx, a, w, p, picked)
	if err != nil {
		return err
	}
	return c.Store.FinishAttempt(ctx, a.ID, outcome, c.Now())
}

// pick checks a choice against what is offered.
func pick(a domain.ConnectAttempt, w waiting, p plan, chosen Chosen) (picked []offered, err error) {
	if len(chosen.Pages)+len(chosen.Move) == 0 {
		return nil, errNothingChosen
	}
	var refused *domain.Error
	refuse := func(offer Offer, why string) {
		said := fmt.Sprintf("%q at %s %s", offer.Name, offer.Platform.Title(), why)
		if refused == nil {
			refused = domain.NewError(domain.CodeUnprocessable, "%s Nothing was connected.", said)
		}
		refused = refused.WithField(offer.Key, said)
	}
	for _, offer := range p.Pages {
		if slices.Contains(chosen.Move, offer.Key) && !slices.Contains(chosen.Pages, offer.Key) {
			refuse(offer, "is ticked to move here and not to be connected. Tick both, or neither.")
		}
	}
	for _, key := range chosen.Pages {
		at := slices.IndexFunc(p.Pages, func(o Offer) bool { return o.Key == key })
		if at < 0 {
			return nil, errNotOffered
		}
		switch offer := p.Pages[at]; {
		case offer.Missing != "":
			refuse(offer, "cannot be read: the person who signed in lacks "+offer.Missing+".")
		case offer.HeldBy != "" && !offer.MayMove:
			refuse(offer, "is "+offer.HeldBy+".")
		case offer.HeldBy != "" && !slices.Contains(chosen.Move, key):
			refuse(offer, "is connected for "+offer.HeldBy+". Tick that it moves, or leave it out.")
		}
		if !slices.ContainsFunc(picked, func(o offered) bool { return o.ref() == w.Offered[at].ref() }) {
			picked = append(picked, w.Offered[at])
		}
	}
	if refused != nil {
		return nil, refused
	}
	again := func(o offered) bool { return o.ref() == p.again }
	if a.SocialAccount != 0 && !slices.ContainsFunc(picked, again) {
		return nil, domain.NewError(domain.CodeUnprocessable, "The page that is to be connected again is not ticked. Tick it, then connect. Nothing was connected.")
	}
	return picked, nil
}

// store seals the tokens where fetchers read them, then appends what was connected, then what fell away: in this order, so that whoever reads a
// record finds what it names.
func (c *Connect) store(ctx context.Context, a domain.ConnectAttempt, w waiting, p plan, picked []offered) (domain.ConnectOutcome, error) {
	now := c.Now().UTC().Truncate(time.Microsecond)
	outcome := domain.ConnectOutcome{Connected: []domain.ConnectedNow{}, FellAway: append([]string{}, p.FallsAway...)}
	var hang []domain.GrantedConnection
	for _, o := range picked {
		hang = append(hang, hanging(a.ParentAccount, p.grant, o))
	}
	slices.SortStableFunc(hang, func(x, y domain.GrantedConnection) int { return cmp.Compare(x.ConnectionID, y.ConnectionID) })
	hang = slices.CompactFunc(hang, func(x, y domain.GrantedConnection) bool { return x.ConnectionID == y.ConnectionID })
	seen, err := c.consentsBefore(ctx, p, picked, hang)
	if err != nil {
		return outcome, err
	}
	// What hangs on the grant keeps it: nobody who lets go of the last of the rest deletes what is sealed now.
	if err := c.Store.KeepGrant(ctx, w.grant(p.grant, now), hang); err != nil {
		return outcome, err
	}
	sealed, err := c.seal(ctx, w, p, hang, now)
	if err != nil {
		return outcome, err
	}
	entities, err := c.entities(ctx, a, w, p, picked, now)
	if err != nil {
		return outcome, err
	}
	for _, draft := range entityDrafts(entities, now) {
		if err := c.record(ctx, a, a.ParentAccount, draft); err != nil {
			return outcome, err
		}
		if page, ok := draft.Data.(domain.DirectorySocialAccount); ok {
			outcome.Connected = append(outcome.Connected, domain.ConnectedNow{SocialAccountID: page.ID, PID: page.Platform, Name: page.Name})
		}
	}
	if err := c.leaveOut(ctx, a, p); err != nil {
		return outcome, err
	}
	commands.Shown(ctx, c.Moved, func(ctx context.Context) (bool, error) {
		shown, err := c.Directory.FirstReadings(ctx, a.ParentAccount, idsOf(outcome))
		return len(shown) == len(outcome.Connected), err
	})
	if err := c.hold(ctx, w, p, hang, now, sealed); err != nil {
		return outcome, err
	}
	c.replaced(ctx, seen)
	c.look(ctx, outcome)
	return outcome, nil
}

// actor is who the trails of other agencies name for what a person's new consent does to their pages: whoever asked for it is none of theirs.
const actor = "system:connect"

// record appends what a choice does to an agency.
func (c *Connect) record(ctx context.Context, a domain.ConnectAttempt, agency string, draft domain.Draft) error {
	draft = signed(draft, a.ConnectRequester)
	if agency != a.ParentAccount {
		draft.Envelope.Audit.Actor, draft.Envelope.Audit.Role = actor, ""
	}
	if err := c.Log.Append(ctx, draft); err != nil {
		return fmt.Errorf("record what was connected: %w", err)
	}
	return nil
}

// look lets the first readings begin. If that fails, the fetchers' next look finds them.
func (c *Connect) look(ctx context.Context, outcome domain.ConnectOutcome) {
	told := map[domain.Platform]bool{}
	for _, page := range outcome.Connected {
		if told[page.PID] {
			continue
		}
		told[page.PID] = true
		if err := c.Look(ctx, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: page.PID}); err != nil {
			c.Logger.WarnContext(ctx, "what was connected is not read at once, but at the next look", "platform", page.PID.String(), "error", err)
		}
	}
}

func idsOf(outcome domain.ConnectOutcome) (ids []int64) {
	for _, page := range outcome.Connected {
		ids = append(ids, page.SocialAccountID)
	}
	return ids
}

// entities are the records of what was chosen: the member, the connections, the pages.
func (c *Connect) entities(
	ctx context.Context, a domain.ConnectAttempt, w waiting, p plan, picked []offered, now time.Time,
) (entities []domain.DirectoryEntity, err error) {
	member := domain.DirectoryMember{
		ID: domain.ComputedMember(a.ParentAccount, a.AccountID, a.Platform, w.Person), AccountID: a.AccountID, Name: memberName(a, w), Active: true,
	}
	if member.UserID, err = c.Directory.MemberUser(ctx, member.ID); err != nil {
		return nil, err
	}
	if a.Role == roleClient {
		member.UserID = a.UserID
	}
	entities = append(entities, member)
	made := map[int64]bool{}
	var pages []domain.DirectoryEntity
	for _, o := range picked {
		h := hanging(a.ParentAccount, p.grant, o)
		if !made[h.ConnectionID] {
			made[h.ConnectionID] = true
			connection := domain.DirectoryConnection{
				ID: h.ConnectionID, MemberID: member.ID, Platform: o.Platform, SecretRef: h.SecretRef, CreatedAt: now, UpdatedAt: now,
			}
			if o.AccessToken == "" && !w.Tokens.ExpiresAt.IsZero() {
				connection.ExpiresAt = &w.Tokens.ExpiresAt
			}
			entities = append(entities, connection)
		}
		page := domain.DirectorySocialAccount{
			ID:            domain.ComputedSocialAccount(a.ParentAccount, o.Platform, o.AccountType, o.ExternalID),
			ParentAccount: a.ParentAccount, AccountID: a.AccountID, MemberID: member.ID, ConnectionID: h.ConnectionID,
			Platform: o.Platform, AccountType: o.AccountType, ExternalID: o.ExternalID, Name: o.Name, Connected: true, CreatedAt: now, UpdatedAt: now,
		}
		if known, ok := p.known[o.ref()]; ok { // it keeps its id and history
			page.ID, page.CreatedAt = known.ID, known.CreatedAt
		}
		pages = append(pages, page)
	}
	return append(entities, pages...), nil
}

// memberName is the person's name as the platform shows it.
func memberName(a domain.ConnectAttempt, w waiting) string {
	if w.Name != "" {
		return w.Name
	}
	return a.Platform.Title() + " " + w.Person
}

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
