package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// KeptEraser deletes data in schema kept. Deleting data that does not exist is not an error.
type KeptEraser interface {
	// DeleteConnection deletes the stored data of a connection, and the connection's secret unless
	// other connections use it.
	DeleteConnection(ctx context.Context, connection int64, ref string) error
	// Reading reports whether any of the social accounts is being read.
	Reading(ctx context.Context, accounts []int64) (bool, error)
	// ForgetReads deletes the fetch state of erased social accounts, and the recorded failures of
	// remaining ones, because platforms may name people in error messages.
	ForgetReads(ctx context.Context, erased, remaining []int64) error
	// ForgetUser deletes the notice cursors and the sessions of a user.
	ForgetUser(ctx context.Context, user string) error
	// DeleteStale deletes those secrets of refs that were stored before an instant and are used
	// only by the erased connections. It returns their number.
	DeleteStale(ctx context.Context, erased []int64, refs []string, before time.Time) (int, error)
}

// ErasePerson erases a person from the directory, with the figures of the person's social accounts
// (GDPR). It erases nothing from `dashboards`, which holds only ids, so histories can still be
// verified.
type ErasePerson struct {
	// Append appends many drafts. After an error, some of them may be in the log.
	Append func(ctx context.Context, drafts []domain.Draft) error
	// Folded waits until the tables contain every record about people that is in the log.
	Folded func(ctx context.Context) error
	// Contents returns the stored contents of the posts of the social accounts to erase.
	Contents func(ctx context.Context, p domain.Person) ([]domain.StoredContent, error)
	Kept     KeptEraser
	By       Caller              // zero: the service itself, for example at a platform's request
	Order    domain.ErasureOrder // stored in the records of the erasure
	Now      func() time.Time
}

// erasureActor is the actor of erasures without a caller.
const erasureActor = "system:erase"

// Erase ends the readings of the person's accounts and deletes the person's data in schema kept. It
// then disconnects the person's pages, records the erasure on `operations` by ids, erases the
// figures of the social accounts to erase, and appends a tombstone for each of the person's
// records. Finally it records that the erasure is done. Erase can be repeated: records that name
// other records are erased last, so a repetition finds everything that an interrupted run left.
func (e ErasePerson) Erase(ctx context.Context, p domain.Person) error {
	if err := e.endReadings(ctx, &p); err != nil {
		return err
	}
	if err := e.deleteKept(ctx, p); err != nil {
		return err
	}
	now := e.Now()
	record := e.record(p, now)
	if err := e.append(ctx, e.drafts(p, record, now)...); err != nil {
		return err
	}
	// A renewal that was running may have stored data after the first round.
	if err := e.deleteKept(ctx, p); err != nil {
		return err
	}
	return e.finish(ctx, p, record)
}

// finish erases texts that the main application sent while the person was being erased, and records
// that the erasure is done. A request that was compared with tables without the erasure has appended
// its texts before the tables show the erasure, which the first wait ensures, or erases them itself;
// the second wait ensures that the tables show these texts.
func (e ErasePerson) finish(ctx context.Context, p domain.Person, record domain.Draft) error {
	for range 2 {
		if err := e.Folded(ctx); err != nil {
			return fmt.Errorf("the erasure is in the log, but some post texts that arrived late may remain; repeat it: %w", err)
		}
	}
	late, err := e.Contents(ctx, p)
	if err != nil {
		return err
	}
	now := e.Now()
	return e.append(ctx, eraseContents(late, now), []domain.Draft{DoneDraft(record, now)})
}

// endReadings deletes the tokens of the person's connections, disconnects the social accounts to
// erase, waits until none of them is being read, and looks again for contents: no reading adds any
// afterwards, because accounts that the tables show as disconnected are not read.
func (e ErasePerson) endReadings(ctx context.Context, p *domain.Person) error {
	if err := e.deleteTokens(ctx, *p); err != nil {
		return err
	}
	now := e.Now()
	var drafts []domain.Draft
	for _, account := range p.Connected {
		account.Connected, account.Ended, account.UpdatedAt = false, e.cause(), stored(now)
		drafts = append(drafts, EntityDraft(account, now))
	}
	if err := e.append(ctx, drafts); err != nil {
		return err
	}
	if err := e.Folded(ctx); err != nil {
		return fmt.Errorf("only the tokens were erased: %w", err)
	}
	if err := e.awaitReadings(ctx, p.SocialAccountsToErase()); err != nil {
		return err
	}
	if err := e.Folded(ctx); err != nil {
		return fmt.Errorf("only the tokens were erased: %w", err)
	}
	contents, err := e.Contents(ctx, *p)
	p.Contents = contents
	return err
}

func eraseContents(stored []domain.StoredContent, now time.Time) (drafts []domain.Draft) {
	for _, c := range stored {
		drafts = append(drafts, EraseContentDraft(c.Key, now))
	}
	return drafts
}

