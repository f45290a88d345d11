package connect

import (
	"context"
	"log/slog"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// Directory is the read side.
type Directory interface {
	ActiveNames(ctx context.Context, parent, account string, now time.Time) (domain.ConnectNames, error)
	ClientMayConnect(ctx context.Context, parent, account, user string) (bool, error)
	PagesNamed(ctx context.Context, parent string, refs []domain.PageRef) ([]domain.ConnectedPage, error)
	PagesOf(ctx context.Context, connections []int64) ([]domain.ConnectedPage, error)
	Page(ctx context.Context, parent string, id int64) (domain.ConnectedPage, error)
	MemberUser(ctx context.Context, member int64) (string, error)
	MembersOf(ctx context.Context, platform domain.Platform, person string) ([]int64, error)
	FirstReadings(ctx context.Context, parent string, ids []int64) ([]domain.FirstReading, error)
}

// Store keeps sign-ins, links and grants; vault.Connecting implements it and says which errors there are.
type Store interface {
	Begin(ctx context.Context, a domain.ConnectAttempt, start []byte) error
	OpenAttempt(ctx context.Context, start, cookie, state []byte, now time.Time) (domain.ConnectAttempt, error)
	TakeAttempt(ctx context.Context, state, cookie []byte, platform domain.Platform, now time.Time) (domain.ConnectAttempt, error)
	WhyNotTaken(ctx context.Context, state, cookie []byte, now time.Time) error
	Attempt(ctx context.Context, id string) (domain.ConnectAttempt, error)
	Choosing(ctx context.Context, id string, g domain.GrantKey, until time.Time) error
	FinishAttempt(ctx context.Context, id string, outcome domain.ConnectOutcome, now time.Time) error

	MakeLink(ctx context.Context, l domain.ConnectLink, token []byte) error
	Links(ctx context.Context, parent, account string) ([]domain.ConnectLink, error)
	Link(ctx context.Context, token []byte) (domain.ConnectLink, error)
	LinkByID(ctx context.Context, parent, id string) (domain.ConnectLink, error)
	FollowLink(ctx context.Context, token, cookie []byte, now time.Time) (l domain.ConnectLink, first bool, err error)
	RevokeLink(ctx context.Context, parent, id string, now time.Time) (domain.ConnectLink, error)

	KeepGrant(ctx context.Context, g domain.Grant, hang []domain.GrantedConnection) error
	HangingOn(ctx context.Context, g domain.GrantKey) ([]domain.GrantedConnection, error)
	ConsentOf(ctx context.Context, connection int64) (time.Time, error)
	Unhang(ctx context.Context, connection int64, seen time.Time) (g domain.GrantKey, left int, known bool, err error)
	GrantOf(ctx context.Context, g domain.GrantKey) (domain.Grant, bool, error)
	StopGrant(ctx context.Context, g domain.GrantKey, seen time.Time) (bool, error)
	AskDeletion(ctx context.Context, r domain.DeletionRequest) error
	Deletion(ctx context.Context, code string) ([]domain.DeletionRequest, error)
	DeletionDone(ctx context.Context, r domain.DeletionRequest, now time.Time) error
	DropGrant(ctx context.Context, g domain.GrantKey, now time.Time) (bool, error)
}

// Secrets keeps tokens sealed.
type Secrets interface {
	Get(ctx context.Context, ref string) ([]byte, error)
	Put(ctx context.Context, ref string, secret []byte, times domain.SecretTimes) error
	Delete(ctx context.Context, ref string) error
}

// Config holds the parts of [Connect]; all are required, but for those of Meta's calls.
type Config struct {
	Directory Directory
	Store     Store
	Secrets   Secrets
	Places    commands.TokenPlaces
	// SignIn finds the dialog of a platform.
	SignIn func(p domain.Platform) (platforms.SignIn, error)
	Log    commands.Appender
	// Moved returns a channel that is closed when the directory's tables move next.
	Moved func() <-chan struct{}
	// Look has the fetchers look at once for what is due.
	Look func(ctx context.Context, queue domain.FetchQueue) error
	// PublicURL is where browsers find this service, like https://boards.example.com: the platforms' call-backs begin with it.
	PublicURL string
	// ReturnOrigins are the origins, beside our own, that a result page may lead back to.
	ReturnOrigins []string
	// Apps are our client ids, by platform.
	Apps map[domain.Platform]string
	// Meta opens what Meta sends about people, as [platforms.Set.Signed] does, and Asked has them erased who asked for that; nil: no secret of
	// an app of Meta's is configured.
	Meta   func(raw string) ([]platforms.SignedRequest, error)
	Asked  func()
	Now    func() time.Time
	Logger *slog.Logger
}

// Connect is the use cases of connecting.
type Connect struct{ Config }

// signed signs a record with who asked.
func signed(d domain.Draft, r domain.ConnectRequester) domain.Draft {
	d.Envelope.Audit.Actor, d.Envelope.Audit.Role = r.Actor(), r.Role
	return d
}

// entityDrafts are the records of entities.
func entityDrafts(entities []domain.DirectoryEntity, now time.Time) (drafts []domain.Draft) {
	for _, entity := range entities {
		drafts = append(drafts, commands.EntityDraft(entity, now))
	}
	return drafts
}

// MaxLinkDays is the longest that a link may last.
const MaxLinkDays = 14

// How long things last.
const (
	signInWithin = 10 * time.Minute // from asking until the person comes back
	chooseWithin = 15 * time.Minute
	redeemWithin = 30 * time.Second // also when the browser goes away: a code works once
)

// Errors of rights.
var (
	// ErrClientMayNot (forbidden): the dashboard of the client does not let it connect.
	ErrClientMayNot = domain.NewError(domain.CodeForbidden,
		"You may connect accounts only while your dashboard is open, lists you, and has Connecting (connect) turned on. Ask your agency.")
	errNotYourAccount = domain.NewError(domain.CodeNotFound, "There is no such account. Check its id.")
)

// roleClient is the role of client users, as requests and records name it.
const roleClient = "client"

// Still judges again whether whoever asked may come in, of a link whoever made it; nil: they may.
type Still func(ctx context.Context, r domain.ConnectRequester) error

// rights judges whether the requester may connect now, and returns the names of those for whom: both are active.
func (c *Config) rights(ctx context.Context, r domain.ConnectRequester, still Still) (names domain.ConnectNames, err error) {
	if err := c.mayAsk(ctx, r, still); err != nil {
		return names, err
	}
	return c.Directory.ActiveNames(ctx, r.ParentAccount, r.AccountID, c.Now())
}

// mayAsk judges whether the requester may connect and disconnect now, whatever became of the account.
func (c *Config) mayAsk(ctx context.Context, r domain.ConnectRequester, still Still) error {
	if r.LinkID != "" {
		link, err := c.Store.LinkByID(ctx, r.ParentAccount, r.LinkID)
		if err != nil {
			return err
		}
		return c.works(ctx, link, still)
	}
	if err := still(ctx, r); err != nil || r.Role != roleClient {
		return err
	}
	return c.clientMay(ctx, r.ParentAccount, r.AccountID, r.UserID)
}

func (c *Config) clientMay(ctx context.Context, parent, account, user string) error {
	may, err := c.Directory.ClientMayConnect(ctx, parent, account, user)
	if err == nil && !may {
		err = ErrClientMayNot
	}
	return err
}
