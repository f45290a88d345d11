package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

// DashboardCommands decides and records changes to dashboards; *commands.Dashboards implements it.
// Errors are [domain.Error]s. If the outcome is unknown, the error has code
// [domain.CodeUnavailable] and sets CommandID and RetryAfter.
type DashboardCommands interface {
	Update(ctx context.Context, update commands.UpdateDashboard) (commands.Result, error)
	// Preview decides like Update but records nothing.
	Preview(ctx context.Context, update commands.UpdateDashboard) (domain.DashboardPreview, error)
	// Open creates the dashboard if it is missing, and returns when reads show it.
	Open(ctx context.Context, open commands.OpenDashboard) (commands.Result, error)
}

// DashboardReader reads dashboards; *readmodels.Dashboards implements it. For an unknown account,
// an account of another agency, an account without a dashboard, and a dashboard that is hidden from
// the client user, methods return [domain.ErrDashboardNotFound].
type DashboardReader interface {
	Dashboard(ctx context.Context, request readmodels.DashboardRequest) (readmodels.DashboardView, error)
}

type dashboards struct{ *Server }

var dashboardGroup = newGroup(tagDashboards, func(Deps) bool { return true })

// Operations of dashboards.
var (
	// GetDashboard returns the dashboard of a sub-account. If the dashboard does not exist, an
	// agency's request creates it. A client user can see the dashboards of their own account and of
	// linked accounts while they are open to that user.
	GetDashboard = route(dashboardGroup, http.MethodGet, patternDashboard, "getDashboard",
		[]Role{RoleAgency, RoleClient, RoleAuditor}, does(dashboards.get).refusing(domain.CodeConflict).sending([]string{headerETag}))
	// PutDashboard updates a dashboard and the dashboards linked to it, atomically. Members that you
	// leave out keep their values; unknown members are ignored, but another spelling of a member, such
	// as allowClientDashboard, is an error. A request that changes nothing succeeds and is not recorded.
	PutDashboard = route(dashboardGroup, http.MethodPut, patternDashboard, "putDashboard", []Role{RoleAgency}, does(dashboards.put).
			refusing(domain.CodeConflict, domain.CodePreconditionFailed, domain.CodeUnprocessable).sending([]string{headerETag, headerReplayed}))
	// PostDashboardPreview previews a change to a dashboard: who would gain and who would lose access
	// to which accounts. The request has the same body and If-Match header as a PUT of the dashboard
	// and is validated in the same way, but changes nothing. To apply the change, send the same body
	// in a PUT with the value of `preview` in the If-Preview header: the PUT does exactly what the
	// preview shows, or returns 412.
	PostDashboardPreview = route(dashboardGroup, http.MethodPost, patternDashboard+"/preview", "postDashboardPreview",
		[]Role{RoleAgency}, does(dashboards.preview).refusing(domain.CodePreconditionFailed, domain.CodeUnprocessable))
)

// SubAccount is a dashboard in the path.
type SubAccount struct {
	// The sub-account of the dashboard: 24 hex digits.
	SubAccount HexID `param:"sub_account_id" example:"c10000000000000000000001" wrong:"is not an account id: use 24 hex digits"`
}

// Dashboard is a dashboard as an output, with its version as the ETag.
type Dashboard[D any] struct {
	Data     D
	Version  int64
	replayed bool // whether an earlier request has made the change
}

func (Dashboard[D]) types() Answer { return Answer{Data: reflect.TypeFor[D]()} }

func (d Dashboard[D]) parts() (data, meta any) { return d.Data, nil } //nolint:unparam // as of other outputs

func (d Dashboard[D]) setHeader(header http.Header) {
	header.Set(headerETag, etag(d.Version))
	if d.replayed {
		header.Set(headerReplayed, "true")
	}
}

// get returns the dashboard of the sub-account in the path. A request of agency staff creates a
// missing dashboard.
func (d dashboards) get(ctx context.Context, c Caller, in SubAccount) (shown Dashboard[[]readmodels.DashboardView], err error) {
	parent, err := d.authorizer.parentOf(ctx, c.Principal)
	if err != nil {
		return shown, err
	}
	request := readmodels.DashboardRequest{ParentAccount: parent, SubAccount: string(in.SubAccount)}
	if !c.Roles.Has(RoleAgency, RoleAuditor) {
		request.ClientAccount, request.ClientUser = c.AccountID, c.UserID
	}
	view, err := d.deps.Dashboards.Dashboard(ctx, request)
	if domain.CodeOf(err) == domain.CodeNotFound && c.Roles.Has(RoleAgency) {
		if err := d.deps.PeopleKnown(); err != nil { // creating a dashboard is a change
			return shown, err
		}
		_, err = d.deps.DashboardCommands.Open(ctx, commands.OpenDashboard{Caller: c.in(RoleAgency), SubAccount: request.SubAccount})
		if err == nil {
			view, err = d.deps.Dashboards.Dashboard(ctx, request)
		}
	}
	return Dashboard[[]readmodels.DashboardView]{Data: []readmodels.DashboardView{view}, Version: view.Version}, err
}

