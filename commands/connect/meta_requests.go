package connect

import (
	"context"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// MetaCalls handles Meta's requests about people who signed in. [Config].Meta must be set.
type MetaCalls struct{ *Connect }

// Deauthorized handles Meta's notice that a person removed our app. It deletes the tokens of the
// person's grant, ends sign-ins that wait for a choice, and makes the grant wait for a sign-in in all
// agencies. A notice issued before the person's last consent changes nothing.
// Repeating the call is safe. Errors: invalid ([platforms.ErrNotSigned]); after any other error,
// the call must be repeated.
func (m MetaCalls) Deauthorized(ctx context.Context, raw string) error {
	signed, err := m.Meta(raw)
	if err != nil {
		return err
	}
	for _, one := range signed {
		grant, covered, err := m.coveredGrant(ctx, requestOf(one))
		if err == nil && covered {
			err = m.stop(ctx, grant, requestOf(one), domain.StatusDeauthorized)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// coveredGrant returns the grant of the request's person, which may not exist, and whether the
// request covers it: it does not if the person has consented after the request was issued. Errors
// are those of the store.
func (m MetaCalls) coveredGrant(
	ctx context.Context, r domain.DeletionRequest,
) (grant domain.Grant, covered bool, err error) {
	grant, known, err := m.Store.GrantOf(ctx, m.grantOf(r.Platform, r.Person))
	return grant, !known || r.CoversUntil().After(grant.ConsentedAt), err
}

// stop deletes the tokens of a grant and of sign-ins that wait for a choice, and records with the
// code, once in each agency, that the grant waits for a sign-in, even if it already does for another
// reason. It records a code only once, and changes nothing if the person has consented again.
func (m MetaCalls) stop(
	ctx context.Context, grant domain.Grant, r domain.DeletionRequest, code domain.StatusCode,
) error {
	if err := m.Store.EndChoices(ctx, grant.GrantKey, r.CoversUntil()); err != nil {
		return err
	}
	connections, err := m.Store.ConnectionsOf(ctx, grant.GrantKey)
	if err != nil || len(connections) == 0 {
		return err
	}
	if stopped, err := m.Store.StopGrant(ctx, grant.GrantKey, grant.ConsentedAt); err != nil || !stopped {
		return err
	}
	pages, err := m.Directory.PagesOf(ctx, connections)
	if err != nil {
		return err
	}
	now := m.Now().UTC().Truncate(time.Microsecond)
	recorded := map[int64]bool{}
	for _, page := range pages {
		if recorded[page.ConnectionID] {
			continue
		}
		recorded[page.ConnectionID] = true
		place, err := m.Places.TokenPlace(ctx, page.ConnectionID)
		if err != nil && domain.CodeOf(err) != domain.CodeNotFound {
			return err
		}
		if place.StateCode == code && place.AwaitsSignIn() {
			continue
		}
		change := awaitsSignIn(page.DirectorySocialAccount, now, code)
		draft := commands.NewDraft(domain.TopicOperations, page.ParentAccount, change, now)
		draft.Envelope.Audit.Actor = domain.ActorMeta
		if err := m.Log.Append(ctx, draft); err != nil {
			return fmt.Errorf("record that a consent was withdrawn: %w", err)
		}
	}
	return nil
}

// ErrDeletionUnknown (not_found): no request has this code, or it was done long ago.
var ErrDeletionUnknown = domain.NewError(domain.CodeNotFound,
	"There is no deletion request with this code. A code has 32 characters: digits, and letters from a to f. "+
		"Copy it completely from the platform's message. Requests are removed 90 days after they are done. "+
		"If the code is correct and newer, ask the operator of this service.")

// dueWithin is the time limit for an erasure: a month (GDPR article 12).
const dueWithin = 30 * 24 * time.Hour

// DeletionState is the progress of a person's request for deletion.
type DeletionState struct {
	AskedAt time.Time
	DoneAt  *time.Time // nil if not done yet
}

// DeletionAnswer is the answer to Meta's request for deletion, with Meta's field names.
type DeletionAnswer struct {
	URL  string `json:"url"`               // the page that shows the progress
	Code string `json:"confirmation_code"` // 32 hex digits
}

// DeletionAsked handles Meta's notice that a person requested the deletion of their data. It does
// the same as [MetaCalls.Deauthorized], and starts the erasure of the person. Repeated requests and
// unknown people get the same answer. Errors are those of Deauthorized.
func (m MetaCalls) DeletionAsked(ctx context.Context, raw string) (DeletionAnswer, error) {
	signed, err := m.Meta(raw)
	if err != nil {
		return DeletionAnswer{}, err
	}
	answer := DeletionAnswer{URL: m.Public("/connect/meta/delete/" + signed[0].Code), Code: signed[0].Code}
	now := m.Now().UTC().Truncate(time.Microsecond)
	for _, one := range signed {
		r := requestOf(one)
		grant, covered, err := m.coveredGrant(ctx, r)
		if err != nil {
			return DeletionAnswer{}, err
		}
		if !covered {
			r.Person, r.DoneAt = "", &now
		}
		if err := m.Store.AskDeletion(ctx, r); err != nil {
			return DeletionAnswer{}, err
		}
		if !covered {
			continue
		}
		if err := m.stop(ctx, grant, r, domain.StatusDeletionAsked); err != nil {
			// The stored request is enough: the erasure deletes these tokens too, and disconnects
			// the pages.
			m.Logger.WarnContext(ctx, "some tokens of a person to be erased are not deleted yet",
				"platform", one.Platform.String(), "error", err)
		}
	}
	m.Asked()
	return answer, nil
}

// Deletion returns the progress of a request for deletion. Error: [ErrDeletionUnknown].
func (m MetaCalls) Deletion(ctx context.Context, code string) (state DeletionState, err error) {
	found, err := m.Store.Deletion(ctx, code)
	if err == nil && len(found) == 0 {
		err = ErrDeletionUnknown
	}
	for i, r := range found {
		state.AskedAt = r.AskedAt
		switch {
		case r.DoneAt == nil:
			return DeletionState{AskedAt: r.AskedAt}, err
		case i == 0 || r.DoneAt.After(*state.DoneAt):
			state.DoneAt = r.DoneAt
		}
	}
	return state, err
}

func requestOf(signed platforms.SignedRequest) domain.DeletionRequest {
	return domain.DeletionRequest{
		Code: signed.Code, Platform: signed.Platform, Person: signed.Person, AskedAt: signed.IssuedAt,
	}
}

// EraseFurther performs one step of a deletion request: it erases the members that the person's
// sign-ins created, in all agencies, or marks the request as done if no such members are left. Call
// it again until done is true; any process can continue. shown waits until the tables show
// everything in the log about people. person returns a member without its user, because the
// platform never knew the user; its error is not_found if the member was erased. erase does the
// same as the erase command.
func (m MetaCalls) EraseFurther(
	ctx context.Context, r domain.DeletionRequest, shown func(ctx context.Context) error,
	person func(ctx context.Context, member int64) (domain.Person, error),
	erase func(ctx context.Context, p domain.Person, order domain.ErasureOrder) error,
) (done bool, err error) {
	// Outdated tables may still name members who were erased, or not name new members yet.
	if err := shown(ctx); err != nil {
		return false, err
	}
	grant, covered, err := m.coveredGrant(ctx, r)
	var members []int64
	if err == nil && covered {
		members, err = m.Directory.MembersOf(ctx, r.Platform, r.Person)
	}
	if err != nil {
		return false, err
	}
	if len(members) == 0 {
		if err := m.Store.EndChoices(ctx, grant.GrantKey, r.CoversUntil()); err != nil {
			return false, err
		}
		err = m.Store.DeletionDone(ctx, r, m.Now())
		return err == nil, err
	}
	order := domain.ErasureOrder{
		By: domain.OrderedByPlatform, Ground: "consent_withdrawn", Due: r.AskedAt.Add(dueWithin).Format(time.DateOnly),
		Reason: domain.Reason{Code: domain.ReasonCustomerRequest, Ticket: r.Code},
	}
	for _, member := range members {
		p, err := person(ctx, member)
		if domain.CodeOf(err) == domain.CodeNotFound {
			continue
		}
		if err != nil {
			return false, err
		}
		if err := erase(ctx, p, order); err != nil {
			return false, err
		}
	}
	return false, nil
}
