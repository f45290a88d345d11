package api

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// PersonSession is a session of a person, for operators.
type PersonSession struct {
	SignInSession

	UserID string `json:"user_id"` // The id of the user, auditor or operator.
	Role   string `json:"role"`    // The role in the session.
}

const (
	patternUserErase   = "users/{userId}/erase"
	patternMemberErase = "members/{memberId}/erase"
	patternErasures    = "erasures"
)

// erasures are the patterns of erasures, which wait for tables, and of their list, which is read from
// the log.
var erasures = []string{
	prefixOps + patternErasures, prefixOps + patternUserErase + "/preview", prefixOps + patternUserErase,
	prefixOps + patternMemberErase + "/preview", prefixOps + patternMemberErase,
}

var (
	// Lists the sessions in which people are signed in to the console, newest first. A session has no
	// names of people.
	_ = opsAt(http.MethodGet, "sessions", "getOpsSessions", does(operators.sessions))
	// Ends a session of a person. The person can sign in again.
	_ = opsAt(http.MethodPost, "sessions/{session}/end", "postOpsSessionEnd", acting(sessionAction.name, withoutResult(OperatorService.EndSession)))
	// Creates a link that signs a user in to the console once. Only operators on the machine of the
	// service are answered, over its socket; a token is refused with 403.
	_ = opsAt(http.MethodPost, "users/{userId}/sign-in-link", "postOpsSignInLink", does(operators.makeSignInLink).refusing(domain.CodeConflict))
	// Links a user to a subject of the identity provider, who can then sign in as this user. Only
	// operators on the machine of the service are answered, over its socket; a token is refused with
	// 403.
	_ = opsAt(http.MethodPost, "users/{userId}/sign-in/link", "postOpsSignInSubject", does(operators.linkSignIn).refusing(domain.CodeConflict))
	// Removes a user's links to identity providers, and ends the user's sessions. The next sign-in with
	// the user's verified email address links the user again.
	_ = opsAt(http.MethodPost, "users/{userId}/sign-in/unlink", "postOpsSignInUnlink",
		acting(unlinked, withoutResult(OperatorService.UnlinkSignIn)))
	// Returns everything that is stored about a user and the user's members, for that person. Only
	// operators on the machine of the service are answered, over its socket; a token is refused with
	// 403. The header Export-Summary has the number of rows of each section.
	_ = opsAt(http.MethodPost, "users/{userId}/export", "postOpsUserExport", does(exportPerson[UserID]).refusing(domain.CodeConflict).sending(ofExports, mediaJSON))
	// Returns what an erasure of a user and the user's members would erase. Nothing is changed or
	// recorded. The request first waits until the tables contain what is in the log; if that takes
	// longer than wait, it is answered with 503.
	_ = opsAt(http.MethodPost, patternUserErase+"/preview", "postOpsUserErasePreview", does(previewErasure[UserID]))
	// Erases a user and the user's members from the directory. Histories keep their ids. The response
	// follows when the tables show the erasure. A request can be repeated after any error: it erases
	// what remains.
	_ = opsAt(http.MethodPost, patternUserErase, "postOpsUserErase", does(erase[UserID]))
	// Returns what an erasure of a member and, if the member belongs to a user, of the user would erase.
	// Nothing is changed or recorded.
	_ = opsAt(http.MethodPost, patternMemberErase+"/preview", "postOpsMemberErasePreview", does(previewErasure[MemberID]))
	// Erases a member and, if the member belongs to a user, the user from the directory. Histories keep
	// their ids. A request can be repeated after any error: it erases what remains.
	_ = opsAt(http.MethodPost, patternMemberErase, "postOpsMemberErase", does(erase[MemberID]))
	// Lists what was erased of people, one entry for each id, as the log records it. Store the list outside the
	// backups: after the restore of an older log, ledgerboard erase --from repeats these erasures. If an erasure
	// cannot be decoded, the response is 409: a list without it would look complete.
	_ = opsAt(http.MethodGet, patternErasures, "getOpsErasures", all(OperatorService.Erasures).refusing(domain.CodeConflict))
	// Returns everything that is stored about a member and, if the member belongs to a user, about the
	// user. Only operators on the machine of the service are answered, over its socket; a token is
	// refused with 403. The header Export-Summary has the number of rows of each section.
	_ = opsAt(http.MethodPost, "members/{memberId}/export", "postOpsMemberExport", does(exportPerson[MemberID]).refusing(domain.CodeConflict).sending(ofExports, mediaJSON))
)