// Change is a change to a dashboard.
type Change struct {
	SubAccount

	// The change is made only if the dashboard still has this ETag, weak (as compressing proxies make
	// it) or not.
	IfMatch Match      `header:"If-Match"`
	Body    UpdateBody `body:"open"`
}

func (c Change) change() domain.UpdateDashboard {
	return domain.UpdateDashboard{
		Primary: string(c.SubAccount.SubAccount), IfMatch: c.IfMatch.versions,
		AllowClientDashboard: c.Body.AllowClientDashboard, SubAccountIDs: c.Body.SubAccountIDs,
		Users: c.Body.Users, Scopes: c.Body.Scopes, Unlink: c.Body.Unlink != nil && *c.Body.Unlink,
	}
}

// PutInput is the input of a change of a dashboard.
type PutInput struct {
	Change
	Keyed

	// The change is made only if it does exactly what a preview showed: send the value of preview from
	// that response.
	IfPreview Preview `header:"If-Preview"`
}

func (d dashboards) put(ctx context.Context, c Caller, in PutInput) (shown Dashboard[domain.Dashboard], err error) {
	change := in.change()
	change.Decision = string(in.IfPreview)
	result, err := d.deps.DashboardCommands.Update(ctx, commands.UpdateDashboard{
		Caller: c.in(RoleAgency), Change: change, IdempotencyKey: string(in.Key), RequestDigest: updateDigest(change),
	})
	return Dashboard[domain.Dashboard]{result.Dashboard, result.Dashboard.Version, result.Replayed}, err
}

// preview returns the effect that a PUT with the same body and If-Match would have. It changes nothing.
func (d dashboards) preview(ctx context.Context, c Caller, in Change) (shown history.DashboardPreview, err error) {
	preview, err := d.deps.DashboardCommands.Preview(ctx, commands.UpdateDashboard{Caller: c.in(RoleAgency), Change: in.change()})
	if err != nil {
		return shown, err
	}
	return d.deps.NamedPreview(ctx, preview)
}

// check converts ids to lower case. The error lists every malformed value (400); the domain checks
// whether ids are known (422).
func (u *UpdateBody) check(d *decoder) {
	u.SubAccountIDs = hexIDs("sub_account_ids", u.SubAccountIDs, &d.bad)
	u.Users = hexIDs("users", u.Users, &d.bad)
	if u.Scopes != nil {
		for _, e := range domain.ScopeErrors(*u.Scopes) {
			d.bad.Addf(e.Field, "%s", e.Detail)
		}
	}
}

func hexIDs(name string, given *[]string, bad *domain.FieldErrors) *[]string {
	if given == nil {
		return nil
	}
	ids := make([]string, len(*given))
	for i, id := range *given {
		ids[i] = bad.HexID(fmt.Sprintf("%s[%d]", name, i), id)
	}
	return &ids
}

// updateDigest returns the hex SHA-256 of the length-prefixed method, path and canonical body. The
// canonical body has only the known members in the order of their names (as in [UpdateBody]), ids
// in lower case, and lists as sorted sets, so that equivalent bodies have the same digest. The path
// has no mount prefix, so that the same request under another prefix has the same digest. If-Match
// is a precondition and not part of the digest.
func updateDigest(c domain.UpdateDashboard) string {
	canonical := UpdateBody{
		AllowClientDashboard: c.AllowClientDashboard,
		Scopes:               sortedSet(c.Scopes), SubAccountIDs: sortedSet(c.SubAccountIDs), Users: sortedSet(c.Users),
	}
	if c.Unlink {
		canonical.Unlink = &c.Unlink
	}
	body, _ := json.Marshal(canonical) //nolint:errchkjson // strings and bools always marshal
	var text bytes.Buffer
	for _, part := range [][]byte{[]byte(http.MethodPut), []byte("/api/projects/dashboard/" + c.Primary), body} {
		_ = binary.Write(&text, binary.BigEndian, uint64(len(part)))
		text.Write(part)
	}
	sum := sha256.Sum256(text.Bytes())
	return hex.EncodeToString(sum[:])
}

func sortedSet(list *[]string) *[]string {
	if list == nil {
		return nil
	}
	set := append([]string{}, *list...) // never null
	slices.Sort(set)
	return new(slices.Compact(set))
}

// UpdateBody is the body of a PUT. Every member is optional; as in the old system, null means absent.
type UpdateBody struct {
	// AllowClientDashboard opens (true) or closes (false) the linked dashboards to their clients.
	AllowClientDashboard *bool `json:"allow_client_dashboard,omitempty" example:"true"`
	// Scopes replaces the scopes of every linked dashboard.
	Scopes *[]string `json:"scopes,omitempty" format:"scope"`
	// SubAccountIDs lists accounts to link; with unlink, all accounts that stay linked. 24 hex
	// digits each.
	SubAccountIDs *[]string `json:"sub_account_ids,omitempty" format:"hex"`
	// Unlink makes sub_account_ids the complete linked set; otherwise, accounts are only added.
	Unlink *bool `json:"unlink,omitempty"`
	// Users replaces the list of users of every linked dashboard. 24 hex digits each.
	Users *[]string `json:"users,omitempty" format:"hex" example:"[\"a11ce0000000000000000000\"]"`
}
