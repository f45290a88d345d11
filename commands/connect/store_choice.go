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

// Selection is a choice, as sent by the form of its page.
type Selection struct {
	Cookie string
	Pages  []string // keys of offers
	Move   []string // keys of offers of another client that should move to this account
	Seen   string   // [Choice].Seen of the page on which the choice was made
}

// Errors of a refused choice. The tokens are kept, so the person can choose again.
var (
	// ErrChangedMeanwhile (conflict): the page no longer describes what would happen.
	ErrChangedMeanwhile = domain.NewError(domain.CodeConflict,
		"The information on this page has changed. Nothing was connected. Check the page again, then connect.")
	// ErrDirectoryBehind (unavailable): it is not known to whom the pages belong.
	ErrDirectoryBehind = domain.NewError(domain.CodeUnavailable,
		"Changes to accounts are not being processed at the moment. Nothing was connected. Try again before this page expires.")
	errNothingChosen = domain.NewError(domain.CodeUnprocessable,
		"Nothing was selected. Select at least one page or profile, then connect.")
	errNotOffered = domain.NewError(domain.CodeUnprocessable,
		"A selected page is not included in this sign-in. Nothing was connected.")
)

// Choose connects the chosen pages. It can be repeated after an unavailable or internal error.
// Errors: those of [Connect.View], conflict ([ErrChangedMeanwhile], or the choice was already
// made), unprocessable (the choice is invalid), [ErrDirectoryBehind].
func (c *Connect) Choose(ctx context.Context, id string, chosen Selection, still AccessCheck) error {
	a, err := c.ownAttempt(ctx, id, chosen.Cookie)
	if err != nil {
		return err
	}
	switch {
	case a.Expired(c.Now()):
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
	// Without the latest changes, a choice could take a page from the client to which it was moved.
	if c.Gate() != nil {
		return ErrDirectoryBehind
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
	// Finish even if the browser disconnects.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemWithin)
	defer cancel()
	// The choice of an older consent would replace the tokens of this one.
	if err := c.Store.EndChoices(ctx, p.grant, w.ConsentedAt); err != nil {
		return err
	}
	outcome, err := c.store(ctx, a, w, p, picked)
	if err != nil {
		return err
	}
	return c.Store.FinishAttempt(ctx, a.ID, outcome, c.Now())
}

func pick(a domain.ConnectAttempt, w waiting, p plan, chosen Selection) (picked []offered, err error) {
	if len(chosen.Pages)+len(chosen.Move) == 0 {
		return nil, errNothingChosen
	}
	var refused *domain.Error
	refuse := func(offer Offer, why string) {
		message := fmt.Sprintf("%q on %s %s", offer.Name, offer.Platform.Title(), why)
		if refused == nil {
			refused = domain.NewError(domain.CodeUnprocessable, "%s Nothing was connected.", message)
		}
		refused = refused.WithField(offer.Key, message)
	}
	for _, offer := range p.Pages {
		if slices.Contains(chosen.Move, offer.Key) && !slices.Contains(chosen.Pages, offer.Key) {
			refuse(offer, "is selected to move but not to be connected. Select both or neither.")
		}
	}
	for _, key := range chosen.Pages {
		at := slices.IndexFunc(p.Pages, func(o Offer) bool { return o.Key == key })
		if at < 0 {
			return nil, errNotOffered
		}
		switch offer := p.Pages[at]; {
		case offer.Missing != "":
			refuse(offer, "cannot be read. The person who signed in lacks "+offer.Missing+".")
		case offer.HeldBy != "" && !offer.MayMove:
			refuse(offer, "is "+offer.HeldBy+".")
		case offer.HeldBy != "" && !slices.Contains(chosen.Move, key):
			refuse(offer, "is connected for "+offer.HeldBy+". Confirm that it moves, or deselect it.")
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
		return nil, domain.NewError(domain.CodeUnprocessable,
			"The page to reconnect is not selected. Nothing was connected. Select it, then connect.")
	}
	return picked, nil
}

// store seals the tokens for the fetchers, then records the connected pages, and then the pages
// that are no longer covered. In this order, readers of a record find the tokens and entities that
// it names.
func (c *Connect) store(
	ctx context.Context, a domain.ConnectAttempt, w waiting, p plan, picked []offered,
) (domain.ConnectOutcome, error) {
	now := c.Now().UTC().Truncate(time.Microsecond)
	outcome := domain.ConnectOutcome{Connected: []domain.ConnectedNow{}, FellAway: append([]string{}, p.FallsAway...)}
	connection := p.grant.ConnectionID(a.ParentAccount)
	consents, err := c.consentsBefore(ctx, p, picked, connection)
	if err != nil {
		return outcome, err
	}
	// First, because a grant with connections is kept: a concurrent release of another connection does
	// not delete the tokens that are sealed now.
	if err := c.Store.KeepGrant(ctx, w.grant(p.grant, now), connection); err != nil {
		return outcome, err
	}
	if err := c.dropTokens(ctx, &w.Tokens, p, picked); err != nil {
		return outcome, err
	}
	sealed, err := c.seal(ctx, w, p, connection, now)
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
			connected := domain.ConnectedNow{SocialAccountID: page.ID, PID: page.Platform, Name: page.Name}
			outcome.Connected = append(outcome.Connected, connected)
		}
	}
	if err := c.recordLost(ctx, a, p, sealed); err != nil {
		return outcome, err
	}
	a.Outcome = &outcome
	commands.AwaitTables(ctx, c.Moved, func(ctx context.Context) (bool, error) {
		shown, err := c.Directory.FirstReadings(ctx, a)
		return len(shown) == len(outcome.Connected), err
	})
	if err := c.keepChosen(ctx, w, p, connection, now, sealed); err != nil {
		return outcome, err
	}
	for before, consent := range consents {
		if _, _, err := c.release(ctx, before, consent); err != nil { // the choice is already stored
			c.Logger.WarnContext(ctx, "release replaced connection", "connection", before, "error", err)
		}
	}
	c.look(ctx, outcome)
	return outcome, nil
}

// actor is the actor of records in other agencies whose pages a new consent affects, because the
// requester does not belong to these agencies.
const actor = "system:connect"

func (c *Connect) record(ctx context.Context, a domain.ConnectAttempt, agency string, draft domain.Draft) error {
	draft = signed(draft, a.ConnectRequester)
	if agency != a.ParentAccount {
		draft.Envelope.Audit.Actor, draft.Envelope.Audit.Role = actor, ""
	}
	if err := c.Log.Append(ctx, draft); err != nil {
		return fmt.Errorf("record connected pages: %w", err)
	}
	return nil
}

func (c *Connect) look(ctx context.Context, outcome domain.ConnectOutcome) {
	for _, p := range domain.Platforms() {
		if !slices.ContainsFunc(outcome.Connected, func(page domain.ConnectedNow) bool { return page.PID == p }) {
			continue
		}
		if err := c.WakeFetchers(ctx, domain.FetchQueue{Kind: domain.FetchAccounts, Platform: p}); err != nil {
			c.Logger.WarnContext(ctx, "first reading delayed until the next round", "platform", p.String(), "error", err)
		}
	}
}

// entities returns the member, the connection and the pages of a choice, in this order.
func (c *Connect) entities(
	ctx context.Context, a domain.ConnectAttempt, w waiting, p plan, picked []offered, now time.Time,
) (entities []domain.DirectoryEntity, err error) {
	member := domain.DirectoryMember{
		ID:        domain.ComputedMember(a.ParentAccount, a.AccountID, a.Platform, w.Person),
		AccountID: a.AccountID, Name: cmp.Or(w.Name, a.Platform.Title()+" "+w.Person), Active: true,
	}
	if member.UserID, err = c.Directory.MemberUser(ctx, member.ID); err != nil {
		return nil, err
	}
	if a.Role == roleClient {
		member.UserID = a.UserID
	}
	connection := domain.DirectoryConnection{
		ID: p.grant.ConnectionID(a.ParentAccount), MemberID: member.ID, Platform: a.Platform,
		SecretRef: p.grant.SecretRef(), CreatedAt: now, UpdatedAt: now,
	}
	if !w.Tokens.ExpiresAt.IsZero() {
		connection.ExpiresAt = &w.Tokens.ExpiresAt
	}
	entities = append(entities, member, connection)
	for _, o := range picked {
		page := domain.DirectorySocialAccount{
			ID:            domain.ComputedSocialAccount(a.ParentAccount, o.Platform, o.AccountType, o.ExternalID),
			ParentAccount: a.ParentAccount, AccountID: a.AccountID, MemberID: member.ID, ConnectionID: connection.ID,
			Platform: o.Platform, AccountType: o.AccountType, ExternalID: o.ExternalID, Name: o.Name,
			Connected: true, CreatedAt: now, UpdatedAt: now,
		}
		if known, ok := p.known[o.ref()]; ok { // it keeps its id and history
			page.ID, page.CreatedAt = known.ID, known.CreatedAt
		}
		entities = append(entities, page)
	}
	return entities, nil
}

// recordLost records that the pages that the consent does not cover, in any agency, wait for a
// sign-in. sealed is the time of the grant's tokens, after which this counts. A page that waits for
// the same reason is recorded again, because the new tokens would end that, with the time since which
// it waits.
func (c *Connect) recordLost(ctx context.Context, a domain.ConnectAttempt, p plan, sealed time.Time) error {
	for _, lost := range p.lost {
		// For each page its own time: this reason must be later than that of a reading that has failed
		// with the dead token in the meantime.
		now := c.Now().UTC().Truncate(time.Microsecond)
		if !now.After(sealed) {
			now = sealed.Add(time.Microsecond)
		}
		change := awaitsSignIn(lost.DirectorySocialAccount, now, p.leftOut())
		change.SocialAccount = lost.ID // the other pages of its grant continue
		if lost.AwaitsSignIn && lost.StateCode == change.Code {
			change.Since = lost.StateSince
		}
		draft := commands.NewDraft(domain.TopicOperations, lost.ParentAccount, change, now)
		if err := c.record(ctx, a, lost.ParentAccount, draft); err != nil {
			return err
		}
	}
	return nil
}

// leftOut returns why a page waits for a sign-in. If permissions were declined, it is unknown whether
// the person also did not select the page.
func (p plan) leftOut() domain.StatusCode {
	if len(p.Declined) > 0 {
		return domain.StatusDeclined
	}
	return domain.StatusLeftOut
}

// awaitsSignIn returns the record that the grant with which a page is read waits for a sign-in.
func awaitsSignIn(page domain.DirectorySocialAccount, now time.Time, code domain.StatusCode) domain.ConnectionStateChanged {
	return domain.ConnectionStateChanged{
		ConnectionID: page.ConnectionID, AccountID: page.AccountID, MemberID: page.MemberID, Platform: page.Platform,
		At: now, Code: code,
	}
}

// consentsBefore returns the connections made in ledgerboard that have read the chosen pages until
// now and will no longer be used, with the times of their consents.
func (c *Connect) consentsBefore(
	ctx context.Context, p plan, picked []offered, current int64,
) (consents map[int64]time.Time, err error) {
	consents = map[int64]time.Time{}
	for _, o := range picked {
		before := p.known[o.ref()].ConnectionID
		if before == current || !domain.IsComputedID(before) {
			continue
		}
		if consents[before], err = c.Store.ConsentOf(ctx, before); err != nil {
			return nil, err
		}
	}
	return consents, nil
}
