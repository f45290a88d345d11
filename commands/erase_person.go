package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// KeptEraser deletes what is kept beside the log; deleting what is not there is no error.
type KeptEraser interface {
	// DeleteConnection deletes what is kept of a connection, its secret too unless connections of others hang on the same.
	DeleteConnection(ctx context.Context, connection int64, ref string) error
	// Reading reports whether any of the social accounts is being read.
	Reading(ctx context.Context, accounts []int64) (bool, error)
	// ForgetReads deletes what became of reading social accounts that go, and of those that stay the failures:
	// platforms name people in what they say.
	ForgetReads(ctx context.Context, gone, stay []int64) error
	// ForgetUser deletes how far a user has seen notices, and its sessions.
	ForgetUser(ctx context.Context, user string) error
	// DeleteStale deletes those of the refs that were stored before an instant and that no connection hangs on but gone ones, and tells how
	// many there were.
	DeleteStale(ctx context.Context, gone []int64, refs []string, before time.Time) (int, error)
}

// ErasePerson erases a person from the directory, and the figures of the social accounts that go with it (GDPR): the log of dashboards
// holds ids only, so that every history still verifies, and shows the id alone.
type ErasePerson struct {
	Log   Appender
	Kept  KeptEraser
	Order domain.ErasureOrder // what its records say of it
	Now   func() time.Time
}

// erasureActor is who the trail names: the command line knows no user.
const erasureActor = "system:erase"

// Erase deletes the person's tokens, waits until no account of theirs is being read, deletes what is kept of the person
// ([ErasePerson.deleteKept]), appends a tombstone for each of its records, takes its connection off the pages that it had
// connected, erases the figures of the social accounts that go, and records the erasure, by ids, on `operations`. It may be
// repeated: what names other records goes last, so that a repetition finds what an interrupted one left.
func (e ErasePerson) Erase(ctx context.Context, p domain.Person) error {
	if err := e.deleteTokens(ctx, p); err != nil {
		return err
	}
	if err := e.awaitReadings(ctx, p.Going()); err != nil {
		return err
	}
	if err := e.deleteKept(ctx, p); err != nil {
		return err
	}
	if err := e.append(ctx, e.drafts(p)); err != nil {
		return err
	}
	// Again: what was being renewed or read meanwhile may have been stored behind the first round.
	return e.deleteKept(ctx, p)
}

// EraseContents appends a tombstone for each content: for those that were stored while the person was being erased.
func (e ErasePerson) EraseContents(ctx context.Context, stored []domain.StoredContent) error {
	return e.append(ctx, eraseContents(stored, e.Now()))
}

func eraseContents(stored []domain.StoredContent, now time.Time) (drafts []domain.Draft) {
	for _, c := range stored {
		drafts = append(drafts, EraseContentDraft(c.Key, now))
	}
	return drafts
}

// eraseFigures are the records after which figures make no rows any more, however late they come.
func eraseFigures(p domain.Person, now time.Time) (drafts []domain.Draft) {
	for _, erased := range p.FiguresErased(now) {
		drafts = append(drafts, NewDraft(domain.TopicMetrics, erased.Key(), erased, now))
	}
	return drafts
}

// EraseRest erases what a person has left that the directory no longer holds: secrets, results of reads, figures that came late, and
// social accounts that are named only now. It is recorded as [ErasePerson.Erase] is.
func (e ErasePerson) EraseRest(ctx context.Context, p domain.Person) error {
	if err := e.deleteKept(ctx, p); err != nil {
		return err
	}
	now := e.Now()
	drafts := append([]domain.Draft{e.record(p, now)}, eraseFigures(p, now)...)
	for _, id := range p.Named {
		drafts = append(drafts, EraseDraft(domain.KindSocialAccount, strconv.FormatInt(id, 10), now))
	}
	return e.append(ctx, drafts)
}

func (e ErasePerson) append(ctx context.Context, drafts []domain.Draft) error {
	for _, draft := range drafts {
		if err := e.Log.Append(ctx, draft); err != nil {
			return fmt.Errorf("erase %s (repeating the command is safe): %w", draft.Key, err)
		}
	}
	return nil
}

// record is the word about an erasure.
func (e ErasePerson) record(p domain.Person, now time.Time) domain.Draft {
	erased := p.Erased()
	erased.Order = e.Order
	record := NewDraft(domain.TopicOperations, cmp.Or(p.ParentAccount, domain.OperationsKeyAll), erased, now)
	record.Envelope.Audit.Actor = erasureActor
	return record
}

// deleteKept deletes the person's secrets, how far it has seen notices, and what became of reading its accounts. It is part of
// [ErasePerson.Erase], and what may be done again when the directory no longer holds the person.
func (e ErasePerson) deleteKept(ctx context.Context, p domain.Person) error {
	errs := []error{e.deleteTokens(ctx, p)}
	pages := make([]int64, len(p.Pages))
	for i, page := range p.Pages {
		pages[i] = page.ID
	}
	errs = append(errs, e.Kept.ForgetReads(ctx, p.Going(), pages))
	if p.User != "" {
		errs = append(errs, e.Kept.ForgetUser(ctx, p.User))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete secrets, results of reads and cursors: %w", err)
	}
	return nil
}

// deleteTokens deletes the tokens of the person's connections: no reading begins any more.
func (e ErasePerson) deleteTokens(ctx context.Context, p domain.Person) error {
	var errs []error
	for _, c := range p.Connections {
		errs = append(errs, e.Kept.DeleteConnection(ctx, c.ID, c.SecretRef))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete tokens: %w", err)
	}
	return nil
}

// awaitReadings waits until the readings that had begun are over: what they append would come after the tombstones.
func (e ErasePerson) awaitReadings(ctx context.Context, accounts []int64) error {
	for {
		reading, err := e.Kept.Reading(ctx, accounts)
		if err != nil || !reading {
			return err
		}
		select {
		case <-time.After(glanceAgain):
		case <-ctx.Done():
			return fmt.Errorf("wait until the person's accounts are not being read: %w; nothing is erased but the tokens", ctx.Err())
		}
	}
}

// drafts are the records of an erasure in their order.
func (e ErasePerson) drafts(p domain.Person) []domain.Draft {
	now := e.Now()
	var drafts []domain.Draft
	erase := func(kind, id string) { drafts = append(drafts, EraseDraft(kind, id, now)) }
	number := func(id int64) string { return strconv.FormatInt(id, 10) }
	for _, page := range p.Pages {
		page.Connected, page.UpdatedAt = false, now.UTC().Truncate(time.Microsecond)
		drafts = append(drafts, EntityDraft(page, now))
	}
	drafts = append(drafts, eraseContents(p.Contents, now)...) // as long as a profile names them
	// The word about it comes before what it alone names: a repetition takes the profiles from it, and what was erased shall be on record.
	drafts = append(drafts, e.record(p, now))
	drafts = append(drafts, eraseFigures(p, now)...)
	for _, id := range p.Going() {
		erase(domain.KindSocialAccount, number(id))
	}
	for _, c := range p.Connections {
		erase(domain.KindConnection, number(c.ID))
	}
	for _, member := range p.Defaults {
		erase(domain.KindDefaultAccount, number(member))
	}
	for _, id := range p.Sessions {
		erase(domain.KindSession, id)
	}
	for _, id := range p.Members {
		erase(domain.KindMember, number(id))
	}
	if p.User != "" {
		erase(domain.KindUser, p.User)
	}
	return drafts
}
