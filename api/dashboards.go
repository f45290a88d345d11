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
	"regexp"
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

type dashboards struct {
	deps       Deps
	authorizer *authorizer
}

func (d *dashboards) routes() []Operation {
	return []Operation{
		{http.MethodGet, patternDashboard, "getDashboard", []Role{RoleAgency, RoleClient, RoleAuditor}, operation{
			serve: d.getDashboard, takes: []Param{paramDashboard},
			Answer: Answer{Data: reflect.TypeFor[[]readmodels.DashboardView]()},
		}},
		{http.MethodPut, patternDashboard, "putDashboard", []Role{RoleAgency}, operation{
			serve: d.putDashboard, takes: []Param{paramDashboard, paramIfMatch, paramIfPreview, paramIdempotency},
			Answer: Answer{Data: reflect.TypeFor[domain.Dashboard]()}, Body: reflect.TypeFor[updateBody](),
		}},
		{
			http.MethodPost, patternDashboard + "/preview", "postDashboardPreview",
			[]Role{RoleAgency},
			accepting[updateBody](answering((*Params).dashboard, d.postPreview, paramIfMatch)),
		},
	}
}

// getDashboard returns the dashboard of the sub-account in the path. A GET by agency staff creates
// a missing dashboard.
func (d *dashboards) getDashboard(w http.ResponseWriter, r *http.Request) error {
	subAccount, err := dashboardID(r)
	if err != nil {
		return err
	}
	p, _ := PrincipalFrom(r.Context())
	parent, err := d.authorizer.parentOf(r.Context(), p)
	if err != nil {
		return err
	}
	request := readmodels.DashboardRequest{ParentAccount: parent, SubAccount: subAccount}
	if !p.Roles.Has(RoleAgency, RoleAuditor) {
		request.ClientAccount, request.ClientUser = p.AccountID, p.UserID
	}
	view, err := d.deps.Dashboards.Dashboard(r.Context(), request)
	if domain.CodeOf(err) == domain.CodeNotFound && p.Roles.Has(RoleAgency) {
		if err := d.deps.PeopleKnown(); err != nil { // creating a dashboard is a change
			return err
		}
		_, err = d.deps.DashboardCommands.Open(
			r.Context(), commands.OpenDashboard{Caller: caller(r, RoleAgency), SubAccount: subAccount},
		)
		if err == nil {
			view, err = d.deps.Dashboards.Dashboard(r.Context(), request)
		}
	}
	if err != nil {
		return err
	}
	w.Header().Set(headerETag, etag(view.Version))
	return writeData(w, []readmodels.DashboardView{view}, nil)
}

func (d *dashboards) putDashboard(w http.ResponseWriter, r *http.Request) error {
	subAccount, err := dashboardID(r)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	previewed, err := singleHeader(
		r.Header, headerIfPreview, previewForm, "must be the value of preview from a preview: 64 hex digits",
	)
	if err != nil {
		return err
	}
	command, err := readUpdate(r, subAccount)
	if err != nil {
		return err
	}
	command.Decision = previewed
	result, err := d.deps.DashboardCommands.Update(r.Context(), commands.UpdateDashboard{
		Caller: caller(r, RoleAgency), Change: command, IdempotencyKey: key, RequestDigest: updateDigest(command),
	})
	if err != nil {
		return err
	}
	w.Header().Set(headerETag, etag(result.Dashboard.Version))
	if result.Replayed {
		w.Header().Set(headerReplayed, "true")
	}
	return writeData(w, result.Dashboard, nil)
}

// postPreview returns the effect that a PUT with the same body and If-Match would have. It changes
// nothing.
func (d *dashboards) postPreview(r *http.Request, subAccount string) (shown history.DashboardPreview, err error) {
	command, err := readUpdate(r, subAccount)
	if err != nil {
		return shown, err
	}
	preview, err := d.deps.DashboardCommands.Preview(
		r.Context(), commands.UpdateDashboard{Caller: caller(r, RoleAgency), Change: command},
	)
	if err != nil {
		return shown, err
	}
	return d.deps.NamedPreview(r.Context(), preview)
}

func readUpdate(r *http.Request, subAccount string) (domain.UpdateDashboard, error) {
	match, err := ifMatch(r.Header)
	if err != nil {
		return domain.UpdateDashboard{}, err
	}
	members, err := readObject(r)
	if err != nil {
		return domain.UpdateDashboard{}, err
	}
	command, err := parseUpdate(subAccount, members)
	command.IfMatch = match
	return command, err
}

