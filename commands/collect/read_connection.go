package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// accountLimit bounds the work on one connection, so that a very slow platform does not delay other
// connections.
const accountLimit = 3 * time.Minute

type fetchFunc func(ctx context.Context, f *fetch) (fetched, error)

type fetch struct {
	domain.FetchTask
	queue  domain.FetchQueue
	client platforms.Client
	target platforms.Target
	notes  postNotes           // about the account's posts
	listed *domain.PostListing // by this reading; nil if it made no progress
	secret []byte              // the stored tokens at the start of the round; nil if they must be read
	// reloadedAt is when this reading looked for newer tokens; zero if it did not.
	reloadedAt time.Time
	startedAt  time.Time
	reading    *Reading // its calls
	answered   bool     // the platform answered a part of this reading
	pageEnded  bool     // the platform refused the page's token, and not that of the grant
}

// step takes the calls of the next step of the reading.
func (f *fetch) step(ctx context.Context, kind domain.CallKind, calls int) error {
	return f.reading.Step(ctx, platforms.Call{
		Platform: f.Platform, Op: f.Platform.Facts().Operations[f.queue.Kind], Account: countedBy(f.ConnectedAccount), Requests: calls,
	}, kind)
}

func (c *Collector) fetchFunc(kind string) (fetchFunc, error) {
	switch kind {
	case domain.FetchAccounts:
		return c.withToken(accounts{c.parts}.accountReading), nil
	case domain.FetchPosts:
		return c.withToken(posts{c.parts}.postReadings), nil
	case domain.FetchTokens:
		return c.tokens.refreshAhead, nil
	default:
		return nil, domain.NewError(domain.CodeInternal, "unknown kind of fetching %s", kind)
	}
}

func (c *Collector) withToken(read fetchFunc) fetchFunc {
	return func(ctx context.Context, f *fetch) (fetched, error) {
		stored, err := c.tokens.access(ctx, f)
		if err != nil {
			return fetched{}, err
		}
		result, err := c.unlessSwitchedOff(ctx, f, stored.OwnLogin, func() (fetched, error) {
			return c.readAs(ctx, f, stored, read)
		})
		if platforms.KindOf(err) != domain.StatusRefused {
			return result, err
		}
		renew := c.tokens.renew
		if platforms.WrongAccount(err) { // a renewal would return another token of the wrong account
			renew = c.tokens.newer
		}
		renewed, renewal := renew(ctx, f, stored)
		if errors.Is(renewal, platforms.ErrNoRefresh) {
			return result, err // the platform's error says more than "cannot be renewed"
		}
		if renewal != nil {
			// If the renewal fails on our side, it is unknown whether the token is dead.
			return result, fmt.Errorf("%w (after: %s)", renewal, err.Error())
		}
		return c.readAs(ctx, f, renewed, read)
	}
}

// readAs reads with the given tokens. If the platform identifies the account only by the token, the
// owner of a new token is verified once: a person who signed in with another account would add that
// account's posts to this one.
func (c *Collector) readAs(
	ctx context.Context, f *fetch, stored commands.StoredTokens, read fetchFunc,
) (fetched, error) {
	f.target = target(f.ConnectedAccount, stored)
	if f.SignedInAt != nil {
		f.target.SignedInAt = *f.SignedInAt
	}
	who, byToken := f.client.(platforms.Identifier)
	if !byToken || f.ExternalID == "" || stored.VerifiedAs == f.ExternalID {
		return read(ctx, f)
	}
	if f.queue.Kind == domain.FetchAccounts { // its response identifies the account
		result, err := read(ctx, f)
		if err == nil {
			c.tokens.verified(ctx, f, stored)
		}
		return result, err
	}
	if err := who.Identify(ctx, f.target); err != nil {
		return fetched{}, err
	}
	c.tokens.verified(ctx, f, stored)
	return read(ctx, f)
}

func target(account domain.ConnectedAccount, stored commands.StoredTokens) platforms.Target {
	return platforms.Target{
		AccessToken: cmp.Or(stored.Pages[account.ExternalID], stored.AccessToken),
		ExternalID:  account.ExternalID, AccountType: account.AccountType,
		OwnLogin: stored.OwnLogin, CountedBy: countedBy(account),
	}
}

// countedBy returns the key by which a platform counts the calls for an account: that of the
// token's owner, or of the account.
func countedBy(account domain.ConnectedAccount) string {
	if account.Platform.Facts().CountsByToken {
		return cmp.Or(account.SecretRef, account.ExternalID)
	}
	return account.ExternalID
}

var errNoToken = domain.NewError(domain.CodeNotFound,
	"There is no token for this connection. A person must sign in again.")

// recordDeadToken records that a person must sign in again if the error says so. triedAt is when the tokens
// that were tried last were read, and becomes the time of the state: tokens that were stored later
// have not been tried. If the token of a new sign-in is dead too, the state is recorded again;
// otherwise the token would be tried forever.
func (r *round) recordDeadToken(ctx context.Context, f *fetch, triedAt time.Time, err error) error {
	task := f.FetchTask
	if !dead(err) || task.StateCode != "" && !task.SignedInAgain() {
		return err
	}
	if task.SignedInAt != nil { // by another clock
		triedAt = later(triedAt, *task.SignedInAt)
	}
	change := domain.ConnectionStateChanged{
		Code: reasonOf(err, false).Code, Answer: platforms.AnswerOf(err), At: triedAt,
	}
	if f.pageEnded {
		change.SocialAccount = task.SocialAccount
	}
	return errors.Join(err, r.changeState(ctx, task, change))
}

// recordRecovery records that a connection works again after the platform has responded to a call with its
// token. A token check proves nothing, and neither does a round without calls.
func (r *round) recordRecovery(ctx context.Context, task domain.FetchTask) error {
	if task.StateCode == "" || r.claim.Kind == domain.FetchTokens {
		return nil
	}
	change := domain.ConnectionStateChanged{At: r.clock()}
	if task.StateOfPage {
		change.SocialAccount = task.SocialAccount
	}
	return r.changeState(ctx, task, change)
}

// dead reports whether only a person can repair the connection.
func dead(err error) bool {
	return platforms.KindOf(err) == domain.StatusRefused || errors.Is(err, errNoToken)
}

// changeState records a change of the state of a connection, or of one of its pages, once; the change
// names the page, its code, answer and time. While a code is recorded, the connection is not read.
func (p *parts) changeState(
	ctx context.Context, account domain.FetchTask, change domain.ConnectionStateChanged,
) error {
	first, err := p.States.First(ctx, account.ConnectionID, change.SocialAccount, change.Code == "", account.StateAt)
	if err != nil || !first {
		return err
	}
	if account.StateAt != nil && !change.At.After(*account.StateAt) { // the state with the latest time applies
		change.At = account.StateAt.Add(time.Microsecond)
	}
	change.ConnectionID, change.AccountID = account.ConnectionID, account.AccountID
	change.MemberID, change.Platform = account.MemberID, account.Platform
	draft := commands.NewDraft(domain.TopicOperations, account.ParentAccount, change, p.clock())
	draft.Envelope.Audit.Actor = "system:fetcher"
	if err := p.Operations.Append(ctx, draft); err != nil {
		// The record may be in the log nevertheless.
		return fmt.Errorf("record the state %q of connection %d: %w", change.Code, account.ConnectionID, err)
	}
	p.Logger.WarnContext(ctx, "connection state changed",
		"connection", account.ConnectionID, "code", change.Code)
	return p.States.Recorded(ctx, account.ConnectionID, change.SocialAccount, change.Code == "", change.At)
}
