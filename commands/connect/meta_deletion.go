package connect

import (
	"context"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// ErrDeletionUnknown (not_found): no request has this code, or it was done long ago.
var ErrDeletionUnknown = domain.NewError(domain.CodeNotFound,
	"No request for deletion is known by this code. It is forgotten 90 days after it is done. Check the code; else ask at the platform again.")

// dueWithin is how long an erasure may take: a month (GDPR article 12).
const dueWithin = 30 * 24 * time.Hour

// DeletionState is how far a person's request for deletion came.
type DeletionState struct {
	AskedAt time.Time
	DoneAt  *time.Time // nil: not done yet
}

// DeletionAnswer is what Meta is told of a request for deletion, by its names.
type DeletionAnswer struct {
	URL  string `json:"url"`               // the page that tells how far it came
	Code string `json:"confirmation_code"` // 32 hex digits
}

// DeletionAsked takes Meta's word that a person wants deleted what we have of them. It does what [MetaCalls.Deauthorized] does, and has the person
// erased soon. The same request is answered alike however often it comes, and so is whoever is not known. Errors as there.
func (c MetaCalls) DeletionAsked(ctx context.Context, raw string) (DeletionAnswer, error) {
	signed, err := c.Meta(raw)
	if err != nil {
		return DeletionAnswer{}, err
	}
	answer := DeletionAnswer{URL: c.Public("/connect/meta/delete/" + signed[0].Code), Code: signed[0].Code}
	now := c.Now().UTC().Truncate(time.Microsecond)
	for _, one := range signed {
		r := requestOf(one)
		grant, covers, err := c.covers(ctx, r)
		if err != nil {
			return DeletionAnswer{}, err
		}
		if !covers {
			r.Person, r.DoneAt = "", &now
		}
		if err := c.Store.AskDeletion(ctx, r); err != nil {
			return DeletionAnswer{}, err
		}
		if !covers {
			continue
		}
		if err := c.stop(ctx, grant, "The person who connected this page asked "+one.Platform.Title()+" to have deleted what we know of them. Connect it again."); err != nil {
			// What is stored is enough: the erasure takes these tokens too, and the pages off them.
			c.Logger.WarnContext(ctx, "the tokens of somebody who is to be erased are not all deleted yet", "platform", one.Platform.String(), "error", err)
		}
	}
	c.Asked()
	return answer, nil
}

// Deletion tells how far a request for deletion came. Error: [ErrDeletionUnknown].
func (c MetaCalls) Deletion(ctx context.Context, code string) (state DeletionState, err error) {
	found, err := c.Store.Deletion(ctx, code)
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
	return domain.DeletionRequest{Code: signed.Code, Platform: signed.Platform, Person: signed.Person, AskedAt: signed.IssuedAt}
}

// EraseFurther takes a request one step further: it erases the members that sign-ins of the person have made, in all agencies, or, when none are
// left, notes that it is done. It may be repeated, and must be until it is done: by whichever process, what was begun is known by its records.
// Shown tells whether the tables show all that is in the log about people; person is a member alone, not_found once it is erased: whose user it is
// the platform never knew; erase does what the command erase does.
func (c MetaCalls) EraseFurther(
	ctx context.Context, r domain.DeletionRequest, shown func(ctx context.Context) (bool, error),
	person func(ctx context.Context, member int64) (domain.Person, error),
	erase func(ctx context.Context, p domain.Person, order domain.ErasureOrder) error,
) (done bool, err error) {
	// Also an end needs the tables: they name those who were erased before, maybe by a process that came no further, and the person here since.
	if shown, err := shown(ctx); err != nil || !shown {
		return false, err
	}
	_, covers, err := c.covers(ctx, r)
	var members []int64
	if err == nil && covers {
		members, err = c.Directory.MembersOf(ctx, r.Platform, r.Person)
	}
	if err != nil {
		return false, err
	}
	if len(members) == 0 {
		err = c.Store.DeletionDone(ctx, r, c.Now())
		return err == nil, err
	}
	for _, member := range members {
		p, err := person(ctx, member)
		if domain.CodeOf(err) == domain.CodeNotFound {
			continue
		}
		if err != nil {
			return false, err
		}
		if err := erase(ctx, p, orderOf(r)); err != nil {
			return false, err
		}
	}
	return false, nil
}

// orderOf is what the records of an erasure say of a request; its ticket finds them.
func orderOf(r domain.DeletionRequest) domain.ErasureOrder {
	return domain.ErasureOrder{
		By: "platform", Ground: "consent_withdrawn", Due: r.AskedAt.Add(dueWithin).Format(time.DateOnly),
		Reason: domain.Reason{Code: domain.ReasonCustomerRequest, Ticket: r.Code},
	}
}