// dashboardID returns the sub-account in the path. It ignores the query, as the old system does.
func dashboardID(r *http.Request) (string, error) {
	text, _ := pathParam(r, paramDashboard.Name)
	id, ok := domain.HexID(text)
	if !ok {
		return "", domain.InvalidField(paramDashboard.Name, paramDashboard.wrong)
	}
	return id, nil
}

// caller returns the caller of a request, acting in role, in the form that records store. Operators
// and main applications act for no agency.
func caller(r *http.Request, role Role) commands.Caller {
	info := infoOf(r.Context())
	p, _ := PrincipalFrom(r.Context())
	c := commands.Caller{UserID: p.UserID, Role: string(role), RequestID: info.id, TraceParent: info.traceParent}
	if role != RoleOperator && role != RoleMainApp {
		c.ParentAccount = p.AccountID
	}
	return c
}

// parseUpdate reads the members of a PUT and converts ids to lower case. As in the old system, null
// means absent. The error lists every malformed value (400); the domain checks whether ids are
// known (422).
func parseUpdate(subAccount string, members map[string]json.RawMessage) (domain.UpdateDashboard, error) {
	var bad domain.FieldErrors
	command := domain.UpdateDashboard{
		Primary:              subAccount,
		AllowClientDashboard: member[bool](members, "allow_client_dashboard", "true or false", &bad),
		SubAccountIDs:        hexMember(members, "sub_account_ids", &bad),
		Users:                hexMember(members, "users", &bad),
		Scopes:               stringsMember(members, "scopes", &bad),
	}
	if unlink := member[bool](members, "unlink", "true or false", &bad); unlink != nil {
		command.Unlink = *unlink
	}
	if command.Scopes != nil {
		for _, e := range domain.ScopeErrors(*command.Scopes) {
			bad.Addf(e.Field, "%s", e.Detail)
		}
	}
	return command, bad.Err()
}

func member[T any](members map[string]json.RawMessage, name, form string, bad *domain.FieldErrors) *T {
	raw, present := members[name]
	if !present {
		return nil
	}
	var value *T
	if err := json.Unmarshal(wholeNumbers(raw), &value); err != nil {
		bad.Addf(name, "must be %s", form)
		return nil
	}
	return value
}

var wholeFraction = regexp.MustCompile(`([0-9])\.0+([],\s]|$)`)

// wholeNumbers removes zero fractions from a number or a list of numbers: some languages write the
// integer 2 as 2.0.
func wholeNumbers(raw json.RawMessage) json.RawMessage {
	if bytes.IndexByte(raw, '"') >= 0 {
		return raw
	}
	return wholeFraction.ReplaceAll(raw, []byte("$1$2"))
}

func stringsMember(members map[string]json.RawMessage, name string, bad *domain.FieldErrors) *[]string {
	list := member[[]json.RawMessage](members, name, "a list of strings", bad)
	if list == nil {
		return nil
	}
	values := make([]string, len(*list))
	for i, item := range *list {
		var value *string
		if err := json.Unmarshal(item, &value); err != nil || value == nil {
			bad.Addf(fmt.Sprintf("%s[%d]", name, i), "must be a string")
			continue
		}
		values[i] = *value
	}
	return &values
}

func hexMember(members map[string]json.RawMessage, name string, bad *domain.FieldErrors) *[]string {
	values := stringsMember(members, name, bad)
	if values == nil {
		return nil
	}
	for i, value := range *values {
		(*values)[i] = bad.HexID(fmt.Sprintf("%s[%d]", name, i), value)
	}
	return values
}

// updateDigest returns the hex SHA-256 of the length-prefixed method, path and canonical body. The
// canonical body has only the known members in the order of their names (as in [updateBody]), ids
// in lower case, and lists as sorted sets, so that equivalent bodies have the same digest. The path
// has no mount prefix, so that the same request under another prefix has the same digest. If-Match
// is a precondition and not part of the digest.
func updateDigest(c domain.UpdateDashboard) string {
	canonical := updateBody{
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

// updateBody is the body of a PUT. Every member is optional; null means absent.
type updateBody struct {
	// AllowClientDashboard opens (true) or closes (false) the linked dashboards to their clients.
	AllowClientDashboard *bool `json:"allow_client_dashboard,omitempty"`
	// Scopes replaces the scopes of every linked dashboard.
	Scopes *[]string `json:"scopes,omitempty"`
	// SubAccountIDs lists accounts to link; with unlink, all accounts that stay linked. 24 hex
	// digits each.
	SubAccountIDs *[]string `json:"sub_account_ids,omitempty"`
	// Unlink makes sub_account_ids the complete linked set; otherwise, accounts are only added.
	Unlink *bool `json:"unlink,omitempty"`
	// Users replaces the list of users of every linked dashboard. 24 hex digits each.
	Users *[]string `json:"users,omitempty"`
}
