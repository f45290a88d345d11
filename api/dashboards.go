package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// DashboardCommands decides and records changes of dashboards; *commands.Dashboards implements it.
// Errors are [domain.Error]s; an open outcome is unavailable, with CommandID and RetryAfter.
type DashboardCommands interface {
	Update(ctx context.Context, update commands.UpdateDashboard) (commands.Result, error)
	// Preview decides as Update does and records nothing.
	Preview(ctx context.Context, update commands.UpdateDashboard) (domain.DashboardPreview, error)
	// Open creates the dashboard if it is missing, and returns when a read shows it.
	Open(ctx context.Context, open commands.OpenDashboard) (commands.Result, error)
}

// DashboardReader reads dashboards; *readmodels.Dashboards implements it. An unknown account, one of
// another agency, an account without a dashboard and one that is not there for the client user who asks all
// give [domain.ErrDashboardNotFound].
type DashboardReader interface {
	Dashboard(ctx context.Context, request readmodels.DashboardRequest) (readmodels.DashboardView, error)
	// Named puts names to a preview.
	Named(ctx context.Context, preview domain.DashboardPreview) (readmodels.DashboardPreview, error)
}

// getDashboard answers the dashboard of the sub-account in the path. An agency's GET creates a
// missing one; an auditor's and a client's do not.
func (s *Server) getDashboard(w http.ResponseWriter, r *http.Request) error {
	subAccount, err := dashboardID(r)
	if err != nil {
		return err
	}
	p, _ := PrincipalFrom(r.Context())
	parent, err := s.parentOf(r.Context(), p)
	if err != nil {
		return err
	}
	request := readmodels.DashboardRequest{ParentAccount: parent, SubAccount: subAccount}
	if !p.Roles.Has(RoleAgency, RoleAuditor) {
		request.ClientAccount, request.ClientUser = p.AccountID, p.UserID
	}
	view, err := s.deps.Dashboards.Dashboard(r.Context(), request)
	if domain.CodeOf(err) == domain.CodeNotFound && p.Roles.Has(RoleAgency) {
		if err := s.deps.PeopleKnown(); err != nil { // to create is to change
			return err
		}
		_, err = s.deps.DashboardCommands.Open(r.Context(), commands.OpenDashboard{
			Caller: caller(r, RoleAgency), SubAccount: subAccount,
		})
		if err == nil {
			view, err = s.deps.Dashboards.Dashboard(r.Context(), request)
		}
	}
	if err != nil {
		return err
	}
	if !p.Roles.Has(RoleAgency, RoleAuditor) {
		if err := mayOpen(p, subAccount, view); err != nil {
			return err
		}
	}
	w.Header().Set(headerETag, etag(view.Version))
	return writeData(w, []readmodels.DashboardView{view}, nil)
}

// mayOpen is rule 11. A dashboard that is neither the client's own nor linked with it
// does not exist for the client; a client may know that its own dashboard is closed to it.
func mayOpen(p Principal, subAccount string, view readmodels.DashboardView) error {
	own := subAccount == p.AccountID
	linked := slices.ContainsFunc(view.SubAccountIDs, func(a readmodels.LinkedAccount) bool { return a.ID == p.AccountID })
	open := view.AllowClientDashboard && slices.Contains(view.Listed, p.UserID)
	switch {
	case (own || linked) && open:
		return nil
	case own:
		return domain.NewError(domain.CodeForbidden, "You have no access to this dashboard. Ask your agency for access.")
	default:
		return domain.ErrDashboardNotFound
	}
}

// putDashboard changes a dashboard and those linked with it.
func (s *Server) putDashboard(w http.ResponseWriter, r *http.Request) error {
	subAccount, err := dashboardID(r)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	previewed, err := ifPreview(r.Header)
	if err != nil {
		return err
	}
	command, err := readUpdate(r, subAccount)
	if err != nil {
		return err
	}
	command.Decision = previewed
	result, err := s.deps.DashboardCommands.Update(r.Context(), commands.UpdateDashboard{
		Caller:         caller(r, RoleAgency),
		Change:         command,
		IdempotencyKey: key,
		RequestDigest:  updateDigest(command),
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

// postPreview answers what a PUT with the same body and the same If-Match would do. It changes nothing.
func (s *Server) postPreview(r *http.Request, subAccount string) (shown readmodels.DashboardPreview, err error) {
	command, err := readUpdate(r, subAccount)
	if err != nil {
		return shown, err
	}
	preview, err := s.deps.DashboardCommands.Preview(r.Context(), commands.UpdateDashboard{Caller: caller(r, RoleAgency), Change: command})
	if err != nil {
		return shown, err
	}
	return s.deps.Dashboards.Named(r.Context(), preview)
}

// readUpdate reads the change that a request asks for, and on what condition.
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

func dashboardID(r *http.Request) (string, error) {
	raw, _ := pathParam(r, paramDashboard.Name)
	id, ok := domain.HexID(raw)
	if !ok {
		return "", domain.InvalidField(paramDashboard.Name, paramDashboard.wrong)
	}
	return id, nil
}

// caller is what a record will say about who asked for it, in a role. Operators and main applications act for no agency.
func caller(r *http.Request, role Role) commands.Caller {
	info := infoOf(r.Context())
	p, _ := PrincipalFrom(r.Context())
	c := commands.Caller{UserID: p.UserID, Role: string(role), RequestID: info.id, TraceParent: info.traceParent}
	if role != RoleOperator && role != RoleMainApp {
		c.ParentAccount = p.AccountID
	}
	return c
}
