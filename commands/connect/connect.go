package connect

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Directory is the part of the read side that connecting needs.
type Directory interface {
	ActiveNames(ctx context.Context, parent, account string, now time.Time) (domain.ConnectNames, error)
	ClientMayConnect(ctx context.Context, parent, account, user string) (bool, error)
	PagesNamed(ctx context.Context, parent string, refs []domain.PageRef) ([]domain.ConnectedPage, error)
	PagesOf(ctx context.Context, connections []int64) ([]domain.ConnectedPage, error)
	Page(ctx context.Context, parent string, id int64) (domain.ConnectedPage, error)
	MemberUser(ctx context.Context, member int64) (string, error)
	MembersOf(ctx context.Context, platform domain.Platform, person string) ([]int64, error)
	FirstReadings(ctx context.Context, a domain.ConnectAttempt) ([]domain.FirstReading, error)
}

// Store stores sign-ins, links and grants. vault.Connecting implements it and documents its errors.
type Store interface {
	Begin(ctx context.Context, a domain.ConnectAttempt, start []byte) error
	OpenAttempt(ctx context.Context, start, cookie, state []byte, now time.Time) (domain.ConnectAttempt, error)
	TakeAttempt(
		ctx context.Context, state, cookie []byte, platform domain.Platform, now time.Time,
	) (domain.ConnectAttempt, error)
	CheckAttempt(ctx context.Context, state, cookie []byte, now time.Time) error
	Attempt(ctx context.Context, id string) (domain.ConnectAttempt, error)
	Choosing(ctx context.Context, id string, g domain.GrantKey, until time.Time) error
	EndChoices(ctx context.Context, g domain.GrantKey, before time.Time) error
	FinishAttempt(ctx context.Context, id string, outcome domain.ConnectOutcome, now time.Time) error

	MakeLink(ctx context.Context, l domain.ConnectLink, token []byte) error
	Links(ctx context.Context, parent, account string) ([]domain.ConnectLink, error)
	Link(ctx context.Context, token []byte) (domain.ConnectLink, error)
	LinkByID(ctx context.Context, parent, id string) (domain.ConnectLink, error)
	FollowLink(ctx context.Context, token, cookie []byte, now time.Time) (l domain.ConnectLink, first bool, err error)
	RevokeLink(ctx context.Context, parent, id string, now time.Time) (domain.ConnectLink, error)

	KeepGrant(ctx context.Context, g domain.Grant, connection int64) error
	ConnectionsOf(ctx context.Context, g domain.GrantKey) ([]int64, error)
	ConsentOf(ctx context.Context, connection int64) (time.Time, error)
	DetachConnection(
		ctx context.Context, connection int64, seen time.Time,
	) (g domain.GrantKey, left int, known bool, err error)
	GrantOf(ctx context.Context, g domain.GrantKey) (domain.Grant, bool, error)
	StopGrant(ctx context.Context, g domain.GrantKey, seen time.Time) (bool, error)
	AskDeletion(ctx context.Context, r domain.DeletionRequest) error
	Deletion(ctx context.Context, code string) ([]domain.DeletionRequest, error)
	DeletionDone(ctx context.Context, r domain.DeletionRequest, now time.Time) error
	DropGrant(ctx context.Context, g domain.GrantKey, now time.Time) (bool, error)
}

// Secrets stores sealed tokens.
type Secrets interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	Put(ctx context.Context, ref string, secret []byte, times domain.SecretTimes) error
	// SignedInAt returns when a person signed in to obtain a secret; nil if no one did.
	SignedInAt(ctx context.Context, ref string) (*time.Time, error)
	// DeleteOf deletes a secret unless it was obtained by another sign-in than that of the given time.
	DeleteOf(ctx context.Context, ref string, signedIn *time.Time) error
}