type (
	sessionAction struct {
		Session string `param:"session" example:"V2K7QZ3MXJ4T5B6N8P9RASDFGH"` // The id of a session, from GET /api/ops/sessions.
		Because
	}
	// ofPerson is the input of an operation about a person: a user, or a member who may not be one.
	ofPerson[P personID, B any] struct {
		Person P

		Body B `body:"required"`
	}
	// MemberID is a member in the path.
	MemberID struct {
		Member RowID `param:"memberId" example:"7"` // The id of a member.
	}
	// erasurePreviewBody is the body of a request for what an erasure would erase.
	erasurePreviewBody struct {
		// SocialAccounts are social accounts of the agency to erase with their figures, by their ids. Pages
		// that are not listed stay with the client.
		SocialAccounts []int64 `json:"social_accounts,omitempty"`
		// Wait is how long to wait for tables that are behind the log, in minutes or seconds, at most 1h.
		// The default is 1m.
		Wait string `json:"wait,omitempty" example:"1m"`

		wait time.Duration
	}
	// erasureBody is the body of a request to erase a person.
	erasureBody struct {
		actionBody
		erasurePreviewBody

		// OrderedBy is who ordered the erasure: person, client, agency, platform or authority.
		OrderedBy string `json:"ordered_by" example:"person"`
		// Ground is the legal ground (GDPR article 17): not_needed, consent_withdrawn, objection, unlawful
		// or legal_obligation.
		Ground string `json:"ground" example:"consent_withdrawn"`
		Due    string `json:"due" example:"2026-12-21"` // the deadline of the erasure, YYYY-MM-DD

		order domain.ErasureOrder
	}
	sessionsInput struct {
		Page

		User HexID `param:"user_id" example:"a11ce0000000000000000000" wrong:"is not a user id: use 24 hex digits"` // Limits the result to the sessions of the person with this id.
	}
	// linkBody is the body of a request of an operator for a sign-in link.
	linkBody struct {
		actionBody

		// ValidFor is the lifetime of the link in minutes or hours, from 15m to 168h (7 days). The
		// default is 24h.
		ValidFor string `json:"valid_for,omitempty" format:"duration"`

		validFor time.Duration
	}
	// subjectBody is the body of a request to link a user to a subject of the identity provider.
	subjectBody struct {
		actionBody

		// Subject is the claim sub of the person's tokens. The log shows the subject of a refused
		// sign-in.
		Subject string `json:"subject" example:"5be86359-073c-434b-ad2d-a3932222dabe"`
	}
)

func (l *linkBody) check(d *decoder) {
	l.actionBody.check(d)
	var err error
	if l.validFor, err = SignInLinkDuration(l.ValidFor); err != nil {
		d.bad.Addf("valid_for", "%s", err)
	}
}

const (
	defaultErasureWait = time.Minute
	maxErasureWait     = time.Hour
)

func (e *erasurePreviewBody) check(d *decoder) {
	if e.wait = defaultErasureWait; e.Wait == "" {
		return
	}
	var err error
	if e.wait, err = time.ParseDuration(e.Wait); err != nil || e.wait <= 0 || e.wait > maxErasureWait {
		d.bad.Addf("wait", "must be a positive duration of at most %s, such as 90s or 5m", maxErasureWait)
	}
}

func (e *erasureBody) check(d *decoder) {
	e.erasurePreviewBody.check(d)
	e.actionBody.check(d)
	e.order = domain.ErasureOrder{By: e.OrderedBy, Ground: e.Ground, Due: e.Due, Reason: e.reason}
	if e.reason == (domain.Reason{}) {
		return
	}
	if err := e.order.Validate(); err != nil {
		d.refuse(err, "ordered_by", "is not valid together with ground and due")
	}
}