// eraseFigures returns the records of the erasures of figures, after which readings produce no
// rows, however late they arrive.
func eraseFigures(p domain.Person, now time.Time) (drafts []domain.Draft) {
	for _, erased := range p.FiguresErased(now) {
		drafts = append(drafts, NewDraft(domain.TopicMetrics, erased.Key(), erased, now))
	}
	return drafts
}

// EraseRest erases the remaining data of a person whom the directory no longer holds: secrets,
// results of readings, late figures, and social accounts that an earlier order did not name.
func (e ErasePerson) EraseRest(ctx context.Context, p domain.Person) error {
	if err := e.endReadings(ctx, &p); err != nil {
		return err
	}
	if err := e.deleteKept(ctx, p); err != nil {
		return err
	}
	now := e.Now()
	record := e.record(p, now)
	var accounts []domain.Draft
	for _, id := range p.Named {
		accounts = append(accounts, EraseDraft(domain.KindSocialAccount, strconv.FormatInt(id, 10), now))
	}
	err := e.append(ctx, eraseContents(p.Contents, now), []domain.Draft{record}, eraseFigures(p, now), accounts)
	if err != nil {
		return err
	}
	return e.finish(ctx, p, record)
}

func (e ErasePerson) append(ctx context.Context, batches ...[]domain.Draft) error {
	_, err := appendErasure(ctx, e.Append, batches...)
	return err
}

// appendErasure appends batches one after the other and returns the number of appended records.
func appendErasure(
	ctx context.Context, appendAll func(context.Context, []domain.Draft) error, batches ...[]domain.Draft,
) (appended int, err error) {
	for _, batch := range batches {
		if len(batch) == 0 {
			continue
		}
		if err := appendAll(ctx, batch); err != nil {
			return appended, fmt.Errorf("erase (repeating the command is safe): %w", err)
		}
		appended += len(batch)
	}
	return appended, nil
}

func (e ErasePerson) record(p domain.Person, now time.Time) domain.Draft {
	erased := p.Erased()
	erased.Order, erased.LocalOperator = e.Order, e.By.Local
	record := NewDraft(domain.TopicOperations, cmp.Or(p.ParentAccount, domain.OperationsKeyAll), erased, now)
	if e.By.sign(&record.Envelope); e.By.UserID == "" {
		record.Envelope.Audit.Actor = erasureActor
	}
	return record
}

// deleteKept deletes the person's secrets, notice cursors, sessions and results of readings.
func (e ErasePerson) deleteKept(ctx context.Context, p domain.Person) error {
	errs := []error{e.deleteTokens(ctx, p)}
	pages := make([]int64, len(p.Pages))
	for i, page := range p.Pages {
		pages[i] = page.ID
	}
	errs = append(errs, e.Kept.ForgetReads(ctx, p.SocialAccountsToErase(), pages))
	if p.User != "" {
		errs = append(errs, e.Kept.ForgetUser(ctx, p.User))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete secrets, reading results and cursors: %w", err)
	}
	return nil
}

// deleteTokens deletes the tokens of the person's connections, so that no new reading begins.
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

// awaitReadings waits until running readings have finished, because the records that they append
// would come after the tombstones.
func (e ErasePerson) awaitReadings(ctx context.Context, accounts []int64) error {
	never := func() <-chan struct{} { return nil } // the end of a reading is not signaled
	err := await(ctx, closed, never, func(ctx context.Context) (bool, error) {
		reading, err := e.Kept.Reading(ctx, accounts)
		return !reading, err
	})
	if err != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("wait for running readings of the person's accounts: %w; only the tokens were erased", err)
	}
	return err
}

// cause returns why the person's pages lose their connection.
func (e ErasePerson) cause() domain.StatusCode {
	if e.Order.By == domain.OrderedByPlatform {
		return domain.StatusDeletionAsked
	}
	return domain.StatusErased
}

// drafts returns the records of an erasure in batches; each must be in the log before the
// next is appended; record is the one on `operations`.
func (e ErasePerson) drafts(p domain.Person, record domain.Draft, now time.Time) [][]domain.Draft {
	var drafts, members, user []domain.Draft
	erase := func(kind, id string) { drafts = append(drafts, EraseDraft(kind, id, now)) }
	number := func(id int64) string { return strconv.FormatInt(id, 10) }
	for _, page := range p.Pages {
		if page.Connected { // otherwise it was disconnected earlier, for another reason
			page.Connected, page.Ended, page.UpdatedAt = false, e.cause(), stored(now)
		}
		drafts = append(drafts, EntityDraft(page, now))
	}
	first := slices.Concat(drafts, eraseContents(p.Contents, now)) // they are found by the profiles, so erase them first
	drafts = nil
	for _, id := range p.SocialAccountsToErase() {
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
		members = append(members, EraseDraft(domain.KindMember, number(id), now))
	}
	if p.User != "" {
		user = append(user, EraseDraft(domain.KindUser, p.User, now))
	}
	// After the tombstones, only the record still names the profiles, so it must come before them.
	return [][]domain.Draft{first, {record}, eraseFigures(p, now), drafts, members, user}
}