// Config configures [Connect]. All fields are required, except those for Meta's callbacks.
type Config struct {
	Directory Directory
	Store     Store
	Secrets   Secrets
	Places    commands.TokenPlaces
	// SignIn returns the client for sign-ins to a platform.
	SignIn func(p domain.Platform) (platforms.SignIn, error)
	Log    commands.Appender
	// Gate returns an error while changes to the directory cannot be processed.
	Gate func() error
	// Moved returns a channel that is closed when the directory's tables change.
	Moved func() <-chan struct{}
	// WakeFetchers makes the fetchers check immediately for due accounts.
	WakeFetchers func(ctx context.Context, queue domain.FetchQueue) error
	// PublicURL is the public address of this service, for example https://boards.example.com. The
	// platforms' callback addresses begin with it.
	PublicURL string
	// ReturnOrigins are the origins, in addition to our own, to which a result page may lead.
	ReturnOrigins []string
	// Apps holds our client ids by platform.
	Apps map[domain.Platform]string
	// Meta verifies Meta's requests about people, like [platforms.Set.Signed]. Asked starts the
	// erasures that people requested. Both are nil if no app secret for Meta is configured.
	Meta   func(raw string) ([]platforms.SignedRequest, error)
	Asked  func()
	Now    func() time.Time
	Logger *slog.Logger
}

// Connect connects pages and profiles.
type Connect struct{ Config }

// checkSignIn returns a conflict if the operator has not configured an app for the platform.
func (c *Config) checkSignIn(p domain.Platform) error {
	if _, err := c.SignIn(p); err != nil {
		return domain.NewError(domain.CodeConflict,
			"This service is not set up for sign-ins to %s. Ask its operator to configure an app for %s.",
			p.Title(), p.Title())
	}
	return nil
}

// Platforms returns the platforms to which people can sign in.
func (c *Config) Platforms() []domain.Platform {
	return slices.DeleteFunc(domain.Platforms(), func(p domain.Platform) bool { return c.checkSignIn(p) != nil })
}

func signed(d domain.Draft, r domain.ConnectRequester) domain.Draft {
	d.Envelope.Audit.Actor, d.Envelope.Audit.Role = r.Actor(), r.Role
	return d
}

func entityDrafts(entities []domain.DirectoryEntity, now time.Time) (drafts []domain.Draft) {
	for _, entity := range entities {
		drafts = append(drafts, commands.EntityDraft(entity, now))
	}
	return drafts
}

// MaxLinkDays is the maximum lifetime of a link.
const MaxLinkDays = 14

// Time limits.
const (
	signInWithin = 10 * time.Minute // from the request until the person comes back from the platform
	chooseWithin = 15 * time.Minute // from then until the choice
	redeemWithin = 30 * time.Second // for work that continues if the browser disconnects
)

// Errors of the check of rights.
var (
	// ErrClientMayNot (forbidden): the client's dashboard does not allow connecting.
	ErrClientMayNot = domain.NewError(domain.CodeForbidden,
		"You may connect accounts only while your dashboard is open, lists you, and has Connecting (connect) "+
			"turned on. Ask your agency.")
	errNotYourAccount = domain.NewError(domain.CodeNotFound, "There is no such account. Check its id.")
)

const roleClient = "client" // role of client users in requests and records

// AccessCheck checks again whether the requester has access or, for a link, whether its creator has
// access. It returns nil if so.
type AccessCheck func(ctx context.Context, r domain.ConnectRequester) error

// rights checks whether the requester may connect now, and returns the names of the agency and the
// account. Both must be active.
func (c *Config) rights(
	ctx context.Context, r domain.ConnectRequester, still AccessCheck,
) (names domain.ConnectNames, err error) {
	if err := c.mayAsk(ctx, r, still); err != nil {
		return names, err
	}
	return c.Directory.ActiveNames(ctx, r.ParentAccount, r.AccountID, c.Now())
}

// mayAsk checks whether the requester may connect and disconnect now, whatever the state of the
// account.
func (c *Config) mayAsk(ctx context.Context, r domain.ConnectRequester, still AccessCheck) error {
	if r.LinkID != "" {
		link, err := c.Store.LinkByID(ctx, r.ParentAccount, r.LinkID)
		if err != nil {
			return err
		}
		return c.checkLink(ctx, link, still)
	}
	if err := still(ctx, r); err != nil || r.Role != roleClient {
		return err
	}
	may, err := c.Directory.ClientMayConnect(ctx, r.ParentAccount, r.AccountID, r.UserID)
	if err == nil && !may {
		err = ErrClientMayNot
	}
	return err
}