// maxSubject is the maximum length of a subject (OpenID Connect Core §2).
const maxSubject = 255

func (s *subjectBody) check(d *decoder) {
	s.actionBody.check(d)
	if s.Subject == "" || len(s.Subject) > maxSubject || strings.ContainsFunc(s.Subject, func(r rune) bool { return r < ' ' || r > '~' }) {
		d.bad.Addf("subject", "must be 1 to %d printable ASCII characters: copy it from the log", maxSubject)
	}
}

func (s sessionAction) name() (string, domain.Reason) { return s.Session, s.Body.reason }

// personID is a person in the path.
type personID interface {
	person() (user string, member int64)
}

func (u UserID) person() (user string, member int64) { return string(u.User), 0 }

func (m MemberID) person() (user string, member int64) { return "", int64(m.Member) }

func unlinked(in ofPerson[UserID, actionBody]) (string, domain.Reason) {
	return string(in.Person.User), in.Body.reason
}

var errOnlyOnMachine = domain.NewError(domain.CodeForbidden,
	"With a token, an operator can neither sign in as other people nor read data of people. "+
		"Run the command on the machine of the service, without --url.")

// requireLocal refuses operators who are not on the machine of the service: a token of an operator
// gives no access to data of people.
func (c Caller) requireLocal() error {
	if c.Local.Via == "" {
		return errOnlyOnMachine
	}
	return nil
}

func (o operators) sessions(ctx context.Context, _ Caller, in sessionsInput) (page Result[[]PersonSession, readmodels.ListMeta], err error) {
	page.Data, page.Meta, err = o.deps.Operators.Sessions(ctx, string(in.User), in.page())
	return page, err
}

func (o operators) makeSignInLink(ctx context.Context, c Caller, in ofPerson[UserID, linkBody]) (made SignInLink, err error) {
	if err := c.requireLocal(); err != nil {
		return made, err
	}
	return o.deps.Operators.SignInLink(ctx, c.in(RoleOperator), string(in.Person.User), "", in.Body.validFor, in.Body.reason)
}

func (o operators) linkSignIn(ctx context.Context, c Caller, in ofPerson[UserID, subjectBody]) (done, error) {
	err := c.requireLocal()
	if err == nil {
		err = o.deps.Operators.LinkSignIn(ctx, c.in(RoleOperator), string(in.Person.User), in.Body.Subject, in.Body.reason)
	}
	return done{err == nil}, err
}

// Erase is an order to erase a person: a user, or a member who may not be one.
type Erase struct {
	User           string
	Member         int64               // 0 if User is set
	SocialAccounts []int64             // social accounts of the agency to erase too
	Wait           time.Duration       // how long to wait for tables that are behind the log
	Order          domain.ErasureOrder // zero for a preview
}

func previewErasure[P personID](o operators, ctx context.Context, _ Caller, in ofPerson[P, erasurePreviewBody]) (operator.Erasure, error) {
	user, member := in.Person.person()
	return o.deps.Operators.PreviewErasure(ctx, Erase{User: user, Member: member, SocialAccounts: in.Body.SocialAccounts, Wait: in.Body.wait})
}

func erase[P personID](o operators, ctx context.Context, c Caller, in ofPerson[P, erasureBody]) (operator.Erasure, error) {
	user, member := in.Person.person()
	return o.deps.Operators.Erase(ctx, c.in(RoleOperator), Erase{user, member, in.Body.SocialAccounts, in.Body.wait, in.Body.order})
}

// exportPerson sends all data of a person. It writes them to an unlinked file first, so that the
// outcome is recorded before the first byte is sent.
func exportPerson[P personID](o operators, ctx context.Context, c Caller, in ofPerson[P, actionBody]) (File, error) {
	if err := c.requireLocal(); err != nil {
		return File{}, err
	}
	user, member := in.Person.person()
	sections := ""
	person, err := File{Type: contentJSON, Name: "person.json"}.spooled(func(out io.Writer) (err error) {
		sections, err = o.deps.Operators.ExportPerson(ctx, c.in(RoleOperator), user, member, in.Body.reason, out)
		return err
	})
	person.Summary = sections
	return person, err
}
